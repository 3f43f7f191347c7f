"""The registry of scores, and the score of the evidence lower bound."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from trainables import scores
from trainables.scores import elbo


@pytest.mark.parametrize("name", scores.names())
def test_every_score_says_what_it_gives(name):
    module = scores.load(name)
    assert inspect.signature(module.score)
    assert module.GIVES and module.__doc__ and module.score.__doc__
    for metric in module.GIVES:
        assert metric.name == f"{metric.name.partition('/')[0]}/{metric.key}"
        assert metric.direction in ("maximize", "minimize")
        assert set(metric.needs) <= {"factors", "labels"}
        assert scores.metrics()[metric.name] == metric


def test_unknown_score_names_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'mig'"):
        scores.load("migg")


def test_elbo():
    kl = np.array([[1.0, 0.0, 0.009], [3.0, 0.0, 0.011]])
    found = elbo.score(np.array([10.0, 20.0]), kl)
    assert found == pytest.approx(
        {
            "reconstruction": 15.0,
            "kl": 2.01,
            "elbo": -17.01,
            "active_units": 1.0,
            "kl_00": 2.0,
            "kl_01": 0.0,
            "kl_02": 0.01,
        }
    )
    assert {metric.key for metric in elbo.GIVES} <= set(found)


@pytest.mark.parametrize(
    ("reconstruction", "kl"),
    [
        (np.zeros(3), np.zeros((2, 4))),
        (np.zeros((3, 1)), np.zeros((3, 4))),
        (np.zeros(0), np.zeros((0, 2))),
    ],
)
def test_elbo_of_arrays_that_do_not_fit(reconstruction, kl):
    with pytest.raises(ValueError, match="image"):
        elbo.score(reconstruction, kl)
