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
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
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
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    manifest = json.dumps({"sha256": sums}, indent=1).encode()
    there = place(folder)
    if there.local is not None:
        _write_folder(there.local, files, manifest)
    else:
        _put(there, files, manifest)


def _write_folder(folder: Path, files: Mapping[str, bytes], manifest: bytes) -> None:
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        for name, content in files.items():
            _flush(partial / name, content)
        _flush(partial / MANIFEST, manifest)
        _sync(partial)
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
        _sync(folder.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _put(folder: Place, files: Mapping[str, bytes], manifest: bytes) -> None:
    """Objects are put at once, for each takes a round trip to the store."""
    try:
        if folder.exists():
            folder.remove()
        with ThreadPoolExecutor(max_workers=8) as several:
            list(several.map(lambda name: (folder / name).write(files[name]), files))
        (folder / MANIFEST).write(manifest)
    except BaseException:
        with suppress(OSError):
            folder.remove()
        raise


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
