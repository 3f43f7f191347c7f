"""The score of the evidence lower bound, whole and in parts."""

from __future__ import annotations

import numpy as np
import pytest

from trainables.scores import elbo

RECONSTRUCTION = np.array([10.0, 20.0])
KL = np.array([[1.0, 0.0, 0.009], [3.0, 0.0, 0.011]])
DIVERGENCE = {"kl": 2.01, "active_units": 1.0, "kl_00": 2.0, "kl_01": 0.0, "kl_02": 0.01}


def test_both():
    found = elbo.score(RECONSTRUCTION, KL)
    assert found == pytest.approx({"reconstruction": 15.0, "elbo": -17.01, **DIVERGENCE})
    assert {metric.key for metric in elbo.GIVES} <= set(found)


def test_what_is_missing_is_left_out():
    assert elbo.score() == {}
    assert elbo.score(RECONSTRUCTION) == {"reconstruction": 15.0}
    assert elbo.score(kl_NZ=KL) == pytest.approx(DIVERGENCE)


@pytest.mark.parametrize("given", [(), ("reconstruction",), ("posterior",), ("posterior", "reconstruction")])
def test_every_metric_says_what_it_needs(given):
    arrays = {"reconstruction": ("reconstruction_N", RECONSTRUCTION), "posterior": ("kl_NZ", KL)}
    found = elbo.score(**dict(arrays[name] for name in given))
    assert {m.key for m in elbo.GIVES if m.key in found} == {m.key for m in elbo.GIVES if set(m.needs) <= set(given)}


@pytest.mark.parametrize(
    ("reconstruction", "kl"),
    [
        (np.zeros(3), np.zeros((2, 4))),
        (np.zeros((3, 1)), np.zeros((3, 4))),
        (np.zeros(0), np.zeros((0, 2))),
        (None, np.zeros(3)),
        (np.zeros(0), None),
    ],
)
def test_arrays_that_do_not_fit(reconstruction, kl):
    with pytest.raises(ValueError, match="image"):
        elbo.score(reconstruction, kl)
