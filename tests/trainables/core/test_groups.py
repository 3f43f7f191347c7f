"""Groups of images that share a factor's value: what is drawn, from models and from rows."""

from __future__ import annotations

import numpy as np
import pytest
from tests_trainables.scores.rows import factors

from trainables.core.groups import Rendered, Rows

SIZES = (3, 1, 70_000, 5)


def test_rendered_images_share_the_held_factor_and_no_other():
    images = Rendered(lambda factors_NF, rng: factors_NF.copy(), SIZES)
    assert images.held.tolist() == [0, 2, 3]
    rng = np.random.default_rng(0)
    held = images.held[rng.integers(3, size=600)]
    codes = images.draw(held, 8, rng)
    assert codes.shape == (8, 600, 4) and codes.dtype == np.int64
    shared = (codes == codes[0]).all(0)
    assert shared[np.arange(600), held].all() and shared[:, 1].all()
    assert shared[held != 2, 2].sum() == 0
    assert codes.min() == 0 and (codes.max((0, 1))[[0, 1, 3]] == [2, 0, 4]).all() and codes[..., 2].max() > 2**16
    counts = np.bincount(codes[..., 3].ravel())
    assert counts == pytest.approx(counts.mean(), rel=0.1)
    assert images.sample(50, rng).shape == (50, 4)


@pytest.mark.parametrize("sizes", [(0, 3), (2.5, 3.0), (), (1, 1)])
def test_bad_sizes(sizes):
    with pytest.raises(ValueError, match=r"Factor sizes|No factor"):
        Rendered(lambda factors_NF, rng: factors_NF, sizes)


def test_rows_share_the_held_factor_and_all_are_drawn_alike():
    table = factors(500, (3, 40))
    images = Rows(1.0 * table, table)
    rng = np.random.default_rng(0)
    held = rng.integers(2, size=40_000)
    rows = images.rows(held, 4, rng)
    assert (table[rows, held] == table[rows[:1], held]).all()
    assert (rows[0] != rows[1]).all(), "a pair is of two rows"
    assert (images.draw(held[:5], 4, rng)[..., 0].shape) == (4, 5)
    for place in rows:
        counts = np.bincount(place, minlength=500)
        assert counts == pytest.approx(80, abs=45)


def test_values_with_a_single_row_are_not_drawn():
    # Value 9 appears once, and the second factor has no value with two rows.
    table = np.column_stack([np.append(np.repeat(np.arange(3), 50), 9), np.arange(151)])
    images = Rows(np.zeros((151, 2)), table)
    assert images.held.tolist() == [0]
    rows = images.rows(np.zeros(4000, np.int64), 8, np.random.default_rng(0))
    assert rows.max() < 150 and len(np.unique(rows[0])) == 150
    assert not len(Rows(np.zeros((4, 1)), np.array([[0], [0], [1], [2]])).held), "one value with two rows is no factor"
