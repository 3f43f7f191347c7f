"""Checkpoints: tensors and JSON in a folder that is either whole or not there.

A checkpoint is written under a temporary name, each file flushed, then a manifest with every file's sha256, and the
folder renamed last. Reading verifies what it reads; tensors are safetensors, nothing is ever unpickled.
This module knows nothing of what the tensors mean.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
from torch import Tensor

MANIFEST = "manifest.json"


class CheckpointError(ValueError):
    """A checkpoint is missing, cut short, or not what its manifest says."""


def tensors(values: Mapping[str, Tensor]) -> bytes:
    """Named tensors as safetensors bytes."""
    return safetensors.torch.save({k: v.detach().cpu().contiguous() for k, v in values.items()})


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write ``files`` into the new folder ``folder``; an earlier folder of that name is replaced.

    Raises ``OSError`` (a full disk, say) and then leaves nothing behind.
    """
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        manifest = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        for name, content in files.items():
            _flush(partial / name, content)
        _flush(partial / MANIFEST, json.dumps({"sha256": manifest}, indent=1).encode())
        _sync(partial)
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
        _sync(folder.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def read(folder: Path, name: str) -> bytes:
    """One file of a checkpoint.  Raises ``CheckpointError`` unless it is there with its recorded checksum."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())["sha256"]
        content = (folder / name).read_bytes()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"The checkpoint {folder} has no whole {name}: {error}") from None
    if hashlib.sha256(content).hexdigest() != manifest.get(name):
        raise CheckpointError(f"The checkpoint file {folder / name} does not match its checksum.")
    return content


def read_tensors(folder: Path, name: str) -> dict[str, Tensor]:
    """The tensors of one safetensors file of a checkpoint."""
    return safetensors.torch.load(read(folder, name))


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
