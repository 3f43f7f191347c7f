"""Interventional robustness: how little each code moves while the factor that it follows is held still.

Suter et al. 2019 (arXiv 1811.00007), with the settings of Locatello et al. 2019 (arXiv 1811.12359). Each factor is cut
into at most 20 bins of equal width over its range.

    R_zf  = 1 − mean over bins of f of the 99th percentile of |z − its mean in the bin| / max |z − its mean|
    score = mean over codes of max_f R_zf, weighted by max |z − its mean|; constant codes take no part

Letters: N rows, Z codes, F factors, G groups of rows in the same bin.
"""

from __future__ import annotations

import numpy as np

from trainables.core.bootstrap import with_errors
from trainables.core.encoded import checked, constant, varying
from trainables.core.information import bins
from trainables.scores import Metric, When

PERCENTILE = 99
"""The paper's own form has the largest, 100."""

WHEN: When = "report"

GIVES = (
    Metric(
        name="score/irs",
        direction="maximize",
        needs=("factors",),
        points=100,
        ceiling="1 for factors of at most 20 values",
        floor="about 0.38 for Gaussian noise and 10,000 rows; 0 when no code is active",
    ),
)


def score(codes_NZ: np.ndarray, factors_NF: np.ndarray, *, seed: int = 0, bootstrap: int = 0) -> dict[str, float]:
    """``{"irs": …}`` in [0, 1] of finite codes and integer factors; ``seed`` is of the bootstrap.

    The definition has 10,000 rows. At least 100 are accepted; among few, the 99th percentile in a bin is of a handful
    of rows, which lie near their own mean, and the score rises. A factor with one value is left out, where the study's
    library lets it win with a code. Raises ``ValueError`` when none is left, and for arrays that do not fit.
    """
    codes_NZ, factors_NF = checked(codes_NZ, factors_NF, GIVES[0].points)
    return with_errors(_robustness, (codes_NZ, varying(factors_NF)), bootstrap=bootstrap, seed=seed)


def _robustness(codes_NZ: np.ndarray, factors_NF: np.ndarray) -> dict[str, float]:
    factors_NF = factors_NF[:, (factors_NF != factors_NF[0]).any(0)]
    if not factors_NF.shape[1]:
        return {"irs": np.nan}
    code_ZN = np.ascontiguousarray(codes_NZ.T[~constant(codes_NZ)], np.float64)
    if not len(code_ZN):
        return {"irs": 0.0}
    farthest_Z = np.abs(code_ZN - code_ZN.mean(1, keepdims=True)).max(1)
    moved_FZ = np.stack([_moved(code_ZN, bins(factor_N.astype(np.float64))) for factor_N in factors_NF.T])
    return {"irs": float(np.average((1 - moved_FZ / farthest_Z).max(0), weights=farthest_Z))}


def _moved(code_ZN: np.ndarray, bin_N: np.ndarray) -> np.ndarray:
    """Mean over bins of the percentile, (Z,), by linear interpolation between the two rows about it."""
    code_ZN = code_ZN[:, np.argsort(bin_N.astype(np.uint8), kind="stable")]
    count_G = np.bincount(bin_N)
    count_G = count_G[count_G > 0]
    moved_Z, first = np.zeros(len(code_ZN)), 0
    for count in count_G:
        group_ZN = code_ZN[:, first : first + count]
        first += count
        gap_ZN = np.abs(group_ZN - group_ZN.mean(1, keepdims=True))
        below, part = divmod(PERCENTILE * (count - 1), 100)
        gap_ZN.partition(below, axis=1)
        low_Z = gap_ZN[:, below]
        moved_Z += low_Z if not part else low_Z + part / 100 * (gap_ZN[:, below + 1 :].min(1) - low_Z)
    return moved_Z / len(count_G)
