"""Datasets in MNIST's idx files: checked against known checksums, then read through torchvision.

torchvision is imported only once all files are there and right, or a download was asked for, so it
never tries the network by itself. This module knows nothing about which datasets there are.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainables.core.arrays import TEST, VALIDATION, Arrays, DatasetError, Progress

EDGE = 28
"""Width and height of the original images in pixels."""
FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@dataclass(frozen=True, kw_only=True)
class Original:
    """One dataset as torchvision lays it out: ``DATA_ROOT/<folder>/raw``."""

    name: str
    folder: str
    """Folder and torchvision class."""
    train: int
    test: int
    validation: int
    """How many of the ``train`` images are kept for validation."""
    sha256: tuple[str, str, str, str]
    """Of the unpacked ``FILES``, in their order."""

    def sizes(self) -> tuple[int, int, int, int]:
        """Bytes of ``FILES``: a header of 4 bytes and 4 a dimension, then a byte a number."""
        pixels = EDGE * EDGE
        return 16 + pixels * self.train, 8 + self.train, 16 + pixels * self.test, 8 + self.test


def prepare(original: Original, size: int, root: Path | None, *, download: bool, progress: Progress) -> Arrays:
    """Read all images, train before test; at ``size`` 32 a border of 2 black pixels is added.

    Raises ``DatasetError`` if a file is missing, cut short or not the original one.
    """
    total = original.train + original.test
    if root is None:
        raise DatasetError(f"{original.name} needs the folder with {original.folder}/raw: --data-root.")
    if progress is not None:
        progress(0, total)
    missing = [file for file in FILES if not _path(original, root, file).is_file()]
    if missing and not download:
        raise _missing(original, root, missing[0])
    if missing:
        _download(original, root)
    for file, length, digest in zip(FILES, original.sizes(), original.sha256, strict=True):
        _check(original.name, _path(original, root, file), length, digest)

    images, labels = np.empty((total, size, size), dtype=np.uint8), []
    border = ((0, 0), ((size - EDGE) // 2,) * 2, ((size - EDGE) // 2,) * 2)
    done = 0
    for train in (True, False):
        part = _torchvision(original, root, train=train, download=False)
        pixels = part.data.numpy()
        images[done : done + len(pixels)] = np.pad(pixels, border)
        labels.append(part.targets.numpy())
        done += len(pixels)
        if progress is not None:
            progress(done, total)
    split, rule = _split(original)
    return Arrays(
        images=images.reshape(total, -1),
        bits=8,
        labels=np.concatenate(labels),
        factors=None,
        split=split,
        rule=rule,
    )


def _split(original: Original, seed: int = 0) -> tuple[np.ndarray, dict[str, Any]]:
    split = np.zeros(original.train + original.test, dtype=np.uint8)
    split[original.train :] = TEST
    split[np.random.RandomState(seed).permutation(original.train)[: original.validation]] = VALIDATION
    fraction = original.validation / original.train
    return split, {
        "kind": "the original test images; validation by a seeded permutation of the others",
        "seed": seed,
        "fractions": [1.0 - fraction, fraction],
    }


def _path(original: Original, root: Path, file: str) -> Path:
    return root / original.folder / "raw" / file


def _missing(original: Original, root: Path, file: str) -> DatasetError:
    path = _path(original, root, file)
    packed = path.with_name(path.name + ".gz")
    hint = f" Its packed form {packed.name} is there: gunzip it." if packed.is_file() else ""
    return DatasetError(
        f"{original.name}: no file {file} in {path.parent}.{hint} Name the folder that holds "
        f"{original.folder}/raw with --data-root, or add --download to fetch the four files there."
    )


def _check(name: str, path: Path, length: int, sha256: str) -> None:
    again = (
        "Delete it and get it anew, for example with: "
        f"teasel data prepare {name} --data-root {path.parents[2]} --download"
    )
    found = path.stat().st_size
    if found != length:
        raise DatasetError(f"{path} has {found:,} bytes; it must have {length:,}. {again}")
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != sha256:
        raise DatasetError(f"{path} is not the original file: its sha256 is {digest}, it must be {sha256}. {again}")


def _download(original: Original, root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
        _torchvision(original, root, train=True, download=True)
    except (OSError, RuntimeError) as error:
        raise DatasetError(
            f"{original.name} could not be downloaded to {root / original.folder / 'raw'}: {error}"
        ) from error


def _torchvision(original: Original, root: Path, *, train: bool, download: bool) -> Any:
    import torchvision.datasets

    return getattr(torchvision.datasets, original.folder)(str(root), train=train, download=download)
