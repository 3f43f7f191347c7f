"""SVHN: 99,289 street-view house numbers, coloured, cropped to one digit.  Netzer et al. 2011.

Read from the original ``train_32x32.mat`` and ``test_32x32.mat``, which torchvision downloads. There
the digit 0 has the label 10. The 531,131 "extra" images are not read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainables.core import originals
from trainables.core.arrays import Arrays, DatasetError, Description, Progress

EDGE = 32
"""Width and height of the images in pixels."""
HEADERS = 1_000_000
"""Bytes of a file at most beside its pixels and labels; the originals are compressed."""
FOLDERS = ("SVHN", "svhn", "")


@dataclass(frozen=True, kw_only=True)
class Original:
    """The two files: how many images each has, and its md5."""

    train: int
    test: int
    validation: int
    """How many of the ``train`` images are kept for validation."""
    md5: tuple[str, str]

    def parts(self) -> tuple[tuple[str, int, str], tuple[str, int, str]]:
        """(split, images, md5) of each file."""
        return ("train", self.train, self.md5[0]), ("test", self.test, self.md5[1])


ORIGINAL = Original(
    train=73_257,
    test=26_032,
    validation=7_257,
    md5=("e26dedcc434d2e4c54c9b2d4a06d8373", "eb5a983be6a315427106f1b164d9cef3"),
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """None: the images are read as they are."""


def describe(options: Options) -> Description:
    """The dataset before it is read."""
    return Description(
        shape=(3, EDGE, EDGE),
        images=ORIGINAL.train + ORIGINAL.test,
        classes=tuple("0123456789"),
        summary="house numbers seen from the street, coloured",
        source="Netzer et al. 2011, by torchvision's layout (--data-root or --download)",
    )


def prepare(options: Options, source: Path | None, *, download: bool = False, progress: Progress = None) -> Arrays:
    """Read the two files under ``source``, or in its folder ``SVHN`` or ``svhn``.

    Raises ``DatasetError`` if one is missing or damaged.
    """
    return read(ORIGINAL, source, download=download, progress=progress)


def read(original: Original, root: Path | None, *, download: bool = False, progress: Progress = None) -> Arrays:
    """All images, train before test.

    Raises ``DatasetError`` if a file is missing, cut short or not the one that ``original`` says.
    """
    total = original.train + original.test
    if progress is not None:
        progress(0, total)
    paths = [_find(root, part, download=download) for part, _, _ in original.parts()]
    images, labels = np.empty((total, 3, EDGE, EDGE), dtype=np.uint8), np.empty(total, dtype=np.int64)
    done = 0
    for path, (_, count, md5) in zip(paths, original.parts(), strict=True):
        pixels, label = _mat(path, count, md5)
        images[done : done + count] = pixels.transpose(3, 2, 0, 1)
        labels[done : done + count] = label % 10
        done += count
        if progress is not None:
            progress(done, total)
    split, rule = originals.held_out(original.train, original.test, original.validation)
    return Arrays(images=images.reshape(total, -1), bits=8, labels=labels, factors=None, split=split, rule=rule)


def _find(root: Path | None, part: str, *, download: bool) -> Path:
    file = f"{part}_32x32.mat"
    remedy = "Name the folder that holds SVHN with --data-root, or add --download to fetch train and test there."
    try:
        return originals.find("svhn", root, file, FOLDERS, remedy)
    except DatasetError:
        if root is None or not download:
            raise
    folder = root / FOLDERS[0]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _download(folder, part)
    except (OSError, RuntimeError) as error:
        raise DatasetError(f"svhn: {file} could not be downloaded to {folder}: {error}") from error
    return originals.find("svhn", root, file, FOLDERS, remedy)


def _download(folder: Path, part: str) -> None:
    import torchvision.datasets

    torchvision.datasets.SVHN(str(folder), split=part, download=True)


def _mat(path: Path, count: int, md5: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels uint8 (32, 32, 3, count) and labels (count,) from 1 to 10."""
    from scipy.io import loadmat, whosmat

    shapes = {"X": (EDGE, EDGE, 3, count), "y": (count, 1)}
    if path.stat().st_size > (largest := count * (3 * EDGE * EDGE + 1) + HEADERS):
        raise _damaged(path, count, f"it must have at most {largest:,} bytes")
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "md5").hexdigest()
    # A parser of compressed files sees nothing that somebody else made.
    if digest != md5:
        raise _damaged(path, count, f"its md5 is {digest}, it must be {md5}")
    try:
        found = {name: (shape, kind) for name, shape, kind in whosmat(path, appendmat=False)}
        for name, shape in shapes.items():
            if name not in found:
                raise ValueError(f"it has no variable {name}")
            if found[name][0] != shape or found[name][1] not in ("uint8", "double"):
                raise ValueError(f"its {name} is {found[name][1]} {found[name][0]}; it must be uint8 {shape}")
        held = loadmat(path, appendmat=False, variable_names=list(shapes))
        pixels, labels = held["X"], held["y"].reshape(count)
        if pixels.dtype != np.uint8 or not np.isin(labels, np.arange(1, 11)).all():
            raise ValueError("its pixels must be uint8 and its labels whole numbers from 1 to 10")
    # scipy raises whatever its parser stumbles over in a damaged file.
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise _damaged(path, count, f"it cannot be read as one ({reason})") from error
    return pixels, labels.astype(np.int64)


def _damaged(path: Path, count: int, reason: str) -> DatasetError:
    return DatasetError(
        f"{path} ({path.stat().st_size:,} bytes) is not SVHN's original .mat of {count:,} images, or is damaged: "
        f"{reason}. Delete it and get it anew, for example with: teasel data prepare svhn --data-root DIR --download"
    )
