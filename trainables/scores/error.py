"""How often, and how surely, a model that classifies is wrong.

For the second dataset of a method that trains on two, only how often. Letters: N images, L classes.
"""

from __future__ import annotations

import numpy as np

from trainables.scores import Metric, When

LEAST = float(np.finfo(np.float32).tiny)
"""A probability below this counts as this: softmax in float32 rounds to zero, and its logarithm would be infinite."""

WHEN: When = "report"

GIVES = (
    Metric(
        name="val/error",
        direction="minimize",
        points=1,
        needs=("labels", "classes"),
        floor="1 − the largest class's share",
    ),
    Metric(
        name="val/cross_entropy",
        direction="minimize",
        points=1,
        needs=("labels", "classes"),
        floor="ln classes, in nats",
    ),
    Metric(
        name="val/secondary_error",
        direction="minimize",
        points=1,
        needs=("secondary_classes",),
        floor="1 − the largest class's share of the second dataset",
    ),
)


def score(
    probabilities_NL: np.ndarray,
    labels_N: np.ndarray,
    secondary_probabilities_NL: np.ndarray | None = None,
    secondary_labels_N: np.ndarray | None = None,
) -> dict[str, float]:
    """``error`` in [0, 1], ``cross_entropy`` in nats and, where its arrays are given, ``secondary_error`` in [0, 1].

    ``error`` is the share of images whose most probable class, the first of equally probable ones, is not their
    label; ``cross_entropy`` the mean of −ln p(label); ``secondary_error`` the error on the second dataset. Raises
    ``ValueError`` for arrays that do not fit, and for rows that are not probabilities.
    """
    probabilities_NL, labels_N = _checked(probabilities_NL, labels_N)
    own_N = probabilities_NL[np.arange(len(labels_N)), labels_N]
    found = {
        "error": float((probabilities_NL.argmax(1) != labels_N).mean()),
        "cross_entropy": float(-np.log(np.maximum(own_N, LEAST)).mean()),
    }
    if secondary_probabilities_NL is not None and secondary_labels_N is not None:
        second_NL, second_N = _checked(secondary_probabilities_NL, secondary_labels_N)
        found["secondary_error"] = float((second_NL.argmax(1) != second_N).mean())
    return found


def _checked(probabilities_NL: np.ndarray, labels_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    probabilities_NL, labels_N = np.asarray(probabilities_NL, np.float64), np.asarray(labels_N)
    if probabilities_NL.ndim != 2 or labels_N.shape != probabilities_NL.shape[:1] or not len(labels_N):
        raise ValueError(
            "Probabilities must be one row of classes for each image, and labels one integer, not "
            f"{probabilities_NL.shape} and {labels_N.shape}."
        )
    classes = probabilities_NL.shape[1]
    if not np.issubdtype(labels_N.dtype, np.integer) or labels_N.min() < 0 or labels_N.max() >= classes:
        raise ValueError(f"Labels must be integers from 0 to {classes - 1}, one for each column of the probabilities.")
    # Half precision keeps a sum to one part in a hundred. A NaN fails the comparison, as it must.
    if not ((probabilities_NL >= 0).all() and (abs(probabilities_NL.sum(1) - 1) < 0.02).all()):
        raise ValueError("Each image's probabilities must be at least 0 and sum to 1; these do not. Are they logits?")
    return probabilities_NL, labels_N
