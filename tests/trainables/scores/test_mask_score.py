"""The mask score against a plain implementation, known values, and what must not change it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.scores import mask_score

SIZES = (3, 4, 5)
GRID = np.indices(SIZES).reshape(3, -1).T


def mask(codes, factors=GRID):
    return mask_score.score(np.asarray(codes, float), factors)["mask"]


def plain(codes, factors):
    """The definition with loops, where every factor has a code of its own."""
    total = 0.0
    for factor in range(factors.shape[1]):
        rest = np.delete(factors, factor, axis=1)
        groups = [np.flatnonzero((rest == row).all(1)) for row in np.unique(rest, axis=0)]
        groups = [rows for rows in groups if len(np.unique(factors[rows, factor])) > 1]
        moved = np.mean([codes[rows].var(0, ddof=1) for rows in groups], axis=0) / codes.var(0, ddof=1)
        total += moved.max() / moved.sum()
    return total / factors.shape[1]


def test_agrees_with_a_plain_implementation():
    rng = np.random.default_rng(0)
    mixing = np.eye(3) + 0.3 * rng.random((3, 3))
    codes = np.column_stack([GRID @ mixing + 0.2 * rng.normal(size=GRID.shape), rng.normal(size=len(GRID))])
    rows = rng.permutation(len(GRID))[:40]
    assert 0.3 < plain(codes, GRID) < 0.9
    assert mask(codes) == pytest.approx(plain(codes, GRID), abs=1e-12)
    assert mask(codes[rows], GRID[rows]) == pytest.approx(plain(codes[rows], GRID[rows]), abs=1e-12)


def test_one_code_for_each_factor_is_perfect():
    assert mask(GRID) == 1
    assert mask(np.column_stack([GRID[:, ::-1] ** 2, np.full(len(GRID), 3.0)])) == 1


def test_a_code_is_responsible_for_one_factor_only():
    everything = GRID @ [1.0, 3.0, 12.0]
    assert mask(everything[:, None]) == pytest.approx(1 / 3)
    # Two factors in one code, the third in its own.
    assert mask(np.column_stack([GRID[:, 0] + 3 * GRID[:, 1], GRID[:, 2]])) == pytest.approx(2 / 3)


def test_a_factor_in_two_codes_counts_half():
    assert mask(np.column_stack([GRID, GRID[:, 2]])) == pytest.approx((1 + 1 + 0.5) / 3)


def test_a_rotation_is_seen():
    turned = (GRID / np.std(GRID, axis=0))[:, :2] @ np.array([[1, 1], [1, -1]])
    assert mask(turned, GRID[:, :2]) == pytest.approx(0.5)


def test_noise_is_shared_by_all_codes():
    factors = np.indices((8, 8, 8)).reshape(3, -1).T
    assert mask(np.random.default_rng(0).normal(size=(512, 10)), factors) == pytest.approx(0.1, abs=0.02)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 1000),
    st.permutations(range(4)),
    st.lists(st.floats(0.5, 100), min_size=4, max_size=4),
    st.lists(st.sampled_from([-1.0, 1.0]), min_size=4, max_size=4),
    st.permutations(range(3)),
)
def test_order_scale_sign_and_place_of_codes_change_nothing(seed, order, scale, sign, factor_order):
    rng = np.random.default_rng(seed)
    codes = rng.normal(size=(60, 4)) + (GRID @ rng.normal(size=(3, 4)))
    changed = (codes * np.array(scale) * np.array(sign) + 5)[:, list(order)]
    rows = rng.permutation(60)
    names = GRID[:, list(factor_order)] * 7 + 100
    expected = mask(codes)
    assert 0 <= expected <= 1
    assert mask(changed[rows], names[rows]) == pytest.approx(expected, abs=1e-9)


def test_dead_codes_are_dropped_and_without_another_it_is_zero():
    faint = 0.01 * np.random.default_rng(0).normal(size=(60, 2))
    assert mask(np.column_stack([GRID, faint])) == 1
    assert mask(faint) == 0
    constant = np.full((60, 2), 1e6, np.float32)
    constant[::2] = np.nextafter(np.float32(1e6), np.float32(2e6))
    assert mask(constant) == 0


def test_a_factor_no_code_moves_with_counts_nothing():
    assert mask(GRID[:, :2]) == pytest.approx(2 / 3)
    # Nor is rounding a movement.
    shifted = np.column_stack([GRID[:, :2].astype(np.float32) + np.float32(100), np.ones(60)])
    shifted[:, 0] += 1e-5 * GRID[:, 2]
    assert mask(shifted) == pytest.approx(2 / 3)


def test_a_factor_with_one_value_is_left_out():
    rows = GRID[:, 1] == 2
    assert mask(GRID[rows][:, [0, 2]], GRID[rows]) == 1


@pytest.mark.parametrize(
    "factors",
    [
        np.zeros((4, 2), int),  # no factor moves
        np.arange(4)[:, None] * [1, 1],  # no two rows differ in one factor alone
        np.array([[0, 0], [0, 0], [0, 1], [1, 2]]),  # the first factor never moves alone
    ],
)
def test_nothing_is_given_where_nothing_can_be_told(factors):
    assert mask_score.score(np.random.default_rng(0).normal(size=(4, 3)), factors) == {}


def test_the_same_face_twice_is_no_movement():
    # Rows equal in every factor vary in what is not a factor.
    factors = np.repeat(GRID, 2, axis=0)
    codes = np.column_stack([factors, np.tile([0.0, 1.0], len(GRID))])
    assert mask_score.score(codes[:2], factors[:2]) == {}
    assert 0.4 < mask(codes, factors) < 1


def test_arrays_that_do_not_fit():
    with pytest.raises(ValueError, match="same rows"):
        mask_score.score(np.zeros((3, 2)), GRID)
