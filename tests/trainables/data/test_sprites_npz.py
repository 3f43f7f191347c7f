"""The original sprites: plain arrays are read, and whatever is not the original is refused unread."""

from __future__ import annotations

import io
import os
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.core import npz
from trainables.core.arrays import DatasetError
from trainables.data import sprites

SMALL = npz.Original(name="dSprites", counts=(1, 3, 2, 2, 4, 4), size=16)
EVERY = np.arange(SMALL.images)


class Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 2, (SMALL.images, SMALL.size, SMALL.size), dtype=np.uint8)


def classes(counts=SMALL.counts):
    return np.indices(counts).reshape(len(counts), -1).T.copy()


def write(path, **changes):
    arrays = {"imgs": images(), "latents_classes": classes(), **changes}
    np.savez_compressed(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


def reason(path, original=SMALL):
    with pytest.raises(DatasetError) as caught:
        npz.read(path, original, EVERY)
    assert str(path) in str(caught.value) and "latents_classes, integers (192, 6)" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", [np.int64, np.uint8, ">i4"])
def test_the_rows_asked_for_are_read_and_packed(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(npz, "BLOCK", 50)
    path = write(tmp_path / "a.npz", latents_classes=classes().astype(kind))
    expected = np.packbits(images().reshape(SMALL.images, -1), axis=1)
    told = []
    assert np.array_equal(npz.read(path, SMALL, EVERY, lambda *call: told.append(call)), expected)
    assert told == [(50, 192), (100, 192), (150, 192), (192, 192)]
    some = np.array([0, 3, 49, 50, 191])
    assert np.array_equal(npz.read(path, SMALL, some), expected[some])


def test_pickled_metadata_beside_the_arrays_are_never_unpickled(tmp_path):
    touched = tmp_path / "touched"
    path = write(tmp_path / "a.npz", metadata=np.array([Payload(touched)], dtype=object))
    assert len(npz.read(path, SMALL, EVERY)) == SMALL.images
    assert not touched.exists()
    with np.load(path, allow_pickle=True) as loaded:
        assert loaded["metadata"] is not None
    assert touched.exists(), "the payload must be one that acts"


@pytest.mark.parametrize("name", ["imgs", "latents_classes"])
def test_pickled_objects_in_place_of_an_array_are_refused(tmp_path, name):
    touched = tmp_path / "touched"
    objects = np.empty((images() if name == "imgs" else classes()).shape, dtype=object)
    objects.flat[0] = Payload(touched)
    assert f"its {name} holds pickled objects" in reason(write(tmp_path / "a.npz", **{name: objects}))
    assert not touched.exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"imgs": None}, "it has no array imgs"),
        ({"latents_classes": None}, "it has no array latents_classes"),
        ({"imgs": images()[:-1]}, r"its imgs has the shape (191, 16, 16), not (192, 16, 16)"),
        ({"imgs": np.asfortranarray(images())}, "in columns"),
        ({"imgs": images().astype(np.int8)}, "its imgs holds int8"),
        ({"imgs": images().astype(np.uint16)}, "its imgs unpacks to 98,432 bytes"),
        ({"imgs": images() * 255}, "its imgs has a pixel of 255"),
        ({"latents_classes": classes().astype(float)}, "its latents_classes holds float64"),
        ({"latents_classes": classes()[::-1]}, "row 0 of its latents_classes is [0, 2, 1, 1, 3, 3], not [0, 0,"),
        ({"latents_classes": classes((1, 3, 2, 2, 2, 8))}, "row 4 of its latents_classes is"),
    ],
)
def test_other_arrays_are_refused(tmp_path, changes, message):
    assert message in reason(write(tmp_path / "a.npz", **changes))


