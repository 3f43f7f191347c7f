"""The reader of JAFFE's folder, on folders of the original names with small generated images."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from trainables.core.arrays import DatasetError
from trainables.data import jaffe

SMALL = jaffe.Original(images=140, edge=96)
PERSONS = ("KA", "KL", "KM", "KR", "MK", "NA", "NM", "TM", "UY", "YM")


def write(folder, edge=96):
    """Two takes of ten persons with seven expressions; person and expression are the grey of the two halves."""
    folder.mkdir(parents=True)
    number = 0
    for person, name in enumerate(PERSONS):
        for expression, code in enumerate(jaffe.CODES):
            for take in (1, 2):
                number += 1
                pixels = np.full((edge, edge), 20 * person, dtype=np.uint8)
                pixels[:, edge // 2 :] = 30 * expression + take
                Image.fromarray(pixels).save(folder / f"{name}.{code}{take}.{number}.tiff")
    return folder


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "jaffe")


def read(root, **options):
    return jaffe.read(SMALL, jaffe.Options(**options), root)


def test_it_says_what_the_original_is():
    description = jaffe.describe(jaffe.Options(size=64))
    assert (description.images, description.shape) == (213, (1, 64, 64))
    assert dict(description.factors) == {"identity": 10, "expression": 7}
    assert description.classes == ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
    assert (jaffe.ORIGINAL.images, jaffe.ORIGINAL.edge) == (213, 256)
    assert [name[:2].upper() for name in description.classes] == list(jaffe.CODES)


@pytest.mark.parametrize("name", jaffe.FOLDERS)
def test_images_classes_and_persons_are_read_from_the_names(tmp_path, name):
    write(tmp_path / name)
    arrays = read(tmp_path)
    assert arrays.images.shape == (140, 48 * 48)
    assert np.array_equal(arrays.factors, np.indices((10, 7, 2)).reshape(3, -1).T[:, :2])
    assert np.array_equal(arrays.labels, arrays.factors[:, 1])
    images = arrays.images.reshape(-1, 48, 48)
    assert np.all(images[:, :, :24] == 20 * arrays.factors[:, 0, None, None])
    take = np.tile([1, 2], 70)
    assert np.all(images[:, :, 24:] == (30 * arrays.factors[:, 1] + take)[:, None, None])


def test_images_are_averaged_over_area():
    assert np.allclose(jaffe.area_weights(2, 3), [[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]])
    for size in (48, 64):
        weights = jaffe.area_weights(size, 256)
        assert np.allclose(weights.sum(1), 1) and np.allclose(weights.sum(0), size / 256) and weights.min() == 0


def test_every_person_is_in_every_part_with_two_expressions_or_whole_in_one(folder):
    arrays = read(folder.parent)
    for mark in (0, 1, 2):
        for person in range(10):
            rows = (arrays.split == mark) & (arrays.factors[:, 0] == person)
            assert len(set(arrays.labels[rows])) >= 2
    whole = read(folder.parent, split="person")
    parts = [{int(mark) for mark in whole.split[whole.factors[:, 0] == person]} for person in range(10)]
    assert sorted(len(part) for part in parts) == [1] * 10
    assert sorted(min(part) for part in parts) == [0] * 8 + [1, 2]


def test_notes_hidden_files_and_folders_are_passed_over(folder):
    for name in (".DS_Store", "README", "README_FIRST.txt", "Thumbs.db", "semantic-ratings.pdf"):
        (folder / name).write_text("no image")
    (folder / "more").mkdir()
    assert len(read(folder.parent).images) == 140


def test_images_with_an_alpha_channel_are_read_as_grey(folder):
    path = folder / "KA.AN1.1.tiff"
    grey = Image.open(path)
    grey.load()
    grey.convert("LA").save(path)
    assert len(read(folder.parent).images) == 140


@pytest.mark.parametrize("name", ["KA.XX1.39.tiff", "ka.AN1.39.tiff", "KA.AN1.39.jpg", "KA.AN1.tiff", "me.png", "KA"])
def test_a_foreign_name_is_refused_with_what_a_name_is(folder, name):
    (folder / name).write_bytes(b"")
    with pytest.raises(DatasetError, match=rf"foreign names: {name}\. .*must look like KA\.AN1\.39\.tiff"):
        read(folder.parent)


def test_of_many_foreign_names_a_few_are_listed(folder):
    for i in range(9):
        (folder / f"face{i}.png").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"face0\.png, face1\.png, face2\.png and 6 more\. "):
        read(folder.parent)


def cut(path):
    path.write_bytes(path.read_bytes()[:2000])


def empty(path):
    path.write_bytes(b"")


def text(path):
    path.write_text("no image")


def larger(path):
    Image.new("L", (97, 96)).save(path)


def deep(path):
    Image.new("I;16", (96, 96)).save(path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, "cannot be read as an image"),
        (empty, "cannot be read as an image"),
        (text, "cannot be read as an image"),
        (larger, "has 97×96 pixels of mode L; it must have 96×96"),
        (deep, "of mode I;16; it must have 96×96, grey of 8 bits"),
    ],
)
def test_a_damaged_image_is_named(folder, damage, message):
    damage(folder / "TM.SA2.110.tiff")
    with pytest.raises(DatasetError, match=rf"TM\.SA2\.110\.tiff .*{message}"):
        read(folder.parent)


def test_a_missing_image_is_counted(folder):
    (folder / "KA.AN1.1.tiff").unlink()
    with pytest.raises(DatasetError, match="holds 139 images; the original has 140"):
        read(folder.parent)
    with pytest.raises(DatasetError, match="holds 139 images; the original has 213"):
        jaffe.prepare(jaffe.Options(), folder.parent)


def test_another_number_of_persons_is_refused(folder):
    for path in list(folder.glob("YM.*")):
        path.rename(folder / path.name.replace("YM.", "XA."))
    (folder / "XA.AN1.127.tiff").rename(folder / "XB.AN1.127.tiff")
    with pytest.raises(DatasetError, match=r"shows 11 persons \(KA, .*the original has 10"):
        read(folder.parent)


@pytest.mark.parametrize("download", [False, True])
def test_without_files_it_says_where_they_come_from(tmp_path, download):
    with pytest.raises(DatasetError, match=r"jaffe: no file like .*licence.*--data-root.* faces"):
        jaffe.prepare(jaffe.Options(), tmp_path, download=download)
    with pytest.raises(DatasetError, match="--data-root"):
        jaffe.prepare(jaffe.Options(), None)


@pytest.mark.parametrize(
    ("values", "message"),
    [({"size": 256}, "jaffe: size must be 48 or 64, not 256"), ({"split": 1}, "split must be 'image' or 'person'")],
)
def test_impossible_options_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        jaffe.Options(**values)
