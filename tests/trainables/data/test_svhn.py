"""SVHN from small made .mat files, and every kind of wrong one refused."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest
from scipy.io import savemat

from trainables.core.arrays import DatasetError
from trainables.data import svhn

COUNTS = {"train": 40, "test": 10}


def contents(part):
    rng = np.random.default_rng(len(part))
    count = COUNTS[part]
    pixels = rng.integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
    return {"X": pixels, "y": (np.arange(count) % 10 + 1).astype(np.uint8)[:, None]}


def write(folder, **changes):
    """Both files, the training one changed, and what they are."""
    folder.mkdir(exist_ok=True)
    digests = []
    for part in COUNTS:
        path = folder / f"{part}_32x32.mat"
        values = contents(part) | (changes if part == "train" else {})
        savemat(path, {name: value for name, value in values.items() if value is not None}, do_compression=True)
        digests.append(hashlib.md5(path.read_bytes()).hexdigest())
    return svhn.Original(train=40, test=10, validation=4, md5=tuple(digests))


@pytest.mark.parametrize("folder", ["SVHN", "svhn", ""])
def test_images_labels_and_split(tmp_path, folder):
    told = []
    arrays = svhn.read(write(tmp_path / folder), tmp_path, progress=lambda *call: told.append(call))
    images = arrays.images.reshape(50, 3, 32, 32)
    assert np.array_equal(images[7, 2], contents("train")["X"][:, :, 2, 7])
    assert np.array_equal(images[42, 0], contents("test")["X"][:, :, 0, 2])
    # The tenth image of each file has the label 10, which is the digit 0.
    assert arrays.labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0] * 5
    assert [(arrays.split == mark).sum() for mark in (0, 1, 2)] == [36, 4, 10]
    assert np.all(arrays.split[40:] == 2) and arrays.rule["seed"] == 0
    assert told == [(0, 50), (40, 50), (50, 50)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": None}, "it has no variable y"),
        ({"X": None}, "it has no variable X"),
        ({"X": contents("train")["X"][..., :-1]}, r"X is uint8 \(32, 32, 3, 39\); it must be uint8 \(32, 32, 3, 40\)"),
        ({"X": contents("train")["X"].transpose(3, 0, 1, 2)}, r"X is uint8 \(40, 32, 32, 3\)"),
        ({"X": contents("train")["X"].astype(float)}, "pixels must be uint8"),
        ({"X": np.zeros((1, 1), dtype=object)}, "X is cell"),
        ({"y": np.zeros((40, 1), np.uint8)}, "labels whole numbers from 1 to 10"),
        ({"y": np.full((40, 1), 1.5)}, "labels whole numbers from 1 to 10"),
    ],
)
def test_other_contents_are_refused(tmp_path, changes, message):
    original = write(tmp_path / "SVHN", **changes)
    with pytest.raises(DatasetError, match=message) as caught:
        svhn.read(original, tmp_path)
    assert str(tmp_path / "SVHN" / "train_32x32.mat") in str(caught.value)


@pytest.mark.parametrize("kept", [0, 3, 100, 130, 140, 5000, -1])
def test_a_file_cut_short_is_refused(tmp_path, kept):
    original = write(tmp_path / "SVHN")
    path = tmp_path / "SVHN" / "test_32x32.mat"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DatasetError, match=r"original \.mat of 10 images, or is damaged: .* get it anew") as caught:
        svhn.read(original, tmp_path)
    assert f"{path} ({path.stat().st_size:,} bytes)" in str(caught.value)


@pytest.mark.parametrize("content", [b"<html>not found</html>" * 20, b"\x89HDF\r\n\x1a\n" + bytes(600), b"\0" * 600])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    original = write(tmp_path / "SVHN")
    (tmp_path / "SVHN" / "train_32x32.mat").write_bytes(content)
    with pytest.raises(DatasetError, match="is not SVHN's original"):
        svhn.read(original, tmp_path)


def test_other_images_of_the_right_shape_are_refused(tmp_path):
    original = dataclasses.replace(write(tmp_path / "SVHN"), md5=("0" * 32, "0" * 32))
    with pytest.raises(DatasetError, match=r"its md5 is .*, it must be 0000"):
        svhn.read(original, tmp_path)


def test_a_missing_file_is_named_with_the_way_to_get_it(tmp_path):
    original = write(tmp_path / "SVHN")
    (tmp_path / "SVHN" / "test_32x32.mat").unlink()
    with pytest.raises(DatasetError, match=r"svhn: no file test_32x32\.mat in .*SVHN or .*--data-root, .*--download"):
        svhn.read(original, tmp_path)
    with pytest.raises(DatasetError, match="svhn needs the folder with train_32x32"):
        svhn.prepare(svhn.Options(), None, download=True)


def test_a_download_that_fails_says_so(tmp_path, monkeypatch):
    def refuse(*_):
        raise RuntimeError("no route")

    monkeypatch.setattr(svhn, "_download", refuse)
    with pytest.raises(DatasetError, match=r"train_32x32\.mat could not be downloaded to .*SVHN: no route"):
        svhn.prepare(svhn.Options(), tmp_path, download=True)


def test_the_description_has_the_known_sizes():
    description = svhn.describe(svhn.Options())
    assert (description.shape, description.images, description.classes) == ((3, 32, 32), 99_289, tuple("0123456789"))
