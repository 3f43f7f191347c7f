"""Preparing, opening and reading: once, by many processes, without copies."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from trainables.core import dataset as module
from trainables.core.arrays import DatasetError
from trainables.core.dataset import open_dataset, prepare_dataset, prepared_path, verify_dataset
from trainables.core.split import Split

ROOT = Path(__file__).parents[3]
GRID = {"size": 32, "scales": 2, "orientations": 2, "positions": 4}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def sprites(cache):
    return open_dataset("sprites", GRID, cache=cache)


def test_options_name_the_file_and_the_cache_its_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TEASEL_CACHE", str(tmp_path))
    default = prepared_path("digits")
    assert default == prepared_path("digits", {"size": 32}) and default.parent == tmp_path
    assert default != prepared_path("digits", {"size": 8})
    assert default.name.startswith("digits-") and default.suffix == ".arrow"
    monkeypatch.delenv("TEASEL_CACHE")
    monkeypatch.setenv("HOME", "/somewhere")
    assert prepared_path("digits").parent == Path("/somewhere/.cache/teasel")


def test_preparing_twice_works_once(cache, sprites):
    before = sprites.file.path.stat()
    path = prepare_dataset("sprites", GRID, cache=cache, progress=lambda *_: pytest.fail("again"))
    assert path == sprites.file.path and path.stat().st_mtime_ns == before.st_mtime_ns
    verify_dataset("sprites", GRID, cache=cache)


def test_columns_are_views_of_the_map(sprites):
    assert all(not values.flags.owndata for values in sprites.file.columns.values())
    assert all(not values.flags.writeable for values in sprites.file.columns.values())
    if sys.platform == "linux":
        maps = Path("/proc/self/maps").read_text()
        assert str(sprites.file.path) in maps


def test_images_are_the_rendered_ones(sprites):
    from trainables.data import sprites as renderer

    arrays = renderer.prepare(renderer.Options(**GRID))
    split = sprites.split("validation")
    expected = np.unpackbits(arrays.images[split.rows], axis=1).reshape(-1, 1, 32, 32)
    assert np.array_equal(split.images(torch.arange(len(split))).numpy(), expected)
    assert np.array_equal(split.factor_array, arrays.factors[split.rows])
    assert np.array_equal(split.label_array, arrays.labels[split.rows])


@pytest.mark.parametrize("name", ["sprites", "digits"])
def test_a_resident_split_gives_the_same(name, cache):
    dataset = open_dataset(name, GRID if name == "sprites" else None, cache=cache)
    split = dataset.split("train")
    held = Split(dataset, "train", torch.from_numpy(dataset.file.columns["image"][split.rows]))
    index = torch.randint(len(split), (20,), generator=torch.Generator().manual_seed(3))
    assert torch.equal(split.images(index), held.images(index))
    assert torch.equal(split.labels(index), held.labels(index))
    assert split.to("cpu").resident is None and held.to("cpu").resident is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_split_on_a_gpu_gives_the_same(sprites):
    split = sprites.split("train")
    there = split.to("cuda")
    index = torch.arange(0, len(split), 3)
    assert there.device.type == "cuda" == there.images(index.cuda()).device.type
    assert torch.equal(there.images(index.cuda()).cpu(), split.images(index))
    assert torch.equal(there.labels(index.cuda()).cpu(), split.labels(index))


def test_an_index_beyond_the_split_is_an_error(sprites):
    split = sprites.split("test")
    with pytest.raises(IndexError):
        split.images(torch.tensor([len(split)]))
    with pytest.raises(ValueError, match="No split 'tset'; splits are train, validation, test"):
        sprites.split("tset")


def test_a_pickled_dataset_is_its_path(sprites):
    pickled = pickle.dumps(sprites.split("train"))
    assert len(pickled) < 1000
    again = pickle.loads(pickled)
    assert torch.equal(again.images(torch.arange(3)), sprites.split("train").images(torch.arange(3)))


def test_a_damaged_file_is_refused_and_prepared_anew(tmp_path):
    path = prepare_dataset("digits", {"size": 8}, cache=tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError) as caught:
        open_dataset("digits", {"size": 8}, cache=tmp_path)
    assert str(path) in str(caught.value)
    assert "teasel data prepare digits --set size=8" in str(caught.value)
    assert prepare_dataset("digits", {"size": 8}, cache=tmp_path).read_bytes() == whole


def test_the_file_of_another_dataset_is_refused(tmp_path):
    path = prepare_dataset("digits", {"size": 8}, cache=tmp_path)
    os.replace(path, prepared_path("digits", {"size": 16}, cache=tmp_path))
    with pytest.raises(DatasetError, match=r"holds another dataset: digits with \{'size': 8\}"):
        open_dataset("digits", {"size": 16}, cache=tmp_path)


def test_a_full_disk_is_told_before_any_work(tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(module.prepared.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DatasetError) as caught:
        prepare_dataset("sprites", cache=tmp_path, progress=lambda *_: pytest.fail("work"))
    assert "sprites: it needs 382.7 MB in" in str(caught.value)
    assert str(tmp_path) in str(caught.value) and "TEASEL_CACHE" in str(caught.value)


def test_two_processes_prepare_once(tmp_path):
    script = (
        "import pathlib, sys, time\n"
        "from trainables.core.dataset import open_dataset\n"
        "import pyarrow\n"
        "folder, me = pathlib.Path(sys.argv[1]), sys.argv[2]\n"
        "def progress(done, total):\n"
        "    (folder / ('worked-' + me)).touch()\n"
        "    time.sleep(0.2)\n"
        "(folder / ('ready-' + me)).touch()\n"
        "while not (folder / 'go').exists(): time.sleep(0.001)\n"
        f"dataset = open_dataset('sprites', {GRID!r}, cache=folder, progress=progress)\n"
        "print(len(dataset), dataset.file.metadata['sha256']['image'])\n"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", script, tmp_path, me],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for me in "ab"
    ]
    until = time.monotonic() + 60
    while len(list(tmp_path.glob("ready-*"))) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    (tmp_path / "go").touch()
    outputs = {process.communicate(timeout=60)[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(outputs) == 1 and outputs.pop().startswith("192 ")
    assert len(list(tmp_path.glob("worked-*"))) == 1
    assert not list(tmp_path.glob("*.part"))


def test_a_batch_takes_less_than_a_millisecond(cache):
    dataset = open_dataset("sprites", {**GRID, "size": 64}, cache=cache)
    split = dataset.split("train")
    index = torch.randint(len(split), (64,))
    split.images(index)
    times = []
    for _ in range(200):
        start = time.perf_counter()
        split.images(index)
        times.append(time.perf_counter() - start)
    assert min(times) < 1e-3
