"""MIG against a plain implementation, known values, and the properties of its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.scores import mig

SIZES = (3, 6, 40, 32, 32)


def plain(codes, factors):
    """MIG by loops over codes, factors, bins and values."""
    gaps = []
    for factor in factors.T:
        probability = [np.mean(factor == value) for value in set(factor.tolist())]
        entropy = -sum(p * np.log(p) for p in probability)
        if entropy == 0:
            continue
        information = []
        for code in codes.T:
            edges = np.histogram(code, 20)[1][:-1]
            binned = np.digitize(code, edges)
            total = 0.0
            for one in set(binned.tolist()):
                for value in set(factor.tolist()):
                    joint = np.mean((binned == one) & (factor == value))
                    if joint > 0:
                        total += joint * np.log(joint / np.mean(binned == one) / np.mean(factor == value))
            information.append(total)
        information = sorted([0.0, *information])
        gaps.append((information[-1] - information[-2]) / entropy)
    return np.mean(gaps)


def sample(rows, sizes=SIZES, seed=0):
    return np.random.default_rng(seed).integers(sizes, size=(rows, len(sizes)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("latents", [1, 2, 7])
def test_agrees_with_a_plain_implementation(dtype, latents):
    rng = np.random.default_rng(latents)
    factors = sample(800, (3, 6, 10, 1))
    mixing = rng.normal(size=(4, latents))
    codes = (factors @ mixing + rng.normal(size=(800, latents))).astype(dtype)
    assert mig.score(codes, factors)["mig"] == pytest.approx(plain(codes, factors), rel=1e-9)


def test_perfect_codes_of_few_values_reach_one_and_of_many_the_ceiling_of_the_bins():
    factors = sample(10_000)
    codes = np.concatenate([factors, np.zeros((10_000, 2))], axis=1)
    assert mig.score(codes[:, [0, 1, 5]], factors[:, :2])["mig"] == pytest.approx(1, abs=2e-3)
    # 20 bins over 32 values: 12 hold two values and 8 one; over 40 values each holds two.
    thirty_two = (12 * 2 / 32 * np.log(16) + 8 / 32 * np.log(32)) / np.log(32)
    grid = np.stack(np.meshgrid(np.arange(32), np.arange(40), indexing="ij"), -1).reshape(-1, 2)
    assert thirty_two == pytest.approx(0.85)
    assert mig.score(grid[:, [0]], grid[:, [0]])["mig"] == pytest.approx(thirty_two)
    assert mig.score(grid[:, [1]], grid[:, [1]])["mig"] == pytest.approx(np.log(20) / np.log(40))
    assert mig.score(codes[:, 3:5], factors[:, 3:])["mig"] == pytest.approx(thirty_two, abs=0.015)


def test_noise_falls_to_the_floor():
    rng = np.random.default_rng(1)
    assert mig.score(rng.normal(size=(10_000, 10)), sample(10_000, (3, 6, 8)))["mig"] < 0.005


def test_a_factor_in_two_codes_has_no_gap():
    factors = sample(5000, (4,))
    assert mig.score(np.repeat(factors, 2, axis=1), factors)["mig"] == pytest.approx(0)


@settings(max_examples=25)
@given(st.integers(0, 1000), st.permutations(range(4)), st.lists(st.booleans(), min_size=4))
def test_permuting_and_mirroring_codes_and_renaming_values_change_nothing(seed, order, mirror):
    rng = np.random.default_rng(seed)
    factors = sample(300, (3, 5), seed)
    # Away from the edges of bins, where a mirrored half-open bin would lose its edge.
    codes = rng.integers(0, 20, size=(300, 4)) + 0.5 + 0.2 * rng.random((300, 4))
    codes[:2] = [[0.0] * 4, [20.0] * 4]
    expected = mig.score(codes, factors)["mig"]
    sign = np.where(np.array(mirror[:4]), -1.0, 1.0)
    changed = (codes * sign)[:, list(order)]
    names = rng.permutation(5) * 10
    assert mig.score(changed, names[factors])["mig"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant_codes_give_zero_and_no_warning(dtype):
    factors = sample(500, (3, 5))
    codes = np.full((500, 3), 0.1, dtype)
    codes[::2, 0] = np.nextafter(dtype(0.1), dtype(1))  # constant but for rounding
    assert mig.score(codes, factors) == {"mig": 0.0}


def test_a_factor_with_one_value_is_left_out():
    factors = sample(500, (3, 1))
    assert mig.score(factors, factors)["mig"] == pytest.approx(1)
    with pytest.raises(ValueError, match="single value"):
        mig.score(factors, factors[:, 1:])
