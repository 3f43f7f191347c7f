"""β-VAE score: whether a linear classifier tells which factor two images share, by how far their codes lie apart.

Higgins et al. 2017 (ICLR, "β-VAE: learning basic visual concepts with a constrained variational framework"), section
3, with the sizes of Locatello et al. 2019 (arXiv 1811.12359). The images of a pair share the value of one factor; the
mean over 64 pairs of the absolute difference of each code is one point, and the factor its class. Logistic regression
is fitted to ``train`` points and tested on ``evaluations`` more.

Letters: N rows, Z codes, F factors, P points, S pairs of a point.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from trainables.core import softmax
from trainables.core.bootstrap import with_errors
from trainables.core.encoded import checked
from trainables.core.groups import TOGETHER, Images, Rendered, Represent, Rows
from trainables.scores import Metric, When

WHEN: When = "end"

GIVES = (
    Metric(
        name="score/beta_vae_score",
        direction="maximize",
        needs=("factors",),
        points=300,
        ceiling="1",
        floor="1 / factors, and a little more by chance",
    ),
)


def score(
    represent: Represent,
    factor_sizes: Sequence[int],
    *,
    seed: int = 0,
    bootstrap: int = 0,
    train: int = 10_000,
    evaluations: int = 5_000,
    batch: int = 64,
) -> dict[str, float]:
    """``{"beta_vae_score": …}``, test accuracy in [0, 1], of ``represent(factors_NF, rng) -> codes_NZ``.

    ``factor_sizes`` are the numbers of values of the F factors; factors are drawn uniformly. ``batch`` pairs are a
    point. A factor with one value is never the one shared, which in the study's library it is. The standard error
    resamples the points that fit and those that test, each among themselves: all images are drawn for this score, so
    nothing else varies. Raises ``ValueError`` when no factor has two values, or a size is not positive.
    """
    rng = np.random.default_rng(seed)
    points = _points(Rendered(represent, factor_sizes), rng, train + evaluations, batch)
    return with_errors(partial(_accuracy, train=train), points, bootstrap=bootstrap, seed=seed, fit=train)


def score_rows(
    codes_NZ: np.ndarray,
    factors_NF: np.ndarray,
    *,
    seed: int = 0,
    bootstrap: int = 0,
    train: int = 10_000,
    evaluations: int = 5_000,
    batch: int = 64,
) -> dict[str, float]:
    """``score`` on 300 or more rows already encoded, which need not be a full grid.

    A pair is a random row and another that has its value; values with one row are left out. The definition has a full
    grid. Few rows make few pairs, which the classifier knows again when it is tested: noise gets 0.22 with 1,000 rows
    of the sprites' five factors, and 0.30 with the 300 that are accepted, instead of 0.2. The standard error resamples
    the rows, and draws new points from each resample: points alone would not tell that the rows are few. Raises
    ``ValueError`` when no factor has two values with two rows each, and for arrays that do not fit.
    """
    codes_NZ, factors_NF = checked(codes_NZ, factors_NF, GIVES[0].points)
    rng = np.random.default_rng(seed)

    def statistic(codes_NZ: np.ndarray, factors_NF: np.ndarray) -> dict[str, float]:
        images = Rows(codes_NZ, factors_NF)
        if not len(images.held):
            return {"beta_vae_score": np.nan}
        return _accuracy(*_points(images, rng, train + evaluations, batch), train)

    if not len(Rows(codes_NZ, factors_NF).held):
        raise ValueError("No factor takes two values (with two rows each); the β-VAE score needs one.")
    return with_errors(statistic, (codes_NZ, factors_NF), bootstrap=bootstrap, seed=seed)


def _points(images: Images, rng: np.random.Generator, points: int, pairs: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean absolute differences (P, Z), and the index (P,) among ``images.held`` of the factor that is shared."""
    index_P = rng.integers(len(images.held), size=points)
    together = max(1, TOGETHER // (2 * pairs))
    found = []
    for first in range(0, points, together):
        shared_P = images.held[index_P[first : first + together]]
        codes_2GZ = images.draw(np.tile(shared_P, pairs), 2, rng)
        apart_GZ = np.abs(codes_2GZ[0] - codes_2GZ[1])
        found.append(apart_GZ.reshape(pairs, len(shared_P), -1).mean(0, dtype=np.float64))
    return np.concatenate(found), index_P


def _accuracy(point_PZ: np.ndarray, index_P: np.ndarray, train: int) -> dict[str, float]:
    known, fit_P = np.unique(index_P[:train], return_inverse=True)
    if len(known) < 2:
        return {"beta_vae_score": float((index_P[train:] == known[0]).mean())}
    probability_LP = softmax.probabilities(point_PZ[:train], fit_P, point_PZ[train:])
    return {"beta_vae_score": float((known[probability_LP.argmax(0)] == index_P[train:]).mean())}
