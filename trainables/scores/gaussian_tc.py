"""Total correlation of the mean codes, as if they were jointly Gaussian: how far the codes are from independent.

The divergence of a Gaussian with the codes' covariance S from the product of its marginals, as Locatello et al. 2019
(arXiv 1811.12359) report it: ½ (Σ log diag S − log det S), in nats. It sees linear dependence alone, and it is of mean
codes: codes that were sampled are never farther from independent. Letters: N rows, Z codes.
"""

from __future__ import annotations

import numpy as np

from trainables.core.bootstrap import with_errors
from trainables.core.encoded import constant, finite
from trainables.scores import Metric, When

LEAST = 1e-12
"""Eigenvalues of the correlation matrix below this count as this: float32 knows them no better."""

WHEN: When = "report"

GIVES = (
    Metric(
        name="score/gaussian_tc",
        direction="minimize",
        points=100,
        ceiling="0",
        floor="none: a code that is a linear function of others costs up to 13.8 nats, for infinitely many",
    ),
)


def score(codes_NZ: np.ndarray, *, seed: int = 0, bootstrap: int = 0) -> dict[str, float]:
    """``{"gaussian_tc": …}`` in nats, at least 0, of finite codes; ``seed`` is of the bootstrap.

    The definition has 10,000 rows. At least 100 are accepted; independent codes get about Z (Z − 1) / 4N nats, which is
    0.002 for ten codes of 10,000 rows and 0.2 of 100. Constant codes are independent of all others. Raises
    ``ValueError`` for arrays that do not fit.
    """
    return with_errors(_correlation, (finite(codes_NZ, GIVES[0].points),), bootstrap=bootstrap, seed=seed)


def _correlation(codes_NZ: np.ndarray) -> dict[str, float]:
    code_NZ = codes_NZ[:, ~constant(codes_NZ)].astype(np.float64)
    code_NZ -= code_NZ.mean(0)
    code_NZ /= code_NZ.std(0)
    eigenvalue_Z = np.linalg.eigvalsh(code_NZ.T @ code_NZ / len(code_NZ))
    return {"gaussian_tc": max(0.0, -0.5 * float(np.log(np.maximum(eigenvalue_Z, LEAST)).sum()))}
