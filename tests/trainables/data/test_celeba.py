"""CelebA from a small made folder, and every kind of wrong one refused."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from trainables.core.arrays import DatasetError
from trainables.data import celeba

SMALL = celeba.Original(train=4, validation=1, test=2)
NAMES = [f"{i:06d}.jpg" for i in range(1, 8)]
MARKS = [0, 0, 2, 0, 1, 2, 0]
MALE = [1, -1, -1, 1, 1, -1, 1]


@pytest.fixture
def folder(tmp_path):
    """Image i is grey 30·i within the central 148×148, and white outside."""
    folder = tmp_path / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    for i, name in enumerate(NAMES):
        pixels = np.full((218, 178, 3), 255, dtype=np.uint8)
        pixels[35:183, 15:163] = [30 * i, 20, 200]
        Image.fromarray(pixels).save(folder / "img_align_celeba" / name, quality=100, subsampling=0)
    lines = [f"{name} {mark}" for name, mark in zip(NAMES, MARKS, strict=True)]
    (folder / "list_eval_partition.txt").write_text("\n".join(lines) + "\n")
    lines = [f"{name} -1  {male}  1" for name, male in zip(NAMES, MALE, strict=True)]
    (folder / "list_attr_celeba.txt").write_text("\n".join(["7", "Bald Male Young ", *lines]) + "\n")
    return folder


@pytest.mark.parametrize("size", [32, 64])
def test_images_labels_and_the_official_split(folder, tmp_path, size):
    told = []
    arrays = celeba.read(SMALL, size, tmp_path, progress=lambda *call: told.append(call))
    images = arrays.images.reshape(7, 3, size, size)
    inner = images[:, :, 2:-2, 2:-2].astype(int)
    expected = np.stack([30 * np.arange(7), np.full(7, 20), np.full(7, 200)], axis=1)[:, :, None, None]
    assert np.abs(inner - expected).max() <= 3
    assert arrays.labels.tolist() == [1, 0, 0, 1, 1, 0, 1]
    assert arrays.split.tolist() == [0, 0, 2, 0, 1, 2, 0]
    assert told == [(0, 7), (7, 7)]


def test_reducing_is_antialiased(folder, tmp_path):
    stripes = np.zeros((218, 178, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(folder / "img_align_celeba" / NAMES[0], quality=100, subsampling=0)
    image = celeba.read(SMALL, 32, tmp_path).images[0].reshape(3, 32, 32)
    assert np.abs(image.astype(int) - 128).max() < 20


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("list_eval_partition.txt", "000002.jpg 0", "000002.jpg 3", r"line 2: .* not '000002\.jpg 3'"),
        ("list_eval_partition.txt", "000002.jpg 0", "../../000002.jpg 0", "line 2: it must be a file name"),
        ("list_eval_partition.txt", "000002.jpg 0", "000002.jpg 1", r"\[3, 2, 2\] .* must have \[4, 1, 2\]"),
        ("list_eval_partition.txt", "000002.jpg", "000001.jpg", "of which 6 differ"),
        ("list_eval_partition.txt", "000002.jpg 0", "zwölf.jpg 0", "cannot be read as text"),
        ("list_attr_celeba.txt", "Male", "Man", "Male among them"),
        ("list_attr_celeba.txt", "000002.jpg -1  -1", "000002.jpg -1 0", "line 4: .* 3 values, 1 or -1"),
        ("list_attr_celeba.txt", "000002.jpg -1  -1", "000002.jpg -1", "line 4: .* 3 values"),
        ("list_attr_celeba.txt", "000002.jpg", "000009.jpg", "must be the same"),
    ],
)
def test_another_list_is_refused(folder, tmp_path, file, old, new, message):
    replace(folder / file, old, new)
    with pytest.raises(DatasetError, match=message) as caught:
        celeba.read(SMALL, 32, tmp_path)
    assert str(folder / file) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"<html>", None])
def test_an_image_that_cannot_be_read_is_named(folder, tmp_path, content):
    path = folder / "img_align_celeba" / NAMES[3]
    path.write_bytes(path.read_bytes()[:3000] if content is None else content)
    with pytest.raises(DatasetError, match=r"cannot be read as an image: .* anew") as caught:
        celeba.read(SMALL, 32, tmp_path)
    assert str(path) in str(caught.value)


def test_an_image_of_another_size_is_refused(folder, tmp_path):
    Image.new("RGB", (409, 687)).save(folder / "img_align_celeba" / NAMES[3])
    with pytest.raises(DatasetError, match=r"000004\.jpg has 409×687 pixels; it must have 178×218"):
        celeba.read(SMALL, 32, tmp_path)


@pytest.mark.parametrize("file", ["list_eval_partition.txt", "list_attr_celeba.txt", "img_align_celeba/000005.jpg"])
def test_a_missing_file_is_named_with_the_way_to_get_it(folder, tmp_path, file):
    (folder / file).unlink()
    with pytest.raises(DatasetError) as caught:
        celeba.read(SMALL, 32, tmp_path)
    message = str(caught.value)
    assert f"celeba: no file {file.split('/')[-1]} in {(folder / file).parent}" in message
    assert "--data-root" in message and "--download" in message and "list_attr_celeba.txt" in message


def test_packed_images_are_pointed_out(folder, tmp_path):
    (folder / "img_align_celeba").rename(tmp_path / "elsewhere")
    (folder / "img_align_celeba.zip").write_bytes(b"PK")
    with pytest.raises(DatasetError, match=r"no file 000001\.jpg: .*img_align_celeba\.zip is there: unzip it"):
        celeba.read(SMALL, 32, tmp_path)


def test_a_download_that_fails_says_what_must_lie_where(tmp_path, monkeypatch):
    import torchvision

    def refuse(*_, **__):
        raise ModuleNotFoundError("No module named 'gdown'")

    monkeypatch.setattr(torchvision.datasets, "CelebA", refuse)
    with pytest.raises(DatasetError, match=r"could not be downloaded .* 'gdown' There must be celeba/img_align_celeba"):
        celeba.read(SMALL, 32, tmp_path, download=True)
    with pytest.raises(DatasetError, match="no file"):
        celeba.read(SMALL, 32, tmp_path)


def test_the_description_has_the_known_sizes():
    description = celeba.describe(celeba.Options())
    assert (description.shape, description.images) == ((3, 64, 64), 202_599)
    assert description.classes == ("female", "male")
    with pytest.raises(ValueError, match="celeba: size must be 32 or 64, not 128"):
        celeba.Options(size=128)
