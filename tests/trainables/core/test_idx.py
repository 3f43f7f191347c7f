"""Originals in idx files: small made ones read right, and every kind of wrong one refused."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import socket
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from trainables.core import idx
from trainables.core.arrays import DatasetError

ROOT = Path(__file__).parents[3]


def contents(train=40, test=10):
    rng = np.random.RandomState(1)
    for count in (train, test):
        pixels = rng.randint(0, 256, (count, 28, 28), dtype=np.uint8)
        yield struct.pack(">4I", 0x803, count, 28, 28) + pixels.tobytes()
        yield struct.pack(">2I", 0x801, count) + bytes(rng.randint(0, 10, count, dtype=np.uint8))


@pytest.fixture
def original(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    digests = []
    for file, content in zip(idx.FILES, contents(), strict=True):
        (raw / file).write_bytes(content)
        digests.append(hashlib.sha256(content).hexdigest())
    return idx.Original(name="mnist", folder="MNIST", train=40, test=10, validation=8, sha256=tuple(digests))


@pytest.fixture
def offline(monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def prepare(original, root, size=32, download=False, progress=None):
    return idx.prepare(original, size, root, download=download, progress=progress)


@pytest.mark.parametrize("download", [False, True])
def test_files_are_read_padded_and_split(original, tmp_path, offline, download):
    told = []
    arrays = prepare(original, tmp_path, 32, download, lambda *call: told.append(call))
    first = np.frombuffer(next(contents())[16:], dtype=np.uint8).reshape(40, 28, 28)
    images = arrays.images.reshape(50, 32, 32)
    assert np.array_equal(images[:40, 2:-2, 2:-2], first)
    assert images[:, :2].max() == images[:, -2:].max() == images[:, :, :2].max() == 0
    assert [(arrays.split == mark).sum() for mark in (0, 1, 2)] == [32, 8, 10]
    assert np.all(arrays.split[40:] == 2)
    assert told == [(0, 50), (40, 50), (50, 50)]
    small = prepare(original, tmp_path, 28)
    assert np.array_equal(small.images[:40].reshape(40, 28, 28), first)
    assert np.array_equal(small.split, arrays.split)


@pytest.mark.parametrize("file", idx.FILES)
def test_a_missing_file_is_named_with_the_way_to_get_it(original, tmp_path, offline, file):
    path = tmp_path / "MNIST" / "raw" / file
    path.unlink()
    with pytest.raises(DatasetError) as caught:
        prepare(original, tmp_path)
    message = str(caught.value)
    assert f"no file {file} in {path.parent}" in message
    assert "--data-root" in message and "--download" in message and "gunzip" not in message
    path.with_name(file + ".gz").write_bytes(gzip.compress(b"x"))
    with pytest.raises(DatasetError, match="gunzip"):
        prepare(original, tmp_path)


@pytest.mark.parametrize("file", idx.FILES)
def test_a_truncated_file_is_refused_with_both_sizes(original, tmp_path, offline, file):
    path = tmp_path / "MNIST" / "raw" / file
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    with pytest.raises(DatasetError) as caught:
        prepare(original, tmp_path, download=True)
    message = str(caught.value)
    assert str(path) in message and "--download" in message
    assert f"{len(whole) - 3:,} bytes" in message and f"{len(whole):,}." in message


def test_a_changed_byte_is_refused(original, tmp_path, offline):
    path = tmp_path / "MNIST" / "raw" / idx.FILES[2]
    damaged = bytearray(path.read_bytes())
    damaged[1000] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(DatasetError, match="is not the original file: its sha256 is"):
        prepare(original, tmp_path)


def test_a_download_that_fails_says_so(original, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("no route")

    monkeypatch.setattr(idx, "_torchvision", refuse)
    with pytest.raises(DatasetError, match=r"mnist could not be downloaded to .*empty.*: no route"):
        prepare(original, tmp_path / "empty", download=True)


def test_a_download_is_checked_too(original, tmp_path, monkeypatch):
    calls = []

    def fetch(given, root, *, train, download):
        calls.append((train, download))
        raw = root / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for file in idx.FILES:
            (raw / file).write_bytes(b"<html>not found</html>")

    monkeypatch.setattr(idx, "_torchvision", fetch)
    with pytest.raises(DatasetError, match="it must have"):
        prepare(original, tmp_path / "empty", download=True)
    assert calls == [(True, True)]


def test_the_layout_gives_the_known_sizes(original):
    real = dataclasses.replace(original, train=60_000, test=10_000)
    assert real.sizes() == (47_040_016, 60_008, 7_840_016, 10_008)


def test_missing_data_are_told_without_torchvision(tmp_path):
    script = (
        "import sys\n"
        "from trainables.core.dataset import open_dataset\n"
        "try: open_dataset('mnist', data_root=sys.argv[1], cache=sys.argv[1])\n"
        "except ValueError as error: print(error)\n"
        "print(sorted({'torch', 'torchvision', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], cwd=ROOT, capture_output=True, text=True)
    message, heavy = done.stdout.splitlines()
    assert f"mnist: no file train-images-idx3-ubyte in {tmp_path}/MNIST/raw." in message
    assert heavy == "[]"
