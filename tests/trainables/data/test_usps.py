"""USPS: the real file where there is one, small made ones, and every kind of wrong one refused."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from trainables.core.arrays import DatasetError
from trainables.data import usps

ORIGINALS = Path(os.environ.get("TEASEL_DATA_ROOT") or Path(__file__).parents[4] / "shared" / "data")
SMALL = usps.Original(train=30, test=10, validation=3)


def contents():
    rng = np.random.default_rng(0)
    return {
        "train/data": rng.random((30, 256), dtype=np.float32),
        "train/target": np.arange(30, dtype=np.int32) % 10,
        "test/data": rng.random((10, 256), dtype=np.float32),
        "test/target": np.arange(10, dtype=np.int32),
    }


def write(path, **changes):
    with h5py.File(path, "w") as file:
        for name, array in (contents() | changes).items():
            if array is not None:
                file[name] = array
    return path


def test_images_labels_and_split(tmp_path):
    told = []
    arrays = usps.read(write(tmp_path / "usps.h5"), SMALL, 16, lambda *call: told.append(call))
    expected = np.concatenate([contents()["train/data"], contents()["test/data"]])
    assert np.array_equal(arrays.images, np.round(expected * 255)) and arrays.images.dtype == np.uint8
    assert arrays.labels.tolist() == [*range(10)] * 4
    assert [(arrays.split == mark).sum() for mark in (0, 1, 2)] == [27, 3, 10]
    assert np.all(arrays.split[30:] == 2)
    assert arrays.rule["seed"] == 0 and arrays.rule["fractions"] == [0.9, 0.1]
    assert told == [(40, 40)]


@pytest.mark.parametrize(("size", "inner"), [(16, 16), (28, 20), (32, 32)])
def test_enlarging_is_linear_between_pixel_centres(size, inner):
    places = (np.arange(inner) + 0.5) * 16 / inner - 0.5
    across = np.interp(places, np.arange(16), np.arange(16) ** 2)
    slope = np.broadcast_to(np.arange(16.0) ** 2, (1, 16, 16))
    for images, expected in ((slope, across[None]), (slope.transpose(0, 2, 1), across[:, None])):
        large = usps.enlarge(images, size)[0]
        border = (size - inner) // 2
        assert large.shape == (size, size)
        assert np.allclose(large[border : size - border, border : size - border], expected)
        assert large.sum() == pytest.approx(np.broadcast_to(expected, (inner, inner)).sum())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train/target": None}, "no dataset train/target"),
        ({"test/data": None, "test/target": None}, "no dataset test/data"),
        ({"train/data": np.zeros((30, 16, 16), np.float32)}, r"train/data is float32 \(30, 16, 16\); .* \(30, 256\)"),
        ({"train/data": np.zeros((29, 256), np.float32)}, r"\(29, 256\)"),
        ({"train/data": np.zeros((30, 256), np.uint8)}, "uint8 .* must be floats"),
        ({"test/target": np.zeros(10)}, "float64 .* must be integers"),
        ({"test/target": np.full(10, 10)}, "digits from 0 to 9; they go from 0 to 10"),
        ({"test/data": np.full((10, 256), 255.0)}, "pixels must be from 0 to 1"),
        ({"test/data": np.full((10, 256), np.nan)}, "pixels must be from 0 to 1"),
    ],
)
def test_another_hdf5_file_is_refused(tmp_path, changes, message):
    path = write(tmp_path / "usps.h5", **changes)
    with pytest.raises(DatasetError, match=message) as caught:
        usps.read(path, SMALL, 16)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"<html>", None])
def test_a_file_cut_short_or_of_another_kind_is_refused(tmp_path, content):
    path = write(tmp_path / "usps.h5")
    path.write_bytes(path.read_bytes()[:-2000] if content is None else content)
    with pytest.raises(DatasetError, match=r"is not the USPS file, or is damaged: .* It must be HDF5 with groups"):
        usps.read(path, SMALL, 16)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"usps: no file usps\.h5 in .*USPS or .*--data-root"):
        usps.prepare(usps.Options(), tmp_path, download=True)
    with pytest.raises(DatasetError, match=r"usps needs the folder with usps\.h5"):
        usps.prepare(usps.Options(), None)


def test_the_size_is_checked():
    with pytest.raises(ValueError, match="usps: size must be 16, 28 or 32, not 20"):
        usps.Options(size=20)


def test_the_real_digits():
    if not (ORIGINALS / "USPS" / "usps.h5").is_file():
        pytest.skip(f"no USPS/usps.h5 in {ORIGINALS} (set TEASEL_DATA_ROOT)")
    arrays = usps.prepare(usps.Options(size=16), ORIGINALS)
    assert arrays.images.shape == (9_298, 256)
    assert [(arrays.split == mark).sum() for mark in (0, 1, 2)] == [6_562, 729, 2_007]
    assert np.bincount(arrays.labels[:7_291]).tolist() == [1194, 1005, 731, 658, 652, 556, 664, 645, 542, 644]
    assert arrays.images[:7_291].mean() / 255 == pytest.approx(0.2545, abs=1e-3)
    assert arrays.images[7_291:].mean() / 255 == pytest.approx(0.2676, abs=1e-3)
