"""Leakage: how well a linear probe tells the class from each group of codes.

The report "Class-conditional and class-generic VAE" asks it of z, which should not know the class, and of w, which
should; the one of JADE, of style and content. Here the probe is multinomial logistic regression on standardised
codes, so that it costs little at every evaluation; a probe of a classifier's own capacity is in
``trainables.protocols.leakage``. A group that is told the label carries it in any case, so such groups are probed a
second time by ``NAME_blind``: the codes averaged over all labels, which know of the class what the image tells.

Letters: N images, Z codes of a group.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from trainables.core.encoded import fitting, standardised
from trainables.core.softmax import probabilities
from trainables.scores import Metric, When

POINTS = 3_000
"""Images at most: two thousand fit the probe, one thousand test it."""
FEWEST = 30
"""Images at least: twenty fit."""

CHANCE = "the largest class's share: nothing is known of the class"

DIRECTIONS: dict[str, Literal["maximize", "minimize"]] = {
    "z": "minimize",
    "w": "maximize",
    "w_blind": "maximize",
    "style": "minimize",
    "content": "maximize",
}

WHEN: When = "report"

GIVES = tuple(
    Metric(
        name=f"probe/{name}",
        direction=direction,
        points=FEWEST,
        needs=("labels", name.removesuffix("_blind")),
        ceiling="1",
        floor=CHANCE,
    )
    for name, direction in DIRECTIONS.items()
)


def score(
    codes_by_group: Mapping[str, np.ndarray],
    labels_N: np.ndarray,
    blind_by_group: Mapping[str, np.ndarray] | None = None,
) -> dict[str, float]:
    """The probe's test accuracy in [0, 1] for each group (N, Z) by its name, and ``NAME_blind`` for the blind ones.

    The first two thirds of the first 3,000 rows fit and the last third tests, without shuffling; a group has 30 rows
    or more, and may have fewer than there are labels. Where the fitting rows are of a single class there is nothing to
    tell, and nothing is given. Raises ``ValueError`` for arrays that do not fit.
    """
    groups = {**codes_by_group, **{f"{group}_blind": codes for group, codes in (blind_by_group or {}).items()}}
    found = {group: _accuracy(group, codes, np.asarray(labels_N)) for group, codes in groups.items()}
    return {group: accuracy for group, accuracy in found.items() if accuracy is not None}


def _accuracy(group: str, codes: np.ndarray, labels_N: np.ndarray) -> float | None:
    codes_NZ = np.asarray(codes, np.float64)[:POINTS]
    if codes_NZ.ndim != 2 or not codes_NZ.shape[1] or labels_N.ndim != 1 or len(labels_N) < len(codes_NZ):
        raise ValueError(
            f"Codes of a group must be one row for each image, with a label; {group!r} has {codes_NZ.shape} "
            f"for labels {labels_N.shape}."
        )
    if len(codes_NZ) < FEWEST:
        raise ValueError(f"Too few rows: a probe needs at least {FEWEST}, and {group!r} has {len(codes_NZ)}.")
    if not np.isfinite(codes_NZ).all():
        raise ValueError(f"Codes must be finite numbers; those of {group!r} are not.")
    labels_N, fit = labels_N[: len(codes_NZ)], fitting(len(codes_NZ))
    classes_L, index_N = np.unique(labels_N[:fit], return_inverse=True)
    if len(classes_L) < 2:
        return None
    standard_NZ = standardised(codes_NZ, fit)
    probability_LN = probabilities(standard_NZ[:fit], index_N, standard_NZ[fit:])
    return float((classes_L[probability_LN.argmax(0)] == labels_N[fit:]).mean())
