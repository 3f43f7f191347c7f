"""Separated attribute predictability: how much better the best code alone predicts each factor than the second best.

Kumar et al. 2018 (arXiv 1711.00848), section 3, with the settings of Locatello et al. 2019 (arXiv 1811.12359). The
prediction of a factor by a code is the test accuracy of a linear support vector machine (C = 0.01, balanced classes,
one class against the rest) on that code alone; in the continuous form, their squared correlation. The score is the
mean over factors of the largest less the second largest.

A line through one code can tell few of many values apart, so even perfect codes score low on factors of many values.

Letters: N rows, Z codes, F factors, L classes.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from trainables.core import hinge
from trainables.core.bootstrap import with_errors
from trainables.core.encoded import checked, constant, fitting, varying
from trainables.scores import Metric, When

WHEN: When = "end"

GIVES = (
    Metric(
        name="score/sap",
        direction="maximize",
        needs=("factors",),
        points=100,
        ceiling="about 0.66 for a factor of 3 values, 0.30 of 6 and 0.06 of 32; 0.18 for the sprites' five",
        floor="0",
    ),
)


def score(
    codes_NZ: np.ndarray, factors_NF: np.ndarray, *, seed: int = 0, bootstrap: int = 0, continuous: bool = False
) -> dict[str, float]:
    """``{"sap": …}`` in [0, 1] of finite codes and integer factors (any numbers if ``continuous``).

    The definition has 10,000 rows to fit and 5,000 to test; here the first two thirds of at least 100 rows fit and the
    last third tests, and with few the noise of an accuracy, about √(0.25 / N), makes gaps of its own. The continuous
    form fits nothing and takes all rows. The second of a single code is a code that tells nothing. A factor with one
    value (discrete: in the rows that fit) is left out of the mean. ``seed`` is of the bootstrap. Raises ``ValueError``
    when none is left, and for arrays that do not fit.
    """
    codes_NZ, factors_NF = checked(codes_NZ, factors_NF, GIVES[0].points, real=continuous)
    if codes_NZ.shape[1] == 1:
        codes_NZ = np.concatenate([codes_NZ, np.zeros_like(codes_NZ)], axis=1)
    if continuous:
        return with_errors(_correlated, (codes_NZ, varying(factors_NF)), bootstrap=bootstrap, seed=seed)
    fit = fitting(len(codes_NZ))
    arrays = codes_NZ, varying(factors_NF, fit)
    return with_errors(partial(_predicted, fit=fit), arrays, bootstrap=bootstrap, seed=seed, fit=fit)


def _correlated(codes_NZ: np.ndarray, factors_NF: np.ndarray) -> dict[str, float]:
    code_NZ = np.where(constant(codes_NZ), 0.0, codes_NZ - codes_NZ.mean(0, dtype=np.float64))
    factor_NF = (factors_NF - factors_NF.mean(0))[:, (factors_NF != factors_NF[0]).any(0)]
    scale_ZF = (code_NZ**2).sum(0)[:, None] * (factor_NF**2).sum(0)
    square_ZF = (code_NZ.T @ factor_NF) ** 2
    return _gap(np.divide(square_ZF, scale_ZF, out=np.zeros_like(square_ZF), where=scale_ZF > 0))


def _predicted(codes_NZ: np.ndarray, factors_NF: np.ndarray, fit: int) -> dict[str, float]:
    prepared = hinge.Sorted(codes_NZ[:fit])
    test_ZN = np.ascontiguousarray(codes_NZ[fit:].T, np.float64)
    accuracies = []
    for factor_N in factors_NF.T:
        names_L, index_N = np.unique(factor_N[:fit], return_inverse=True)
        if len(names_L) < 2:
            continue
        weight_ZL, intercept_ZL = prepared.fit(index_N)
        told_ZN = np.stack([_told(*machine) for machine in zip(test_ZN, weight_ZL, intercept_ZL, strict=True)])
        accuracies.append((names_L[told_ZN] == factor_N[fit:]).mean(1))
    return _gap(np.stack(accuracies, axis=1) if accuracies else np.zeros((2, 0)))


def _told(code_N: np.ndarray, weight_L: np.ndarray, intercept_L: np.ndarray) -> np.ndarray:
    """The class of each row: the first of those with the largest value, or by the sign between two."""
    value_LN = weight_L[:, None] * code_N + intercept_L[:, None]
    return (value_LN[0] > 0).astype(np.int64) if len(weight_L) == 1 else value_LN.argmax(0)


def _gap(predicted_ZF: np.ndarray) -> dict[str, float]:
    if not predicted_ZF.size:
        return {"sap": np.nan}
    ordered_ZF = np.sort(predicted_ZF, axis=0)
    return {"sap": float((ordered_ZF[-1] - ordered_ZF[-2]).mean())}
