"""Checkpoints: tensors and JSON in a folder that is either whole or not there.

On a disk a checkpoint is written under a temporary name, each file flushed, then a manifest with every file's sha256,
and the folder renamed last. In an object store the manifest is put last, and without one there is no checkpoint.
Reading verifies what it reads; tensors are safetensors, nothing is ever unpickled. This module knows nothing of what
the tensors mean.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor

from trainables.core.storage import Place, Where, place

MANIFEST = "manifest.json"
LARGEST_MANIFEST = 2**20
"""Bytes of a manifest at most: it has a line for each file."""


class CheckpointError(ValueError):
    """A checkpoint is missing, cut short, or not what its manifest says."""


def tensors(values: Mapping[str, Tensor]) -> bytes:
    """Named tensors as safetensors bytes."""
    return safetensors.torch.save({k: v.detach().cpu().contiguous() for k, v in values.items()})


def write(folder: Where, files: Mapping[str, bytes]) -> None:
    """Write ``files`` into the new folder ``folder``; an earlier folder of that name is replaced.

    Raises ``OSError`` (a full disk, say) and then leaves nothing behind, unless the store no longer answers.
    """
    with writing(folder, lambda: files) as finish:
        finish({})


@contextmanager
def writing(folder: Where, first: Callable[[], Mapping[str, bytes]]) -> Iterator[Callable[[Mapping[str, bytes]], None]]:
    """The same, while something else goes on: what ``first`` makes is written by a thread of its own.

    It gives a function that waits for that, adds the files it is given, and makes the checkpoint whole. Left without a
    call of it, there is none.
    """
    there = place(folder)
    unfinished = _Folder(there.local) if there.local is not None else _Objects(there)
    with ThreadPoolExecutor(max_workers=1) as aside:
        begun = aside.submit(lambda: unfinished.add(first()))

        def finish(rest: Mapping[str, bytes]) -> None:
            begun.result()
            unfinished.add(rest)
            unfinished.end()

        try:
            yield finish
        finally:
            # Whatever came of it: what is not whole now never will be.
            wait([begun])
            unfinished.drop()


class _Folder:
    """A folder on a disk, under a temporary name until it is whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
        self._sums: dict[str, str] = {}
        shutil.rmtree(self._partial, ignore_errors=True)

    def add(self, files: Mapping[str, bytes]) -> None:
        self._partial.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            self._sums[name] = hashlib.sha256(content).hexdigest()
            _flush(self._partial / name, content)

    def end(self) -> None:
        _flush(self._partial / MANIFEST, _manifest(self._sums))
        _sync(self._partial)
        if self._folder.exists():
            shutil.rmtree(self._folder)
        self._partial.rename(self._folder)
        _sync(self._folder.parent)

    def drop(self) -> None:
        shutil.rmtree(self._partial, ignore_errors=True)


class _Objects:
    """A folder in an object store: its manifest comes last, the rest at once, for each object takes a round trip."""

    def __init__(self, folder: Place) -> None:
        self._folder = folder
        self._sums: dict[str, str] = {}
        self._whole = False

    def add(self, files: Mapping[str, bytes]) -> None:
        if not self._sums and self._folder.exists():
            self._folder.remove()
        self._sums |= {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        with ThreadPoolExecutor(max_workers=8) as several:
            list(several.map(lambda name: (self._folder / name).write(files[name]), files))

    def end(self) -> None:
        (self._folder / MANIFEST).write(_manifest(self._sums))
        self._whole = True

    def drop(self) -> None:
        if not self._whole:
            with suppress(OSError):
                self._folder.remove()


def _manifest(sums: Mapping[str, str]) -> bytes:
    return json.dumps({"sha256": sums}, indent=1).encode()


def read(folder: Where, name: str) -> bytes:
    """One file of a checkpoint.  Raises ``CheckpointError`` unless it is there with its recorded checksum."""
    there = place(folder)
    try:
        if ((there / MANIFEST).size() or 0) > LARGEST_MANIFEST:
            raise ValueError(f"its {MANIFEST} is too large")
        expected = json.loads((there / MANIFEST).read())["sha256"].get(name)
        content = (there / name).read()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"The checkpoint {there} has no whole {name}: {error}") from None
    if hashlib.sha256(content).hexdigest() != expected:
        raise CheckpointError(f"The checkpoint file {there / name} does not match its checksum.")
    return content


def read_tensors(folder: Where, name: str) -> dict[str, Tensor]:
    """The tensors of one safetensors file of a checkpoint."""
    try:
        return safetensors.torch.load(read(folder, name))
    except (safetensors.SafetensorError, KeyError) as error:
        raise CheckpointError(f"The checkpoint file {place(folder) / name} holds no tensors: {error}") from None


def _flush(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
