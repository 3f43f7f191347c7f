"""SAP against scikit-learn's support vector machines and known values."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import LinearSVC
from tests_trainables.scores import rows

from trainables.core import hinge
from trainables.scores import sap


def machine(codes_N, factor_N):
    return LinearSVC(C=0.01, class_weight="balanced", tol=1e-9, max_iter=100_000).fit(codes_N[:, None], factor_N)


def plain(codes, factors):
    """The definition with a machine for each code and factor."""
    fit = 2 * len(codes) // 3
    accuracy = np.array([
        [machine(c[:fit], f[:fit]).score(c[fit:, None], f[fit:]) for f in factors.T] for c in codes.T
    ])  # fmt: skip
    ordered = np.sort(accuracy, axis=0)
    return np.mean(ordered[-1] - ordered[-2])


def cases(seed):
    rng = np.random.default_rng(seed)
    factors = np.minimum(rows.factors(600, (2, 3, 12), seed), [1, 2, 8])
    codes = rows.mixed(factors, 3, seed=seed)
    return codes * rng.choice([0.05, 1, 20], 3) + rng.choice([0, 3], 3), factors


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_a_plain_implementation(seed):
    codes, factors = cases(seed)
    assert sap.score(codes, factors)["sap"] == pytest.approx(plain(codes, factors), abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_machines_are_the_optimum(seed):
    codes, factors = cases(seed)
    prepared = hinge.Sorted(codes)
    for factor_N in factors.T:
        weight_ZL, intercept_ZL = prepared.fit(np.unique(factor_N, return_inverse=True)[1])
        for code_N, weight_L, intercept_L in zip(codes.T, weight_ZL, intercept_ZL, strict=True):
            expected = machine(code_N, factor_N)
            assert weight_L == pytest.approx(expected.coef_[:, 0], rel=1e-3, abs=1e-5)
            assert intercept_L == pytest.approx(expected.intercept_, rel=1e-3, abs=1e-5)


def test_a_code_far_from_zero_is_no_trouble():
    codes, factors = cases(0)
    near = hinge.Sorted(codes - codes.mean(0) + 100).fit(factors[:, 2])
    far = hinge.Sorted(codes - codes.mean(0) + 1e6).fit(factors[:, 2])
    assert np.isfinite(near).all() and np.isfinite(far).all()


def test_the_first_two_thirds_fit_and_the_last_third_tests():
    # The first code is the factor in the rows that fit and its negative in those that test; the second is noise.
    factors = rows.factors(3000, (2,))
    sign = np.where(np.arange(3000) < 2000, 1, -1)
    codes = np.column_stack([(2 * factors[:, 0] - 1) * sign, rows.noise(3000, 1)])
    assert sap.score(codes, factors)["sap"] == pytest.approx(0.5, abs=0.03)


def test_known_gaps():
    factors = rows.factors(9000, (2,))
    codes = np.column_stack([factors, rows.noise(9000, 1)])
    assert sap.score(codes, factors)["sap"] == pytest.approx(0.5, abs=0.02)
    assert sap.score(np.column_stack([factors, factors]), factors) == {"sap": 0.0}
    # A half of the variance.
    half = factors + 0.5 * rows.noise(9000, 1)
    assert sap.score(half, factors, continuous=True)["sap"] == pytest.approx(0.5, abs=0.02)


def test_a_single_code_is_measured_against_nothing():
    factors = rows.factors(3000, (2,))
    assert sap.score(1.0 * factors, factors)["sap"] == pytest.approx(0.5, abs=0.03)
    assert sap.score(1.0 * factors, factors, continuous=True)["sap"] == pytest.approx(1)


def test_the_continuous_form_takes_any_numbers():
    rng = np.random.default_rng(0)
    factors, noise = rng.random((1000, 2)), 0.1 * rng.normal(size=(1000, 3))
    codes = np.column_stack([factors[:, 0] + noise[:, 0], factors[:, 1] - noise[:, 1], noise[:, 2]])
    correlation = np.sort(np.corrcoef(codes.T, factors.T)[:3, 3:] ** 2, axis=0)
    expected = np.mean(correlation[-1] - correlation[-2])
    assert sap.score(codes, factors, continuous=True)["sap"] == pytest.approx(expected)
    with pytest.raises(ValueError, match="Factors must be finite"):
        sap.score(codes, np.where(factors > 0.9, np.nan, factors), continuous=True)
