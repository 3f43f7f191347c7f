"""Modularity and explicitness against plain implementations and known values."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score, roc_auc_score
from tests_trainables.scores import rows

from trainables.core import softmax
from trainables.scores import modularity


def plain_modularity(codes, factors):
    total = []
    for code in codes.T:
        binned = np.digitize(code, np.histogram(code, 20)[1][:-1])
        square = np.array([mutual_info_score(binned, factor) for factor in factors.T]) ** 2
        total.append(1 - (square.sum() - square.max()) / (square.max() * (len(square) - 1)))
    return np.mean(total)


def plain_explicitness(codes, factors):
    fit = 2 * len(codes) // 3
    codes = (codes - codes[:fit].mean(0)) / codes[:fit].std(0)
    areas = []
    for factor in factors.T:
        told = LogisticRegression(tol=1e-8, max_iter=5000).fit(codes[:fit], factor[:fit]).predict_proba(codes[fit:])
        areas.append(np.mean([roc_auc_score(factor[fit:] == v, p) for v, p in zip(range(9), told.T, strict=False)]))
    return np.mean(areas)


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_a_plain_implementation(seed):
    factors = rows.factors(1200, (2, 3, 9), seed)
    codes = rows.mixed(factors, 5, seed=seed)
    found = modularity.score(codes, factors)
    assert found["modularity"] == pytest.approx(plain_modularity(codes, factors), abs=1e-9)
    assert found["explicitness"] == pytest.approx(plain_explicitness(codes, factors), abs=5e-4)


def test_a_code_of_two_factors_is_half_modular_and_a_rotation_is_explicit_still():
    factors = rows.factors(9000, (4, 4))
    both = (factors[:, :1] + 4 * factors[:, 1:]).astype(float)
    # Of all bins a code of two factors knows both alike: one of one other factor.
    assert modularity.score(both, factors)["modularity"] == pytest.approx(0, abs=0.02)
    turned = factors @ np.array([[1, 1], [1, -1]])
    found = modularity.score(turned, factors)
    assert found["modularity"] < 0.2 and found["explicitness"] > 0.9


def test_codes_that_know_nothing_count():
    factors = rows.factors(3000, (3, 4))
    found = modularity.score(np.column_stack([factors, np.zeros((3000, 2))]), factors)
    assert found["modularity"] == pytest.approx(0.5, abs=0.01) and found["explicitness"] == pytest.approx(1)


def test_with_a_single_factor_what_knows_it_is_modular():
    factors = rows.factors(600, (3,))
    assert modularity.score(np.column_stack([factors, np.ones(600)]), factors)["modularity"] == 0.5


def test_the_area_is_that_of_pairs():
    rng = np.random.default_rng(0)
    value, has = rng.integers(6, size=80) / 3, rng.random(80) < 0.3
    above = value[has][:, None] - value[~has]
    assert modularity.area(value, has) == pytest.approx(((above > 0) + 0.5 * (above == 0)).mean())
    assert modularity.area(value, has) == pytest.approx(roc_auc_score(has, value))


def test_values_that_never_test_have_no_area():
    factors = rows.factors(900, (4,))
    factors[600:] = factors[600:] % 2
    assert modularity.score(1.0 * factors, factors)["explicitness"] == pytest.approx(1, abs=0.1)
    factors[600:] = 1
    with pytest.raises(ValueError, match=r"explicitness undefined.*random order"):
        modularity.score(1.0 * factors, factors)


@pytest.mark.parametrize("values", [2, 3, 12])
def test_probabilities_are_the_optimums(values):
    rng = np.random.default_rng(values)
    index = rng.permutation(np.append(np.arange(values), rng.integers(values, size=900)))
    codes = rng.normal(size=(values, 4))[index] + rng.normal(size=(len(index), 4))
    codes[:, 3] = 100 * codes[:, 0] + 0.01 * codes[:, 1] + 5
    expected = LogisticRegression(tol=1e-10, max_iter=100_000).fit(codes, index).predict_proba(codes)
    found = softmax.probabilities(codes, index, codes)
    assert found.sum(0) == pytest.approx(1)
    assert np.abs(found.T - expected).mean() < 2e-3
