"""FactorVAE score: whether the code that stands still tells which factor was held still.

Kim & Mnih 2018 (arXiv 1802.05983), section 4, with the sizes of Locatello et al. 2019 (arXiv 1811.12359). Groups of
images share the value of one factor. In each, the code with the least variance, relative to its variance over all
data, votes for the factor; a majority table made of ``votes`` such groups is tested on ``evaluations`` more.

Letters: N rows, Z codes, F factors, G groups (each is one vote), S images of a group.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from trainables.core.bootstrap import with_errors
from trainables.core.encoded import CONSTANT, checked
from trainables.core.groups import TOGETHER, Images, Rendered, Represent, Rows
from trainables.scores import Metric, When

PRUNE = 0.05
"""Codes with a standard deviation below this are dropped."""

WHEN: When = "end"

GIVES = (
    Metric(
        name="score/factor_vae_score",
        direction="maximize",
        needs=("factors",),
        points=100,
        ceiling="1",
        floor="1 / factors, and a little more by chance; 0 when no code is active",
    ),
)


def score(
    represent: Represent,
    factor_sizes: Sequence[int],
    *,
    seed: int = 0,
    bootstrap: int = 0,
    votes: int = 10_000,
    evaluations: int = 5_000,
    batch: int = 64,
    variances: int = 10_000,
    prune: float | None = PRUNE,
) -> dict[str, float]:
    """``{"factor_vae_score": …}`` in [0, 1] of ``represent(factors_NF, rng) -> codes_NZ``.

    ``factor_sizes`` are the numbers of values of the F factors; factors are drawn uniformly. ``variances`` images give
    the variances over all data. ``prune = None`` drops constant codes only, where the study's library drops none. A
    factor with one value is never the one held still, which there it is. The standard error resamples votes and tests,
    each among themselves: all images are drawn for this score, so nothing else varies. Raises ``ValueError`` when no
    factor has two values, or a size is not positive.
    """
    rng = np.random.default_rng(seed)
    cast_G2 = _ballots(Rendered(represent, factor_sizes), rng, votes + evaluations, batch, variances, prune)
    return with_errors(partial(_accuracy, votes=votes), (cast_G2,), bootstrap=bootstrap, seed=seed, fit=votes)


def score_rows(
    codes_NZ: np.ndarray,
    factors_NF: np.ndarray,
    *,
    seed: int = 0,
    bootstrap: int = 0,
    votes: int = 10_000,
    evaluations: int = 5_000,
    batch: int = 64,
    variances: int = 10_000,
    prune: float | None = PRUNE,
) -> dict[str, float]:
    """``score`` on 100 or more rows already encoded, which need not be a full grid.

    A group is a random row and others, drawn with replacement, that have its value; values with one row are left out,
    because a row alone stands still in every code. The definition has a full grid; among few rows a group is few images
    repeated, and more codes stand still by chance. The standard error resamples the rows, and draws and tests new votes
    from each resample: votes alone would not tell that the rows are few. Raises ``ValueError`` when no factor has two
    values with two rows each, and for arrays that do not fit.
    """
    codes_NZ, factors_NF = checked(codes_NZ, factors_NF, GIVES[0].points)
    rng = np.random.default_rng(seed)

    def statistic(codes_NZ: np.ndarray, factors_NF: np.ndarray) -> dict[str, float]:
        images = Rows(codes_NZ, factors_NF)
        if not len(images.held):
            return {"factor_vae_score": np.nan}
        return _accuracy(_ballots(images, rng, votes + evaluations, batch, variances, prune), votes)

    if not len(Rows(codes_NZ, factors_NF).held):
        raise ValueError("No factor takes two values (with two rows each); the FactorVAE score needs one.")
    return with_errors(statistic, (codes_NZ, factors_NF), bootstrap=bootstrap, seed=seed)


def _ballots(
    images: Images, rng: np.random.Generator, groups: int, size: int, variances: int, prune: float | None
) -> np.ndarray:
    """(G, 2): which code stood still, and which factor was held; no code is −1."""
    sample_NZ = images.sample(variances, rng)
    deviation_Z = sample_NZ.std(0, ddof=1, dtype=np.float64)
    active = np.flatnonzero(deviation_Z > np.maximum(prune or 0.0, CONSTANT * np.abs(sample_NZ).max(0)))
    held_G = images.held[rng.integers(len(images.held), size=groups)]
    if not len(active):
        return np.stack([np.full(groups, -1), held_G], axis=1)
    still = []
    together = max(1, TOGETHER // size)
    for first in range(0, groups, together):
        codes_SGZ = images.draw(held_G[first : first + together], size, rng)[:, :, active]
        # Less the first image, a code that stands still is exactly 0, and its variance too.
        moved_SGZ = (codes_SGZ - codes_SGZ[0]) / deviation_Z[active]
        sum_GZ = moved_SGZ.sum(0)
        still.append(((moved_SGZ**2).sum(0) - sum_GZ**2 / size).argmin(1))
    return np.stack([active[np.concatenate(still)], held_G], axis=1)


def _accuracy(cast_G2: np.ndarray, votes: int) -> dict[str, float]:
    if (cast_G2[:, 0] < 0).any():
        return {"factor_vae_score": 0.0}
    table = np.zeros(cast_G2.max(0) + 1, np.int64)
    np.add.at(table, tuple(cast_G2[:votes].T), 1)
    code_G, held_G = cast_G2[votes:].T
    return {"factor_vae_score": float((table.argmax(1)[code_G] == held_G).mean())}
