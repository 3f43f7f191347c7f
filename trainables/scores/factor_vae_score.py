"""FactorVAE score: whether the code that stands still tells which factor was held still.

Kim & Mnih 2018 (arXiv 1802.05983), section 4, with the sizes of Locatello et al. 2019 (arXiv
1811.12359). Batches of images share the value of one factor. In each, the code with the least
variance, relative to its variance over all data, votes for the factor; a majority table made of
``votes`` such batches is tested on ``evaluations`` more.

Letters: N rows, Z codes, F factors, V votes, B images of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from trainables.scores import Metric
from trainables.scores.mig import checked

PRUNE = 0.05
"""Codes with a standard deviation below this are dropped."""
CONSTANT = 1e-6
"""Codes whose standard deviation is below this part of their size are constant but for rounding."""
TOGETHER = 64
"""Batches drawn at once: 4,096 images, which a model encodes without running out of memory."""

GIVES = (
    Metric(
        name="score/factor_vae_score",
        direction="maximize",
        needs=("factors",),
        ceiling="1",
        floor="1 / factors, and a little more by chance; 0 when no code is active",
    ),
)

Represent = Callable[[np.ndarray, np.random.Generator], np.ndarray]
Batches = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def score(
    represent: Represent,
    factor_sizes: Sequence[int],
    *,
    seed: int = 0,
    votes: int = 10_000,
    evaluations: int = 5_000,
    batch: int = 64,
    variances: int = 10_000,
    prune: float | None = PRUNE,
) -> dict[str, float]:
    """``{"factor_vae_score": …}`` in [0, 1] of ``represent(factors_NF, rng) -> codes_NZ``.

    ``factor_sizes`` are the numbers of values of the F factors; factors are drawn uniformly.
    ``variances`` images give the variances over all data. ``prune = None`` drops constant codes
    only, as the public library of the study does. A factor with one value is never the one held
    still. Raises ``ValueError`` when none has more, or a size is not positive.
    """
    sizes_F = np.asarray(factor_sizes)
    if sizes_F.ndim != 1 or not np.issubdtype(sizes_F.dtype, np.integer) or (sizes_F < 1).any():
        raise ValueError(f"Factor sizes must be positive whole numbers, not {factor_sizes!r}.")
    rng = np.random.default_rng(seed)
    codes_NZ = np.asarray(represent(rng.integers(sizes_F, size=(variances, len(sizes_F))), rng))

    def batches(held_V: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        factors_VBF = rng.integers(sizes_F, size=(len(held_V), batch, len(sizes_F)))
        vote = np.arange(len(held_V))
        factors_VBF[vote, :, held_V] = factors_VBF[vote, :1, held_V]
        codes = np.asarray(represent(factors_VBF.reshape(-1, len(sizes_F)), rng))
        return codes.reshape(len(held_V), batch, -1)

    held = np.flatnonzero(sizes_F > 1)
    return _score(codes_NZ, batches, held, rng, votes, evaluations, prune)


def score_rows(
    codes_NZ: np.ndarray,
    factors_NF: np.ndarray,
    *,
    seed: int = 0,
    votes: int = 10_000,
    evaluations: int = 5_000,
    batch: int = 64,
    variances: int = 10_000,
    prune: float | None = PRUNE,
) -> dict[str, float]:
    """``score`` on rows already encoded, which need not be a full grid.

    A batch is drawn with replacement among the rows that have the value of a random row; values
    with one row are left out, because a row alone stands still in every code. Raises ``ValueError``
    when no factor has two values with two rows each, and for arrays that do not fit.
    """
    codes_NZ, factors_NF = checked(codes_NZ, factors_NF)
    rng = np.random.default_rng(seed)
    groups = [_Groups(factor_N) for factor_N in factors_NF.T]

    def batches(held_V: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        rows_VB = np.empty((len(held_V), batch), np.int64)
        for factor in np.unique(held_V):
            chosen = held_V == factor
            rows_VB[chosen] = groups[factor].draw(int(chosen.sum()), batch, rng)
        return codes_NZ[rows_VB]

    held = np.flatnonzero([group.values > 1 for group in groups])
    sample = codes_NZ
    if len(codes_NZ) > variances:
        sample = codes_NZ[rng.choice(len(codes_NZ), variances, replace=False)]
    return _score(sample, batches, held, rng, votes, evaluations, prune)


class _Groups:
    """The rows of each value of one factor that has at least two rows."""

    def __init__(self, factor_N: np.ndarray) -> None:
        _, index_N, counts = np.unique(factor_N, return_inverse=True, return_counts=True)
        order_N = np.argsort(index_N, kind="stable")
        self._rows = order_N[counts[index_N[order_N]] > 1]
        self._counts = counts[counts > 1]
        self._starts = np.cumsum(self._counts) - self._counts
        self.values = len(self._counts)

    def draw(self, times: int, batch: int, rng: np.random.Generator) -> np.ndarray:
        """``times`` batches of rows that share a value, (times, batch)."""
        row = rng.integers(len(self._rows), size=times)
        value = np.searchsorted(self._starts, row, side="right") - 1
        within = rng.random((times, batch), np.float32) * self._counts[value][:, None]
        return self._rows[self._starts[value][:, None] + within.astype(np.int64)]


def _score(
    codes_NZ: np.ndarray,
    batches: Batches,
    held: np.ndarray,
    rng: np.random.Generator,
    votes: int,
    evaluations: int,
    prune: float | None,
) -> dict[str, float]:
    if not len(held):
        raise ValueError("No factor takes two values (with two rows each); the FactorVAE score needs one.")
    deviation_Z = codes_NZ.std(0, ddof=1, dtype=np.float64)
    size_Z = np.abs(codes_NZ).max(0)
    active = np.flatnonzero(deviation_Z > np.maximum(prune or 0.0, CONSTANT * size_Z))
    if not len(active):
        return {"factor_vae_score": 0.0}

    def ballots(count: int) -> np.ndarray:
        table = np.zeros((len(active), len(held)), np.int64)
        for first in range(0, count, TOGETHER):
            factor_V = rng.integers(len(held), size=min(TOGETHER, count - first))
            codes_VBZ = batches(held[factor_V], rng)[:, :, active]
            ratio_VZ = codes_VBZ.var(1, ddof=1, dtype=np.float64) / deviation_Z[active] ** 2
            np.add.at(table, (ratio_VZ.argmin(1), factor_V), 1)
        return table

    majority = ballots(votes).argmax(1)
    test = ballots(evaluations)
    return {"factor_vae_score": float(test[np.arange(len(active)), majority].sum() / evaluations)}
