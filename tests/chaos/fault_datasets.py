"""Datasets that are cut, have a bit turned, or are of another shape: originals are refused by name, before any work;
a prepared file is prepared anew, or refused where it is another dataset's.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import h5py
import numpy as np
from tests_chaos import invariants, tries
from tests_chaos.fault import Fault, Outcome

from search.command_line import run_commands
from search.command_line.terminal import console_of
from trainables.core.dataset import prepare_dataset
from trainables.core.trial import _dataset
from trainables.data import mnist, usps


@contextmanager
def _own_cache(storage: Path) -> Iterator[Path]:
    """Prepared files lie in the storage; what was mapped before is forgotten."""
    before = os.environ.get("TEASEL_CACHE")
    os.environ["TEASEL_CACHE"] = str(storage / "cache")
    _dataset.cache_clear()
    try:
        yield storage / "cache"
    finally:
        _dataset.cache_clear()
        os.environ.pop("TEASEL_CACHE")
        if before is not None:
            os.environ["TEASEL_CACHE"] = before


@cache
def _usps() -> bytes:
    """A file of the right shape; what is in it does not matter."""
    path, rng = tries.scratch() / "usps.h5", np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for part, count in (("train", usps.ORIGINAL.train), ("test", usps.ORIGINAL.test)):
            file[f"{part}/data"] = rng.random((count, 256), dtype=np.float32)
            file[f"{part}/target"] = np.arange(count, dtype=np.int32) % 10
    return path.read_bytes()


def _write_mnist(root: Path, *, short: int) -> Path:
    """Four files of the right sizes, of zeros; the first one is cut by so many bytes."""
    folder = root / "MNIST/raw"
    folder.mkdir(parents=True)
    names = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    for name, size in zip(names, mnist.ORIGINAL.sizes(), strict=True):
        with (folder / name).open("wb") as file:
            file.truncate(size - (short if name == names[0] else 0))
    return folder / names[0]


def _write_usps(root: Path, content: bytes) -> Path:
    (root / "USPS").mkdir(parents=True)
    path = root / "USPS/usps.h5"
    path.write_bytes(content)
    return path


def original(storage: Path, seed: int) -> Outcome:
    """`teasel run` on originals that are cut at some place, of another shape, or that are not the originals."""
    rng = random.Random(seed)
    with _own_cache(storage):
        if seed < 8:
            data, path = "usps", _write_usps(storage, _usps()[: len(_usps()) * seed // 8])
        elif seed < 10:
            # A turned bit of an exponent.
            data, path = "usps", _write_usps(storage, _usps())
            with h5py.File(path, "r+") as file:
                file["train/data"][rng.randrange(7291), 17] = (np.nan, 7.0)[seed % 2]
        elif seed == 10:
            path, data = storage / "USPS/usps.h5", "usps"
            path.parent.mkdir()
            with h5py.File(path, "w") as file:
                file["train/data"] = np.zeros((7291, 16, 16), np.float32)
        else:
            data, path = "mnist", _write_mnist(storage, short=0 if seed == 11 else rng.randrange(1, 10**6))
        words = ["--data", data, "--data-root", str(storage), "--objective", "val/elbo", "--mlflow", "none"]
        begun = time.monotonic()
        code, said = tries.command("run", "beta_vae", *words, "--storage", str(storage / "results"), "--name", "chaos")
        took = time.monotonic() - begun
    wrong = invariants.spoken(said.replace("\n", ""), code, expected=2, words=[path.name])
    wrong += [f"I5: it took {took:.0f} s to refuse"] if took > 10 else []
    wrong += ["I5: it was refused and has begun"] if (storage / "results").exists() else []
    return Outcome(survived=not wrong, note="; ".join(wrong)[:300])


def prepared(storage: Path, seed: int) -> Outcome:
    """The prepared file of digits is cut, or one bit of it is turned, between two sessions of a sweep."""
    rng = random.Random(seed)
    tries.copied(tries.stopped(6), storage)
    before = tries.recorded(storage)
    with _own_cache(storage):
        path = prepare_dataset("digits", {"size": 16})
        content = bytearray(path.read_bytes())
        if seed % 2:
            # In the images: the file's own structure would be seen anyway.
            content[rng.randrange(len(content) // 8, len(content) // 2)] ^= 1 << rng.randrange(8)
        else:
            del content[len(content) * seed // 16 :]
        path.write_bytes(content)
        begun = time.monotonic()
        run_commands.prepare(tries.sweep(storage), None, False, console_of())
        seconds = time.monotonic() - begun
        tries.drive(tries.again(storage))
    return tries.outcome(storage, before=before, seconds=seconds, whole=tries.whole())


def another(storage: Path, seed: int) -> Outcome:
    """Under the name of one prepared dataset lies another, of another shape."""
    with _own_cache(storage):
        path, other = prepare_dataset("digits", {"size": 16}), prepare_dataset("digits", {"size": 32})
        path.write_bytes(other.read_bytes())
        words = ["--data", "digits", "--set", "data.size=16", "--objective", "val/elbo", "--mlflow", "none"]
        code, said = tries.command("run", "beta_vae", *words, "--storage", str(storage / "results"))
    wrong = invariants.spoken(said.replace("\n", ""), code, expected=2, words=[path.name, "teasel data prepare digits"])
    wrong += ["I5: it was refused and has begun"] if (storage / "results").exists() else []
    return Outcome(survived=not wrong, note="; ".join(wrong)[:300])


FAULTS = [
    Fault(number=17, title="original datasets cut, flipped, of the wrong shape", times=13, run=original),
    Fault(number=17, title="a prepared dataset cut, flipped", times=16, run=prepared),
    Fault(number=17, title="a prepared dataset of another shape", times=1, run=another),
]
