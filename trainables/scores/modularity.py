"""Modularity, whether each code knows one factor alone, and explicitness, how well all codes tell each factor's values.

Ridgeway & Mozer 2018 (arXiv 1802.05312), section 3, with the settings of Locatello et al. 2019 (arXiv 1811.12359).

    modularity   = mean over codes of 1 − Σ_{f ≠ f*} I_f² / (I_f*² (F − 1)),  I_f the mutual information with factor f
                   (20 bins), f* the factor with the largest; 0 for a code that knows none
    explicitness = mean over factors, and over their values, of the area under the ROC curve of "has this value",
                   by the probabilities of multinomial logistic regression on standardised codes

Letters: N rows, Z codes, F factors, L values of a factor.
"""

from __future__ import annotations

import numpy as np

from trainables.core import softmax
from trainables.core.bootstrap import with_errors
from trainables.core.encoded import checked, fitting, standardised, varying
from trainables.core.information import mutual_information
from trainables.scores import Metric, When

WHEN: When = "end"

GIVES = (
    Metric(
        name="score/modularity",
        direction="maximize",
        needs=("factors",),
        points=100,
        ceiling="1",
        floor="about 0.66 for noise, which knows every factor as little; 0 when no code knows any",
    ),
    Metric(
        name="score/explicitness",
        direction="maximize",
        needs=("factors",),
        points=100,
        ceiling="1; about 0.96 for a factor of 40 values that one code alone tells",
        floor="0.5",
    ),
)


def score(codes_NZ: np.ndarray, factors_NF: np.ndarray, *, seed: int = 0, bootstrap: int = 0) -> dict[str, float]:
    """``modularity`` and ``explicitness`` in [0, 1] of finite codes and integer factors; ``seed`` is of the bootstrap.

    The definition has 10,000 rows and 5,000 more to test; here modularity is of all rows, at least 100, and for
    explicitness the first two thirds fit and the last third tests. Few rows bias every mutual information upward, and
    so modularity downward. All codes count in modularity, those that know nothing too; with a single factor each that
    knows it has 1. A factor with one value in the rows that fit is left out, where the study's library counts it as
    one more that no code knows; so is a value that all rows that test have, or none. Raises ``ValueError`` when no
    factor is left, and for arrays that do not fit.
    """
    codes_NZ, factors_NF = checked(codes_NZ, factors_NF, GIVES[0].points)
    fit = fitting(len(codes_NZ))

    def both(codes_NZ: np.ndarray, factors_NF: np.ndarray) -> dict[str, float]:
        return {
            "modularity": _modularity(mutual_information(codes_NZ, factors_NF)),
            "explicitness": _explicitness(standardised(codes_NZ, fit), factors_NF, fit),
        }

    return with_errors(both, (codes_NZ, varying(factors_NF, fit)), bootstrap=bootstrap, seed=seed, fit=fit)


def _modularity(information_ZF: np.ndarray) -> float:
    square_ZF = information_ZF**2
    most_Z = square_ZF.max(1)
    others_Z = (square_ZF.sum(1) - most_Z) / max(square_ZF.shape[1] - 1, 1)
    spread_Z = np.divide(others_Z, most_Z, out=np.ones_like(most_Z), where=most_Z > 0)
    return float((1 - spread_Z).mean())


def _explicitness(codes_NZ: np.ndarray, factors_NF: np.ndarray, fit: int) -> float:
    areas = []
    for factor_N in factors_NF.T:
        names_L, index_N = np.unique(factor_N[:fit], return_inverse=True)
        if len(names_L) < 2:
            continue
        probability_LN = softmax.probabilities(codes_NZ[:fit], index_N, codes_NZ[fit:])
        has_LN = factor_N[fit:] == names_L[:, None]
        told = [area(p_N, has_N) for p_N, has_N in zip(probability_LN, has_LN, strict=True) if 0 < has_N.mean() < 1]
        if told:
            areas.append(np.mean(told))
    return float(np.mean(areas)) if areas else np.nan


def area(value_N: np.ndarray, has_N: np.ndarray) -> float:
    """Area under the ROC curve: how often a row that has it is above one that has not, equal ones counting half."""
    ordered_N, own = np.sort(value_N), value_N[has_N]
    rank = (np.searchsorted(ordered_N, own, side="left") + np.searchsorted(ordered_N, own, side="right") + 1) / 2
    return float((rank.mean() - (len(own) + 1) / 2) / (len(value_N) - len(own)))
