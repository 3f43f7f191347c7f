"""What a dataset file says of itself (``Description``) and what it makes (``Arrays``).

This module knows nothing about files, Arrow or torch, so that every dataset can be described in no
time.

Legend: N images, C channels, H height, W width, F factors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

TRAIN, VALIDATION, TEST = 0, 1, 2
PARTS: dict[str, int] = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
"""Name of each split and the value that marks it in the column ``split``."""

Progress = Callable[[int, int], None] | None
"""Called as ``progress(done, total)``, in images."""


class DatasetError(ValueError):
    """The data are missing or damaged, or there is no room; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """A dataset with its options, before any work is done."""

    shape: tuple[int, int, int]
    """(C, H, W)."""
    images: int
    """Number of images N, of all splits together."""
    bits: int = 8
    """Bits a pixel: 1 (black or white) or 8."""
    factors: Mapping[str, int] = field(default_factory=dict)
    """Ground-truth factors and how many values each takes; empty where none are known."""
    classes: tuple[str, ...] = ()
    """What the labels 0, 1, … mean; empty where there are no labels."""
    summary: str
    """One line for people."""
    source: str
    """Where the images come from."""

    @property
    def row_bytes(self) -> int:
        """Bytes of one stored image: pixels in C, H, W order, most significant bit first."""
        channels, height, width = self.shape
        return -(-channels * height * width * self.bits // 8)

    @property
    def bytes(self) -> int:
        """Bytes of the prepared file, rounded up generously."""
        columns = 1 + bool(self.classes) + sum(1 if n <= 256 else 2 for n in self.factors.values())
        return self.images * (self.row_bytes + columns) + 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Arrays:
    """All images of a dataset, ready to be stored."""

    images: np.ndarray
    """uint8 (N, row_bytes): packed bits (``numpy.packbits``) if ``bits`` is 1, else one byte a
    pixel.
    """
    bits: int
    labels: np.ndarray | None
    """Integers (N,), or None."""
    factors: np.ndarray | None
    """Integers (N, F), columns in the order of ``Description.factors``, or None."""
    split: np.ndarray
    """uint8 (N,): 0 train, 1 validation, 2 test."""
    rule: Mapping[str, Any]
    """How the split was drawn, for the file's metadata."""


def seeded_split(images: int, seed: int = 0) -> tuple[np.ndarray, dict[str, Any]]:
    """80 % train, 10 % validation and 10 % test by a seeded permutation: (uint8 (N,), rule).

    ``RandomState`` is used because numpy promises never to change its stream.
    """
    tenth = max(1, round(0.1 * images))
    order = np.random.RandomState(seed).permutation(images)
    split = np.full(images, TRAIN, dtype=np.uint8)
    split[order[:tenth]] = VALIDATION
    split[order[tenth : 2 * tenth]] = TEST
    return split, {"kind": "seeded permutation", "seed": seed, "fractions": [0.8, 0.1, 0.1]}


def choice(dataset: str, option: str, value: object, allowed: tuple[int, ...]) -> None:
    """Raise ``ValueError`` unless the integer ``value`` is one of ``allowed``."""
    if isinstance(value, bool) or not isinstance(value, int) or value not in allowed:
        *rest, last = (str(a) for a in allowed)
        possible = f"{', '.join(rest)} or {last}" if rest else last
        raise ValueError(f"{dataset}: {option} must be {possible}, not {value!r}.")


def whole(dataset: str, option: str, value: object, largest: int) -> None:
    """Raise ``ValueError`` unless ``value`` is an integer from 1 to ``largest``."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= largest:
        raise ValueError(f"{dataset}: {option} must be a whole number from 1 to {largest}, not {value!r}.")
