"""Groups of images that share the value of one factor, encoded: of any model, or of rows encoded before.

What the FactorVAE and β-VAE scores draw. Layouts are for speed: the images of a group lie in the first axis, so that
sums over a group run along memory. Letters: N rows, Z codes, F factors, G groups, S images of a group.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

TOGETHER = 4096
"""Images drawn at once: as many as a model encodes without running out of memory."""

Represent = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""``represent(factors_NF, rng) -> codes_NZ``: images of these factors, encoded."""


class Images(Protocol):
    """Where the images come from."""

    held: np.ndarray
    """The factors that can be held still, by their index."""

    def sample(self, images: int, rng: np.random.Generator) -> np.ndarray:
        """Codes (N, Z) of so many images at most, of any factors."""

    def draw(self, held_G: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
        """Codes (S, G, Z) of groups of ``size`` images; those of group g share the value of factor ``held_G[g]``."""


class Rendered:
    """Images of factors drawn uniformly, encoded by ``represent`` when they are drawn."""

    def __init__(self, represent: Represent, factor_sizes: Sequence[int]) -> None:
        """``factor_sizes`` are the numbers of values of the F factors.  Raises ``ValueError`` unless one exceeds 1."""
        sizes_F = np.asarray(factor_sizes)
        if sizes_F.ndim != 1 or not np.issubdtype(sizes_F.dtype, np.integer) or (sizes_F < 1).any():
            raise ValueError(f"Factor sizes must be positive whole numbers, not {factor_sizes!r}.")
        self.held = np.flatnonzero(sizes_F > 1)
        if not len(self.held):
            raise ValueError(f"No factor takes two values, by the factor sizes {factor_sizes!r}; one must.")
        self._represent, self._sizes = represent, sizes_F.tolist()

    def sample(self, images: int, rng: np.random.Generator) -> np.ndarray:
        return np.asarray(self._represent(self._factors((images,), rng).T, rng))

    def draw(self, held_G: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
        factors_FSG = self._factors((size, len(held_G)), rng)
        group_G = np.arange(len(held_G))
        factors_FSG[held_G, :, group_G] = factors_FSG[held_G, 0, group_G][:, None]
        codes = np.asarray(self._represent(factors_FSG.reshape(len(self._sizes), -1).T, rng))
        return codes.reshape(size, len(held_G), -1)

    def _factors(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        factors = np.empty((len(self._sizes), *shape), np.int64)
        for values, factor in zip(self._sizes, factors, strict=True):
            # 16 random bits where they are enough: drawing is most of the work.
            factor[...] = rng.integers(values, size=shape, dtype=np.uint16 if values <= 2**16 else np.int64)
        return factors


class Rows:
    """Rows already encoded, which need not be a full grid.

    Values with one row are left out: a row alone stands still in every code.
    """

    def __init__(self, codes_NZ: np.ndarray, factors_NF: np.ndarray) -> None:
        self._codes, rows = codes_NZ, len(codes_NZ)
        # Of all factors one behind the other: rows by value; each row's place there, and its value's first and count.
        self._sorted, self._place, self._first, self._count = np.empty((4, factors_NF.size), np.int64)
        self._anchors = np.empty(factors_NF.shape[::-1], np.int64)
        eligible, several = [], []
        for factor, factor_N in enumerate(factors_NF.T):
            own = slice(factor * rows, (factor + 1) * rows)
            _, index_N, count_V = np.unique(factor_N, return_inverse=True, return_counts=True)
            self._sorted[own] = order_N = np.argsort(index_N, kind="stable")
            self._place[own][order_N] = np.arange(own.start, own.stop)
            self._first[own] = own.start + (np.cumsum(count_V) - count_V)[index_N]
            self._count[own] = count_V[index_N]
            # Rows that are alone come last, and are never drawn.
            self._anchors[factor] = np.argsort(count_V[index_N] < 2, kind="stable")
            eligible.append((count_V[index_N] > 1).sum())
            several.append((count_V > 1).sum() > 1)
        self._eligible = np.array(eligible)
        self.held = np.flatnonzero(several)

    def sample(self, images: int, rng: np.random.Generator) -> np.ndarray:
        if len(self._codes) <= images:
            return self._codes
        return self._codes[rng.choice(len(self._codes), images, replace=False)]

    def draw(self, held_G: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
        return self._codes.take(self.rows(held_G, size, rng), axis=0)

    def rows(self, held_G: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
        """The rows (S, G) of a draw: a random one, another with its value, and more of it, with replacement."""
        rows_SG = np.empty((size, len(held_G)), np.int64)
        rows_SG[0] = self._anchors[held_G, _below(self._eligible[held_G], (1, len(held_G)), rng)[0]]
        row_G = held_G * len(self._codes) + rows_SG[0]
        first_G, count_G = self._first[row_G], self._count[row_G]
        place_SG = first_G + _below(count_G, (size - 1, len(held_G)), rng)
        # The second image is another: a row differs from itself in no code, which would tell that its value is rare.
        apart_G = 1 + _below(count_G - 1, (1, len(held_G)), rng)[0]
        second_G = self._place[row_G] + apart_G
        place_SG[:1] = np.where(second_G < first_G + count_G, second_G, second_G - count_G)
        rows_SG[1:] = self._sorted[place_SG]
        return rows_SG


def _below(count_G: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Whole numbers from 0 to ``count_G`` − 1; a bias of ``count`` in 2³² is accepted for speed."""
    return ((rng.integers(2**32, size=shape, dtype=np.uint32) * count_G.astype(np.uint64)) >> np.uint64(32)).astype(
        np.int64
    )
