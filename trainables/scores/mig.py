"""Mutual information gap: how far one code alone knows each factor.

Chen et al. 2018 (arXiv 1802.04942), with the discretisation of Locatello et al. 2019 (arXiv 1811.12359): each code in
20 bins of equal width over its own range. The gap of a factor is the largest mutual information with a code minus the
second largest, divided by the factor's entropy; the score is the mean over factors. Letters: N rows, Z codes,
F factors.
"""

from __future__ import annotations

import numpy as np

from trainables.core.bootstrap import with_errors
from trainables.core.encoded import checked, varying
from trainables.core.information import entropy, mutual_information
from trainables.scores import Metric, When

WHEN: When = "report"

GIVES = (
    Metric(
        name="score/mig",
        direction="maximize",
        needs=("factors",),
        points=100,
        ceiling="1; with 20 bins only 0.85 for a factor of 32 values and 0.81 for one of 40",
        floor="0",
    ),
)


def score(codes_NZ: np.ndarray, factors_NF: np.ndarray, *, seed: int = 0, bootstrap: int = 0) -> dict[str, float]:
    """``{"mig": …}`` in [0, 1] of finite codes and integer factors; ``seed`` is of the bootstrap.

    The definition has 10,000 rows. With fewer, down to the 100 that are accepted, every mutual information is biased
    upward, noise's too: by about 0.6 nats for 500 rows and a factor of 32 values. A factor with one value has no
    entropy and is left out of the mean. Raises ``ValueError`` when none is left, and for arrays that do not fit.
    """
    codes_NZ, factors_NF = checked(codes_NZ, factors_NF, GIVES[0].points)
    return with_errors(_gap, (codes_NZ, varying(factors_NF)), bootstrap=bootstrap, seed=seed)


def _gap(codes_NZ: np.ndarray, factors_NF: np.ndarray) -> dict[str, float]:
    information_ZF, entropy_F = mutual_information(codes_NZ, factors_NF), entropy(factors_NF)
    ordered_ZF = np.sort(np.concatenate([information_ZF, np.zeros((1, len(entropy_F)))]), axis=0)
    varies_F = entropy_F > 0
    if not varies_F.any():
        return {"mig": np.nan}
    return {"mig": float(((ordered_ZF[-1] - ordered_ZF[-2])[varies_F] / entropy_F[varies_F]).mean())}
