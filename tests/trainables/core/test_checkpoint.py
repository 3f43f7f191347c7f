"""A checkpoint is whole or refused: cut anywhere, flipped anywhere, missing a file, half written."""

import json
import os
import random
import threading

import pytest
import torch

from trainables.core import checkpoint
from trainables.core.checkpoint import MANIFEST, CheckpointError

FILES = {"a.safetensors": checkpoint.tensors({"w": torch.arange(12.0).view(3, 4)}), "b.json": b'{"step": 3}'}


@pytest.fixture
def folder(tmp_path):
    checkpoint.write(tmp_path / "step-3", FILES)
    return tmp_path / "step-3"


def read_all(folder):
    return checkpoint.read_tensors(folder, "a.safetensors"), json.loads(checkpoint.read(folder, "b.json"))


def test_what_is_written_is_read(folder):
    tensors, values = read_all(folder)
    assert torch.equal(tensors["w"], torch.arange(12.0).view(3, 4)) and values == {"step": 3}


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_cut_or_flipped_anywhere_is_refused(folder, name):
    whole = (folder / name).read_bytes()
    rng = random.Random(0)
    damaged = [whole[: rng.randrange(len(whole))] for _ in range(16)]
    for _ in range(64):
        bit = rng.randrange(8 * len(whole))
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        damaged.append(bytes(flipped))
    for content in damaged:
        (folder / name).write_bytes(content)
        try:
            tensors, values = read_all(folder)
        except CheckpointError:
            continue
        # A flip in the manifest's white space changes nothing.
        assert name == MANIFEST and torch.equal(tensors["w"], torch.arange(12.0).view(3, 4)) and values == {"step": 3}


def test_a_missing_file_or_folder_is_refused(folder, tmp_path):
    (folder / "b.json").unlink()
    with pytest.raises(CheckpointError, match=r"no whole b\.json"):
        checkpoint.read(folder, "b.json")
    with pytest.raises(CheckpointError):
        checkpoint.read(tmp_path / "nothing", "b.json")


def test_an_earlier_one_of_the_same_name_is_replaced(folder):
    checkpoint.write(folder, {"b.json": b'{"step": 4}'})
    assert json.loads(checkpoint.read(folder, "b.json")) == {"step": 4}
    assert sorted(p.name for p in folder.iterdir()) == ["b.json", MANIFEST]


def test_what_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    count = [0]
    real = os.fsync

    def full(descriptor):
        count[0] += 1
        if count[0] == 2:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        checkpoint.write(tmp_path / "step-3", FILES)
    assert list(tmp_path.iterdir()) == []


def test_the_first_files_are_written_while_something_else_goes_on(tmp_path):
    folder, going_on = tmp_path / "step-3", threading.Event()

    def first():
        assert going_on.wait(30), "the caller goes on before they are made"
        return {"a.json": b"1"}

    with checkpoint.writing(folder, first) as finish:
        assert not folder.exists()
        going_on.set()
        finish({"b.json": b"2"})
    assert [checkpoint.read(folder, name) for name in ("a.json", "b.json")] == [b"1", b"2"]
    assert [path.name for path in tmp_path.iterdir()] == ["step-3"]


@pytest.mark.parametrize("earlier", [True, False])
@pytest.mark.parametrize("how", ["not finished", "the rest fails", "the first fails"])
def test_what_is_not_finished_is_not_there(tmp_path, how, earlier):
    folder = tmp_path / "step-3"
    if earlier:
        checkpoint.write(folder, {"a.json": b"0"})

    def first():
        if how == "the first fails":
            raise OSError(28, "No space left on device")
        return {"a.json": b"1"}

    with (
        pytest.raises(OSError, match="No space") if how == "the first fails" else pytest.raises(ZeroDivisionError),
        checkpoint.writing(folder, first) as finish,
    ):
        if how == "the rest fails":
            raise ZeroDivisionError
        if how == "the first fails":
            finish({})
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == (["step-3"] if earlier else [])
    assert not earlier or checkpoint.read(folder, "a.json") == b"0"
