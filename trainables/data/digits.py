"""Real handwritten digits, 1,797 of 8×8 pixels and 17 grey values, which come with scikit-learn.

They are the test part of "Optical Recognition of Handwritten Digits", Alpaydin and Kaynak 1998
(UCI).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainables.core.arrays import Arrays, Description, Progress, choice, seeded_split

IMAGES = 1797
EDGE = 8


@dataclass(frozen=True, kw_only=True)
class Options:
    """How large the images are."""

    size: int = 32
    """Width and height in pixels: 8 as they are, 16 or 32 enlarged bilinearly."""

    def __post_init__(self) -> None:
        choice("digits", "size", self.size, (8, 16, 32))


def describe(options: Options) -> Description:
    """The dataset before it is read."""
    return Description(
        shape=(1, options.size, options.size),
        images=IMAGES,
        classes=tuple("0123456789"),
        summary="handwritten digits, grey, small but real",
        source="comes with scikit-learn",
    )


def prepare(
    options: Options,
    source: Path | None = None,
    *,
    download: bool = False,
    progress: Progress = None,
) -> Arrays:
    """Read and enlarge the digits.

    Nothing is looked for, so ``source`` and ``download`` do not matter.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    weights = bilinear(options.size)
    large = weights @ images.reshape(-1, EDGE, EDGE) @ weights.T
    split, rule = seeded_split(len(images))
    if progress is not None:
        progress(len(images), IMAGES)
    return Arrays(
        images=np.round(large * (255.0 / 16.0)).astype(np.uint8).reshape(len(images), -1),
        bits=8,
        labels=labels,
        factors=None,
        split=split,
        rule=rule,
    )


def bilinear(size: int) -> np.ndarray:
    """Weights (size, 8): linear between pixel centres, constant beyond the outermost."""
    place = ((np.arange(size) + 0.5) * EDGE / size - 0.5).clip(0, EDGE - 1)
    return np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(EDGE)))
