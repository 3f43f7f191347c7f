"""Disentanglement, completeness and informativeness, of what trees need to tell each factor.

Eastwood & Williams 2018 (ICLR, "A framework for the quantitative evaluation of disentangled representations"), section
2, with the gradient-boosted trees of Locatello et al. 2019 (arXiv 1811.12359). R_zf is the importance of code z for
telling factor f; H_F and H_Z are entropies to the base of the number of factors and of codes.

    disentanglement = Σ_z w_z (1 − H_F(R_z· / Σ_f R_zf)),  w_z the code's share of all importance
    completeness    = Σ_f w_f (1 − H_Z(R_·f / Σ_z R_zf)),  w_f the factor's share
    informativeness = mean over factors of the test accuracy

Letters: N rows, R rows that fit, Z codes, F factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from trainables.core import boosting, splits
from trainables.core.bootstrap import with_errors
from trainables.core.encoded import checked, fitting, varying
from trainables.scores import Metric, When

Told = tuple[np.ndarray, np.ndarray]
"""Importances (Z,) of a factor, and the values (N of test,) that are told, as whole numbers from 0."""

BOOSTERS = ("histogram", "reference")

WHEN: When = "asked"

CHANCE = "0; noise gets less than 0.01 with 1,000 rows and 0.04 with 100, by the trees' chance importances"

GIVES = (
    Metric(
        name="score/dci_disentanglement",
        direction="maximize",
        needs=("factors",),
        points=100,
        ceiling="1",
        floor=CHANCE,
    ),
    Metric(
        name="score/dci_completeness",
        direction="maximize",
        needs=("factors",),
        points=100,
        ceiling="1",
        floor=CHANCE,
    ),
    Metric(
        name="score/dci_informativeness",
        direction="maximize",
        needs=("factors",),
        points=100,
        ceiling="1",
        floor="the share of the most frequent value, mean over factors",
    ),
)


def score(
    codes_NZ: np.ndarray,
    factors_NF: np.ndarray,
    *,
    seed: int = 0,
    bootstrap: int = 0,
    booster: Literal["histogram", "reference"] = "histogram",
) -> dict[str, float]:
    """``dci_disentanglement``, ``dci_completeness``, ``dci_informativeness`` in [0, 1] of codes and integer factors.

    The definition has 10,000 rows to fit and 5,000 to test; here the first two thirds of at least 100 rows fit and the
    last third tests. A factor with one value in the rows that fit is left out; with a single factor what tells it is
    disentangled, with a single code what it tells is complete, and where no code tells anything both are 0.

    ``booster = "histogram"`` grows the trees of the study's library, scikit-learn's ``GradientBoostingClassifier``,
    which is ``"reference"``, from sums over bins: 10,000 rows of ten codes and factors of 3, 6, 40, 32 and 32 values
    take 9 seconds instead of 150 or more. It finds the same splits. Of 43 sets of 600 to 10,000 rows that both scored,
    disentanglement and completeness differed by 0.003 and 0.002 on average, the three like the above by at most 0.002,
    and the largest by 0.03 and 0.01: there codes tell factors without noise, many splits are equally good, chance
    takes one, and the reference differs as much from seed to seed. Informativeness differed by 0.002 on average, and by
    0.01 for 200 rows that test, because thresholds lie between other neighbours.

    ``seed`` is of that chance and of the bootstrap, which boosts each resample again. Raises ``ValueError`` when no
    factor is left, for another ``booster``, and for arrays that do not fit.
    """
    if booster not in BOOSTERS:
        raise ValueError(f"No booster {booster!r}; boosters are {', '.join(BOOSTERS)}.")
    codes_NZ, factors_NF = checked(codes_NZ, factors_NF, GIVES[0].points)
    fit = fitting(len(codes_NZ))

    boost = _boost if booster == "histogram" else _reference

    def statistic(codes_NZ: np.ndarray, factors_NF: np.ndarray) -> dict[str, float]:
        known = [np.unique(factor_N[:fit], return_inverse=True) for factor_N in factors_NF.T]
        varies = [f for f, (values, _) in enumerate(known) if len(values) > 1]
        if not varies:
            return dict.fromkeys((metric.key for metric in GIVES), np.nan)
        found = boost(codes_NZ[:fit], [known[f][1] for f in varies], codes_NZ[fit:], seed)
        importance_FZ = np.stack([importance_Z for importance_Z, _ in found])
        told = zip(varies, found, strict=True)
        return _scores(importance_FZ, [(known[f][0][told_N] == factors_NF[fit:, f]).mean() for f, (_, told_N) in told])

    return with_errors(statistic, (codes_NZ, varying(factors_NF, fit)), bootstrap=bootstrap, seed=seed, fit=fit)


def _boost(fit_RZ: np.ndarray, indices: Sequence[np.ndarray], test_NZ: np.ndarray, seed: int) -> list[Told]:
    codes = splits.Sorted(fit_RZ, test_NZ)
    return [boosting.fit(codes, index_R, seed=seed) for index_R in indices]


def _reference(fit_RZ: np.ndarray, indices: Sequence[np.ndarray], test_NZ: np.ndarray, seed: int) -> list[Told]:
    # Imported here: the registry of scores is read by commands that must be quick.
    from sklearn.ensemble import GradientBoostingClassifier

    each = [GradientBoostingClassifier(random_state=seed).fit(fit_RZ, index_R) for index_R in indices]
    return [(trees.feature_importances_, trees.predict(test_NZ)) for trees in each]


def _scores(importance_FZ: np.ndarray, accuracies: Sequence[float]) -> dict[str, float]:
    return {
        "dci_disentanglement": _certainty(importance_FZ.T),
        "dci_completeness": _certainty(importance_FZ),
        "dci_informativeness": float(np.mean(accuracies)),
    }


def _certainty(importance_RC: np.ndarray) -> float:
    """Mean over rows, weighted by their sums, of 1 − a row's entropy to the base of its length; of one column 1."""
    total_R = importance_RC.sum(1)
    if not total_R.any():
        return 0.0
    share_RC = np.divide(importance_RC, total_R[:, None], out=np.zeros_like(importance_RC), where=total_R[:, None] > 0)
    entropy_R = -(share_RC * np.log(share_RC, out=np.zeros_like(share_RC), where=share_RC > 0)).sum(1)
    columns = importance_RC.shape[1]
    return float(np.average(1 - entropy_R / np.log(max(columns, 2)), weights=total_R))