def forged(path, shape, content):
    """An archive whose ``imgs`` says that it has ``shape``, before ``content``."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("imgs.npy", header.getvalue() + content)
        grid = io.BytesIO()
        np.save(grid, classes())
        archive.writestr("latents_classes.npy", grid.getvalue())
    return path


def test_a_header_that_lies_is_refused(tmp_path):
    honest = images().tobytes()
    path = forged(tmp_path / "honest.npz", (192, 16, 16), honest)
    assert np.array_equal(np.unpackbits(npz.read(path, SMALL, EVERY)), images().ravel())
    assert "not (192, 16, 16)" in reason(forged(tmp_path / "huge.npz", (10**12, 64, 64), honest))
    assert "and needs 49,280 for its shape" in reason(forged(tmp_path / "short.npz", (192, 16, 16), honest[:-5]))
    assert "and needs 49,280 for its shape" in reason(forged(tmp_path / "long.npz", (192, 16, 16), honest + b"0"))


def test_an_archive_that_claims_to_be_enormous_is_refused_unpacked(tmp_path, monkeypatch):
    path = forged(tmp_path / "bomb.npz", (192, 16, 16), bytes(50_000_000))
    assert path.stat().st_size < 100_000

    def refuse(*_, **__):
        raise AssertionError("the member was opened")

    monkeypatch.setattr(zipfile.ZipFile, "open", refuse)
    assert "its imgs unpacks to 50,000,128 bytes, and must not exceed 59,152" in reason(path)


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9, 0.999])
def test_a_file_cut_short_is_refused(tmp_path, kept):
    path = write(tmp_path / "a.npz")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    assert f"({int(kept * len(whole)):,} bytes)" in reason(path)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_changed_byte_never_changes_an_image_and_is_refused_clearly(tmp_path_factory, data):
    path = write(tmp_path_factory.getbasetemp() / "changed.npz")
    whole = bytearray(path.read_bytes())
    place = data.draw(st.one_of(st.integers(0, 200), st.integers(0, len(whole) - 1), st.integers(1, 300)))
    whole[-place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    try:
        read = npz.read(path, SMALL, EVERY)
    except DatasetError:
        return
    assert np.array_equal(np.unpackbits(read), images().ravel())


@pytest.fixture
def original(tmp_path, monkeypatch):
    """A small file of the original's name, in the data root ``tmp_path``: 4 positions, 2 scales, 2 turns."""
    folder = tmp_path / "dsprites"
    folder.mkdir()
    monkeypatch.setattr(sprites, "ORIGINAL", npz.Original(name="dSprites", counts=(1, 3, 2, 2, 4, 4), size=64))
    pixels = np.random.default_rng(1).integers(0, 2, (192, 64, 64), dtype=np.uint8)
    np.savez_compressed(folder / sprites.FILE, imgs=pixels, latents_classes=classes())
    return pixels.reshape(3, 2, 2, 4, 4, 64, 64)


def test_a_coarser_grid_selects_the_rows_of_the_original(original, tmp_path, monkeypatch):
    kept = {"shape": [1], "scale": [0, 1], "orientation": [1], "posX": [0, 3], "posY": [0, 1, 3]}
    monkeypatch.setattr(sprites, "grid", lambda _: {name: np.array(indices) for name, indices in kept.items()})
    arrays = sprites.prepare(sprites.Options(original=True), tmp_path)
    expected = original[1][:, 1][:, [0, 3]][:, :, [0, 1, 3]]
    assert np.array_equal(np.unpackbits(arrays.images, axis=1).reshape(expected.shape), expected)
    assert len(arrays.labels) == 12


def test_a_missing_original_says_what_would_do(tmp_path):
    with pytest.raises(
        DatasetError, match=rf"sprites: no file {sprites.FILE} in .*dsprites or .*--data-root; or leave"
    ):
        sprites.prepare(sprites.Options(original=True), tmp_path)
    with pytest.raises(DatasetError, match="sprites needs the folder with"):
        sprites.prepare(sprites.Options(original=True))


def test_the_original_has_one_size_and_its_own_source():
    with pytest.raises(ValueError, match="size must be 64 where original is true, not 32"):
        sprites.Options(size=32, original=True)
    with pytest.raises(ValueError, match="original must be true or false, not 1"):
        sprites.Options(original=1)
    rendered, read = sprites.describe(sprites.Options()), sprites.describe(sprites.Options(original=True))
    assert sprites.FILE in read.source and sprites.FILE not in rendered.source
    assert (read.shape, read.images, read.factors) == (rendered.shape, rendered.images, rendered.factors)
