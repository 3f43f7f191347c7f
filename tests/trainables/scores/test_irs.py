"""Interventional robustness against a plain implementation and known values."""

from __future__ import annotations

import numpy as np
import pytest
from tests_trainables.scores import rows

from trainables.scores import irs


def plain(codes, factors):
    """The definition with loops."""
    scores, weights = [], []
    for code in codes.T:
        farthest = np.abs(code - code.mean()).max()
        best = []
        for factor in factors.T:
            binned = np.digitize(factor, np.histogram(factor, 20)[1][:-1])
            gaps = []
            for one in np.unique(binned):
                within = code[binned == one]
                gaps.append(np.percentile(np.abs(within - within.mean()), 99))
            best.append(1 - np.mean(gaps) / farthest)
        scores.append(max(best))
        weights.append(farthest)
    return np.average(scores, weights=weights)


@pytest.mark.parametrize("seed", range(6))
def test_agrees_with_a_plain_implementation(seed):
    rng = np.random.default_rng(seed)
    # Few values and many, and groups of one row.
    factors = np.column_stack([rows.factors(700, (3, 20, 47), seed), rng.geometric(0.3, 700)])
    codes = rows.mixed(factors, 4, seed=seed) * rng.choice([0.1, 1, 30], 4)
    assert irs.score(codes, factors)["irs"] == pytest.approx(plain(codes, factors), abs=1e-12)


def test_a_code_that_stands_still_with_its_factor_is_robust():
    factors = rows.factors(2000, (3, 5))
    assert irs.score(factors**2 * [1.0, -3.0], factors)["irs"] == pytest.approx(1)
    # One that follows both is not, and counts by how far it moves.
    both = factors.sum(1)
    apart = irs.score(np.column_stack([factors[:, 0], 0.001 * both]), factors)["irs"]
    assert irs.score(both[:, None], factors)["irs"] < 0.7 and apart > 0.99


def test_more_than_20_values_share_bins():
    factors = np.arange(2000)[:, None] % 40
    # Two values a bin, which differ by 1 of a largest deviation of 19.5.
    assert irs.score(1.0 * factors, factors)["irs"] == pytest.approx(1 - 0.5 / 19.5)
