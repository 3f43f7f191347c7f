"""The picture of samples."""

from __future__ import annotations

import numpy as np
import pytest

from trainables.core.dataset import open_dataset
from trainables.core.sheet import CELL, GAP, sheet


@pytest.fixture
def digits(tmp_path):
    return open_dataset("digits", {"size": 8}, cache=tmp_path)


def test_a_sheet_is_large_fixed_by_its_seed_and_shows_the_images(digits):
    page = sheet(digits, rows=2, columns=3, seed=1)
    assert page.mode == "RGB" and page.width == 3 * (CELL + GAP) + GAP
    assert np.array_equal(page, sheet(digits, rows=2, columns=3, seed=1))
    assert not np.array_equal(page, sheet(digits, rows=2, columns=3, seed=2))
    first = np.random.RandomState(1).permutation(len(digits.split("train")))[:1]
    shown = np.asarray(page)[GAP : GAP + CELL : 12, GAP : GAP + CELL : 12, 0]
    assert np.array_equal(shown, digits.split("train").pixels(first)[0, 0])


def test_more_cells_than_images_stay_empty(digits):
    page = sheet(digits, rows=1, columns=1500)
    assert np.all(np.asarray(page)[:, -CELL:] == 238)
