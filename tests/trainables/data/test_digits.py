"""The digits: original values at size 8, an exact linear interpolation above."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from trainables.data import digits


def test_size_8_is_the_original():
    arrays = digits.prepare(digits.Options(size=8))
    original = load_digits()
    assert arrays.images.dtype == np.uint8 and arrays.images.max() == 255
    assert np.array_equal(np.round(arrays.images / 255 * 16), original.data)
    assert np.array_equal(arrays.labels, original.target)


@pytest.mark.parametrize("size", [8, 16, 32])
def test_enlarging_keeps_constants_slopes_and_brightness(size):
    weights = digits.bilinear(size)
    assert weights.shape == (size, 8)
    assert np.allclose(weights.sum(1), 1) and np.allclose(weights.sum(0), size / 8)
    slope = weights @ np.arange(8)
    inner = slice(size // 16, size - size // 16)
    assert np.allclose(np.diff(slope[inner]), 8 / size)


def test_progress_is_told():
    told = []
    digits.prepare(digits.Options(), progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (1797, 1797)
