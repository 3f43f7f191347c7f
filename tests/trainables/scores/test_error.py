"""The error of a classifier against counts made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from trainables.scores import error

PROBABILITIES = np.array([[0.5, 0.25, 0.25], [0.2, 0.7, 0.1], [0.1, 0.3, 0.6], [0.4, 0.4, 0.2]], np.float32)
LABELS = np.array([0, 1, 1, 1])


def test_by_hand():
    found = error.score(PROBABILITIES, LABELS)
    # The fourth image's classes 0 and 1 are equally probable, and the first is taken.
    assert found["error"] == 0.5
    assert found["cross_entropy"] == pytest.approx(-np.log([0.5, 0.7, 0.3, 0.4]).mean())
    assert set(found) == {"error", "cross_entropy"}


def test_a_second_dataset_of_another_size():
    second = np.eye(2)[[0, 1, 1, 1, 0]]
    found = error.score(PROBABILITIES, LABELS, second, np.array([0, 1, 1, 0, 0]))
    assert found["secondary_error"] == pytest.approx(0.2) and found["error"] == 0.5
    assert {metric.key for metric in error.GIVES} == set(found)


def test_certainty_is_never_infinite():
    surely = np.eye(3, dtype=np.float32)
    assert error.score(surely, np.arange(3)) == {"error": 0.0, "cross_entropy": 0.0}
    assert error.score(surely, np.array([1, 2, 0]))["cross_entropy"] == pytest.approx(87.34, abs=0.01)


def test_ignorance_costs_the_logarithm_of_the_classes():
    assert error.score(np.full((7, 5), 0.2), np.arange(7) % 5)["cross_entropy"] == pytest.approx(np.log(5))


@pytest.mark.parametrize(
    ("probabilities", "labels", "says"),
    [
        (PROBABILITIES, LABELS[:3], "one row"),
        (PROBABILITIES[:, 0], LABELS, "one row"),
        (PROBABILITIES[:0], LABELS[:0], "one row"),
        (PROBABILITIES, LABELS + 2, "from 0 to 2"),
        (PROBABILITIES, LABELS - 1, "from 0 to 2"),
        (PROBABILITIES, LABELS.astype(float), "integers"),
        (PROBABILITIES * 2, LABELS, "logits"),
        (PROBABILITIES - np.array([0.5, -0.25, -0.25], np.float32), LABELS, "logits"),
        (np.where(PROBABILITIES == 0.7, np.nan, PROBABILITIES), LABELS, "logits"),
    ],
)
def test_arrays_that_do_not_fit(probabilities, labels, says):
    with pytest.raises(ValueError, match=says):
        error.score(probabilities, labels)
