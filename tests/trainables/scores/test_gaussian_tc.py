"""Gaussian total correlation against its formula and known values."""

from __future__ import annotations

import numpy as np
import pytest
from tests_trainables.scores import rows

from trainables.scores import gaussian_tc


def tc(codes):
    return gaussian_tc.score(codes)["gaussian_tc"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_agrees_with_the_formula(dtype):
    rng = np.random.default_rng(0)
    codes = (rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6)) * [1, 1, 5, 0.1, 1, 1] + 3).astype(dtype)
    covariance = np.cov(codes.T.astype(float))
    expected = 0.5 * (np.log(np.diag(covariance)).sum() - np.linalg.slogdet(covariance)[1])
    assert expected > 1 and tc(codes) == pytest.approx(expected)
    assert tc(codes * rng.normal(size=6) + 7) == pytest.approx(expected, rel=1e-4), "scale and place do not matter"


def test_two_codes_of_known_correlation():
    one, other = rows.noise(200_000, 2).T
    codes = np.column_stack([one, 0.8 * one + 0.6 * other])
    assert tc(codes) == pytest.approx(-0.5 * np.log(1 - 0.8**2), abs=0.005)


def test_independent_codes_get_the_bias_alone():
    assert tc(rows.noise(100, 10)) == pytest.approx(10 * 9 / 400, abs=0.1)
    assert tc(rows.noise(10_000, 10)) == pytest.approx(10 * 9 / 40_000, abs=0.002)


def test_a_copy_costs_much_and_not_infinitely_much():
    codes = rows.noise(500, 3)
    assert tc(np.column_stack([codes, codes[:, 0]])) == pytest.approx(tc(codes) - 0.5 * np.log(2e-12), abs=0.1)


def test_constant_codes_are_independent():
    codes = rows.noise(500, 3)
    assert tc(rows.with_dead(codes)) == pytest.approx(tc(codes))


@pytest.mark.parametrize(
    ("codes", "says"),
    [
        (rows.noise(500)[:, 0], "a matrix"),
        (rows.noise(500)[:, :0], "a matrix"),
        (rows.noise(99), "at least 100 rows"),
        (rows.noise(500) * np.nan, "finite"),
    ],
)
def test_arrays_that_do_not_fit(codes, says):
    with pytest.raises(ValueError, match=says):
        tc(codes)
