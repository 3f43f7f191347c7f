"""The prepared file: all or nothing, and nothing but a whole one of ours is read."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from trainables.core import prepared
from trainables.core.arrays import Arrays, DatasetError, Description, seeded_split

ROOT = Path(__file__).parents[3]
N = 300
DESCRIPTION = Description(
    shape=(3, 5, 5), images=N, bits=1, factors={"colour": 300, "turn": 2}, classes=("a", "b"),
    summary="made up", source="here",
)  # fmt: skip


def arrays():
    rng = np.random.RandomState(0)
    split, rule = seeded_split(N)
    return Arrays(
        images=rng.randint(0, 256, (N, 10), dtype=np.uint8),
        bits=1,
        labels=rng.randint(0, 2, N),
        factors=np.stack([rng.permutation(N), rng.randint(0, 2, N)], axis=1),
        split=split,
        rule=rule,
    )


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "made.arrow"
    prepared.write(path, "made", {"size": 5}, DESCRIPTION, arrays())
    return path


def test_what_is_written_is_read(path):
    file, expected = prepared.read(path), arrays()
    assert file.description == DESCRIPTION
    assert np.array_equal(file.columns["image"], expected.images)
    assert np.array_equal(file.columns["label"], expected.labels)
    assert np.array_equal(file.columns["colour"], expected.factors[:, 0])
    assert np.array_equal(file.columns["split"], expected.split)
    assert file.columns["colour"].dtype == np.uint16 and file.columns["turn"].dtype == np.uint8
    split = file.metadata["split"]
    assert split["counts"] == {"train": 240, "validation": 30, "test": 30} and split["seed"] == 0
    assert os.listdir(path.parent) == ["made.arrow"]


def test_any_arrow_reader_can_read_it(path):
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    assert table.column_names == ["image", "split", "label", "colour", "turn"]
    assert table.schema.field("image").type == pa.binary(10)
    table.validate(full=True)


def test_every_truncation_is_refused(path):
    whole = path.read_bytes()
    for length in (0, 5, 100, len(whole) // 2, len(whole) - 200, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(DatasetError, match=r"made\.arrow is not a whole prepared dataset"):
            prepared.read(path)


def test_a_changed_pixel_is_found_by_verifying(path):
    content = bytearray(path.read_bytes())
    place = content.find(arrays().images.tobytes())
    content[place + 77] ^= 1
    path.write_bytes(content)
    prepared.read(path)
    with pytest.raises(DatasetError, match="checksum of its column 'image' is wrong"):
        prepared.verify(path)


def foreign(path, metadata, columns=None, batches=1):
    table = pa.table(columns or {"x": [1, 2]}).replace_schema_metadata(metadata)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        for _ in range(batches):
            writer.write_table(table)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 99}, "its format is 99, this version reads 1"),
        ({"shape": [5, 5]}, "unpack"),
        ({"images": 3}, "has not 3 whole rows"),
        ({}, "it lacks 'label'"),
    ],
)
def test_foreign_files_are_refused(path, change, reason):
    metadata = {**prepared.read(path).metadata, **change}
    images = pa.array([b"0123456789"] * 2, type=pa.binary(10))
    columns = {"image": images, "split": pa.array([0, 1], type=pa.uint8())}
    foreign(path, {prepared.KEY: json.dumps({**metadata, "images": 2, **change})}, columns)
    with pytest.raises(DatasetError, match=reason):
        prepared.read(path)


def test_files_that_are_not_ours_are_refused(path):
    foreign(path, {})
    with pytest.raises(DatasetError, match="it lacks the dataset's description"):
        prepared.read(path)
    foreign(path, {prepared.KEY: "not JSON"})
    with pytest.raises(DatasetError, match="is not a whole prepared dataset"):
        prepared.read(path)
    foreign(path, {prepared.KEY: '{"format": 1}'}, batches=2)
    with pytest.raises(DatasetError, match="2 record batches"):
        prepared.read(path)
    path.write_text("hello " * 100)
    with pytest.raises(DatasetError, match="is not a whole prepared dataset"):
        prepared.read(path)
    path.unlink()
    with pytest.raises(DatasetError, match="is not a whole prepared dataset"):
        prepared.read(path)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_nothing_and_says_how_much_is_needed(tmp_path, monkeypatch, code):
    def full(_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(prepared.os, "fsync", full)
    with pytest.raises(DatasetError, match=r"No room to prepare made: it needs .* MB in ") as caught:
        prepared.write(tmp_path / "made.arrow", "made", {}, DESCRIPTION, arrays())
    assert str(tmp_path) in str(caught.value) and os.strerror(code) in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_a_limit_met_while_writing_is_a_full_disk(tmp_path):
    script = (
        "import resource, sys\n"
        "from trainables.core.dataset import prepare_dataset\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "try: prepare_dataset('digits', {'size': 8}, cache=sys.argv[1])\n"
        "except ValueError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], cwd=ROOT, capture_output=True, text=True)
    assert "No room to prepare digits: it needs 0.2 MB in" in done.stdout, done.stderr
    assert not list(tmp_path.glob("*.arrow")) and not list(tmp_path.glob("*.part"))


def test_an_interruption_leaves_the_old_file(path, monkeypatch):
    before = path.read_bytes()

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(prepared, "verify", interrupt)
    with pytest.raises(KeyboardInterrupt):
        prepared.write(path, "made", {"size": 6}, DESCRIPTION, arrays())
    assert path.read_bytes() == before and os.listdir(path.parent) == ["made.arrow"]


def test_a_file_that_was_written_wrong_is_not_put_in_place(tmp_path, monkeypatch):
    digests = iter(range(99))
    monkeypatch.setattr(prepared, "_digest", lambda _: str(next(digests)))
    with pytest.raises(DatasetError, match="checksum"):
        prepared.write(tmp_path / "made.arrow", "made", {}, DESCRIPTION, arrays())
    assert os.listdir(tmp_path) == []
