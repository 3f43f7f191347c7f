"""What every dataset must do, by name; without its originals a dataset is skipped."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from trainables import data
from trainables.core.arrays import DatasetError, seeded_split
from trainables.core.dataset import open_dataset, prepared_path

ROOT = Path(__file__).parents[3]
ORIGINALS = Path(os.environ.get("TEASEL_DATA_ROOT") or ROOT.parent / "shared" / "data")
SMALL = {"sprites": {"size": 16, "scales": 2, "orientations": 4, "positions": 4}, "faces": {"takes": 2}}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module", params=data.names())
def dataset(request, cache):
    name = request.param
    try:
        return open_dataset(name, SMALL.get(name), data_root=ORIGINALS, cache=cache)
    except DatasetError as error:
        if "no file" not in str(error):
            raise
        pytest.skip(f"{name}: no originals in {ORIGINALS} (set TEASEL_DATA_ROOT)")


def test_the_files_are_the_datasets():
    expected = "celeba digits faces fashion_mnist jaffe mnist nar sprites svhn usps"
    assert set(expected.split()) <= set(data.names())


@pytest.mark.parametrize("name", data.names())
def test_a_dataset_file_has_its_names_and_describes_itself(name):
    module = data.load(name)
    assert module.__doc__ and module.prepare.__doc__
    assert all(field.default is not dataclasses.MISSING for field in dataclasses.fields(module.Options))
    description = data.describe(name)
    assert len(description.shape) == 3 and description.images > 0
    assert description.summary and description.source and description.bits in (1, 8)
    assert dataclasses.is_dataclass(module.Options()) and hash(module.Options()) is not None


def test_it_is_what_it_said(dataset):
    description = data.describe(dataset.name, SMALL.get(dataset.name))
    assert description == dataset.description
    assert dataset.shape == description.shape and len(dataset) == description.images
    assert dataset.factor_sizes == tuple(description.factors.values())
    assert dataset.file.path.stat().st_size <= description.bytes


def test_splits_are_disjoint_whole_and_recorded(dataset):
    rows = [dataset.split(part).rows for part in ("train", "validation", "test")]
    assert np.array_equal(np.sort(np.concatenate(rows)), np.arange(len(dataset)))
    assert all(len(r) for r in rows)
    rule = dataset.file.metadata["split"]
    assert rule["counts"] == dict(zip(("train", "validation", "test"), map(len, rows), strict=True))
    assert rule["seed"] in (0, None), "None where the original says which image is in which part"


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_images_labels_and_factors(dataset, part):
    split = dataset.split(part)
    index = torch.tensor([0, len(split) - 1, 3, 3])
    images = split.images(index)
    assert images.shape == (4, *dataset.shape) and images.dtype == torch.float32
    assert 0 <= images.min() < images.max() <= 1
    assert torch.equal(images[2], images[3]) and split.device.type == "cpu"
    assert np.array_equal(split.pixels(index.numpy()) / np.float32(255), images.numpy())
    if dataset.classes:
        labels = split.labels(index)
        assert labels.dtype == torch.int64
        assert np.array_equal(labels.numpy(), split.label_array[index.numpy()])
        assert set(np.unique(split.label_array)) <= set(range(len(dataset.classes)))
    else:
        assert split.label_array is None
        with pytest.raises(ValueError, match="no labels"):
            split.labels(index)
    if dataset.factor_names:
        assert split.factor_array.shape == (len(split), len(dataset.factor_names))
        assert np.all(split.factor_array.max(0) < dataset.factor_sizes)
        assert split.factor_array.min() == 0
    else:
        assert split.factor_array is None


def test_the_first_split_never_changes():
    split, rule = seeded_split(1000)
    assert [(split == mark).sum() for mark in (0, 1, 2)] == [800, 100, 100]
    assert rule["seed"] == 0
    digest = hashlib.sha256(split.data).hexdigest()
    assert digest == "4a494bd0687c3735ed3e61910800b3f515b97bb4f9ee09841464e0644073fb47"


@pytest.mark.parametrize(("name", "mean"), [("mnist", 33.32), ("fashion_mnist", 72.94)])
def test_the_originals_are_read_right(name, mean, cache):
    import torchvision

    folder = data.load(name).ORIGINAL.folder
    if not (ORIGINALS / folder).is_dir():
        pytest.skip(f"no {folder} in {ORIGINALS} (set TEASEL_DATA_ROOT)")
    dataset = open_dataset(name, {"size": 28}, data_root=ORIGINALS, cache=cache)
    parts = {part: dataset.split(part) for part in ("train", "validation", "test")}
    assert [len(split) for split in parts.values()] == [50_000, 10_000, 10_000]
    assert dataset.file.columns["image"][:60_000].mean() == pytest.approx(mean, abs=0.01)
    original = getattr(torchvision.datasets, folder)(str(ORIGINALS), train=False)
    index = torch.tensor([0, 1, 9_999])
    assert torch.equal(parts["test"].images(index)[:, 0] * 255, original.data[index].float())
    assert torch.equal(parts["test"].labels(index), original.targets[index])
    padded = open_dataset(name, data_root=ORIGINALS, cache=cache).split("test").images(index)
    assert torch.equal(padded[:, :, 2:-2, 2:-2], parts["test"].images(index))
    assert padded.sum() == pytest.approx(parts["test"].images(index).sum().item())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: data.load("sprits"),
            r"No dataset 'sprits' \(did you mean 'sprites'\?\); .*digits",
        ),
        (lambda: data.load("../digits"), "No dataset"),
        (lambda: data.options("sprites", {"sise": 32}), r"no option 'sise' \(did you mean 'size'"),
        (lambda: data.options("mnist", {"colour": 1}), "no option 'colour'; its options are size"),
        (lambda: data.options("mnist", {"size": "32"}), "size must be 28 or 32, not '32'"),
        (lambda: data.options("digits", {"size": True}), "size must be 8, 16 or 32, not True"),
        (lambda: data.options("digits", [32]), "options must be a mapping"),
        (lambda: prepared_path("digits", {"size": 9}), "size must be"),
    ],
)
def test_unknown_names_and_values_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_describing_imports_nothing_heavy():
    script = (
        "import sys\n"
        "from trainables import data\n"
        "from trainables.core import dataset\n"
        "for name in data.names(): data.describe(name), dataset.prepared_path(name)\n"
        "heavy = {'torch', 'pyarrow', 'sklearn', 'torchvision', 'scipy', 'PIL', 'ray'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
