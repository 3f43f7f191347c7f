"""Mask score: move one factor, and the variance of every code but one should be zero.

Proposed in section 3.1 of the report "Disentangling Symbols and Movements", defined here.

    R_kj  = mean over groups of images that differ in factor k alone, of the variance of code j, / variance of code j
    S_kj  = R_kj / Σ_j R_kj,  or 0 where no code moves
    score = mean over factors of S_kj(k),  j(k) the code responsible for factor k

A code is responsible for at most one factor. So j(k) is the code that factor k moves most, and where several factors
move the same code, the assignment that gives the largest mean; a factor left without a code counts 0. One code for
each factor scores 1, and one code for all K factors 1/K.

The score does not ask how far a factor moves its code: one that is hardly encoded, but by one code alone, counts in
full. Letters: N images, Z codes, K factors, G groups.
"""

from __future__ import annotations

import numpy as np

from trainables.core.encoded import CONSTANT, checked
from trainables.scores import Metric, When
from trainables.scores.factor_vae_score import PRUNE

WHEN: When = "report"

GIVES = (
    Metric(
        name="score/mask",
        direction="maximize",
        needs=("factors",),
        points=2,
        ceiling="1",
        floor="about 1 / codes; 0 when no code is active",
    ),
)


def score(codes_NZ: np.ndarray, factors_NF: np.ndarray) -> dict[str, float]:
    """``{"mask": …}`` in [0, 1] of finite codes and integer factors, on a full grid or on some of its rows.

    A group is all images that are equal in all factors but one, and take at least two values of that one; variances
    divide by the number of images less one. Codes with a standard deviation below 0.05 are dropped; without any other
    the score is 0. A factor with one value is left out. Nothing is given when no factor has two values, or one that
    has them has no group among these rows: a few rows of a fine grid say nothing of it. Raises ``ValueError`` for
    arrays that do not fit.
    """
    # Imported here: the registry of scores is read by commands that must be quick.
    from scipy.optimize import linear_sum_assignment

    codes_NZ, factors_NF = checked(codes_NZ, factors_NF, GIVES[0].points)
    deviation_Z = codes_NZ.std(0, ddof=1, dtype=np.float64)
    size_Z = np.abs(codes_NZ).max(0)
    active = deviation_Z > np.maximum(PRUNE, CONSTANT * size_Z)
    moving = [factor for factor, values_N in enumerate(factors_NF.T) if len(np.unique(values_N)) > 1]
    groups = [_groups(factors_NF, factor) for factor in moving]
    if not groups or any(not len(start_G) for _, start_G in groups):
        return {}
    if not active.any():
        return {"mask": 0.0}
    standard_NZ = (codes_NZ[:, active] - codes_NZ[:, active].mean(0, dtype=np.float64)) / deviation_Z[active]
    moved_KZ = np.stack([_variance(standard_NZ[row_N], start_G) for row_N, start_G in groups])
    # Below this a code stands still but for rounding, and a share of it would be a share of noise.
    moved_KZ[moved_KZ <= (CONSTANT * size_Z[active] / deviation_Z[active]) ** 2] = 0.0
    total_K = moved_KZ.sum(1, keepdims=True)
    share_KZ = np.divide(moved_KZ, total_K, out=np.zeros_like(moved_KZ), where=total_K > 0)
    responsible = linear_sum_assignment(share_KZ, maximize=True)
    return {"mask": float(share_KZ[responsible].sum() / len(moving))}


def _groups(factors_NF: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows sorted by group, and where each group (G,) begins among them; rows without a group are left out."""
    group_N = np.zeros(len(factors_NF), np.int64)
    for other in range(factors_NF.shape[1]):
        if other != factor:
            values, index_N = np.unique(factors_NF[:, other], return_inverse=True)
            # Numbered anew after each factor, so that many factors do not overflow.
            group_N = np.unique(group_N * len(values) + index_N, return_inverse=True)[1]
    order_N = np.lexsort((factors_NF[:, factor], group_N))
    group_N = group_N[order_N]
    start_G = np.flatnonzero(np.diff(group_N, prepend=-1))
    count_G = np.diff(start_G, append=len(group_N))
    own_N = factors_NF[order_N, factor]
    varied_G = own_N[start_G] != own_N[start_G + count_G - 1]
    kept_N = order_N[np.repeat(varied_G, count_G)]
    count_G = count_G[varied_G]
    return kept_N, np.cumsum(count_G) - count_G


def _variance(code_NZ: np.ndarray, start_G: np.ndarray) -> np.ndarray:
    """Mean (Z,) over groups of the variance within each."""
    count_G = np.diff(start_G, append=len(code_NZ))[:, None]
    mean_GZ = np.add.reduceat(code_NZ, start_G) / count_G
    square_NZ = (code_NZ - np.repeat(mean_GZ, count_G[:, 0], axis=0)) ** 2
    return (np.add.reduceat(square_NZ, start_G) / (count_G - 1)).mean(0)
