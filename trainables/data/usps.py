"""USPS: 9,298 handwritten digits of 16×16 pixels, from envelopes.  Hull 1994.

They are read from the HDF5 file in wide use: groups ``train`` and ``test``, each with ``data``
(N, 256), grey from 0 to 1, and ``target`` (N,), the digit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainables.core import originals
from trainables.core.arrays import Arrays, DatasetError, Description, Progress, choice

EDGE = 16
"""Width and height of the original images in pixels."""
FOLDERS = ("USPS", "usps", "")
FILE = "usps.h5"


@dataclass(frozen=True, kw_only=True)
class Original:
    """How many images the file has, and how many of ``train`` are kept for validation."""

    train: int
    test: int
    validation: int


ORIGINAL = Original(train=7_291, test=2_007, validation=729)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How large the images are."""

    size: int = 32
    """Width and height in pixels: 16 as they are; 32 enlarged; 28 enlarged to 20 with a black border
    of 4, as MNIST's digits lie. Enlarging is linear between pixel centres.
    """

    def __post_init__(self) -> None:
        choice("usps", "size", self.size, (16, 28, 32))


def describe(options: Options) -> Description:
    """The dataset before it is read."""
    return Description(
        shape=(1, options.size, options.size),
        images=ORIGINAL.train + ORIGINAL.test,
        classes=tuple("0123456789"),
        summary="handwritten digits of the US Postal Service, grey",
        source="Hull 1994, from USPS/usps.h5 (--data-root)",
    )


def prepare(options: Options, source: Path | None, *, download: bool = False, progress: Progress = None) -> Arrays:
    """Read ``USPS/usps.h5`` (or ``usps.h5``) under ``source``; there is no place to download it from.

    Raises ``DatasetError`` if it is missing, damaged or another file.
    """
    remedy = f"Put {FILE} there, or name the folder that holds USPS/{FILE} with --data-root; it is not downloaded."
    path = originals.find("usps", source, FILE, FOLDERS, remedy)
    return read(path, ORIGINAL, options.size, progress)


def read(path: Path, original: Original, size: int, progress: Progress = None) -> Arrays:
    """All images of the file, train before test.

    Raises ``DatasetError`` if it does not hold exactly what ``original`` says.
    """
    import h5py

    parts = {"train": original.train, "test": original.test}
    total = sum(parts.values())
    pixels, labels = [], []
    try:
        with h5py.File(path, "r") as file:
            for part, count in parts.items():
                pixels.append(_numbers(file, f"{part}/data", (count, EDGE * EDGE), "f"))
                labels.append(_numbers(file, f"{part}/target", (count,), "iu"))
    # HDF5 raises whatever it stumbles over in a damaged file.
    except Exception as error:
        raise DatasetError(
            f"{path} ({path.stat().st_size:,} bytes) is not the USPS file, or is damaged: {error}. It must be HDF5 "
            f"with groups train and test, each with data (N, {EDGE * EDGE}) and target (N,) of {original.train:,} "
            f"and {original.test:,} images. Copy it anew."
        ) from error
    grey, label = np.concatenate(pixels), np.concatenate(labels)
    # Written so that a NaN is refused too.
    if not np.all((grey >= 0) & (grey <= 1)):
        raise DatasetError(f"{path} is not the USPS file: its pixels must be from 0 to 1, and some are not.")
    if label.min() < 0 or label.max() > 9:
        raise DatasetError(
            f"{path} is not the USPS file: its targets must be digits from 0 to 9; "
            f"they go from {label.min()} to {label.max()}."
        )
    images = enlarge(grey.reshape(total, EDGE, EDGE), size)
    split, rule = originals.held_out(original.train, original.test, original.validation)
    if progress is not None:
        progress(total, total)
    return Arrays(
        images=np.round(images * 255).astype(np.uint8).reshape(total, -1),
        bits=8,
        labels=label.astype(np.int64),
        factors=None,
        split=split,
        rule=rule,
    )


def enlarge(images: np.ndarray, size: int) -> np.ndarray:
    """Images (N, 16, 16) at ``size``, (N, size, size), as ``Options.size`` says."""
    from scipy.ndimage import zoom

    if size == EDGE:
        return images
    border = 4 if size == 28 else 0
    factor = (size - 2 * border) / EDGE
    large = zoom(images, (1, factor, factor), order=1, mode="nearest", grid_mode=True)
    return np.pad(large, ((0, 0), (border, border), (border, border)))


def _numbers(file: Any, name: str, shape: tuple[int, ...], kinds: str) -> np.ndarray:
    """A dataset of the HDF5 file. Type and shape are checked before anything is read."""
    import h5py

    parts = name.split("/")
    steps = ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
    if not all(isinstance(file.get(step, getlink=True), h5py.HardLink) for step in steps):
        raise ValueError(f"it has no dataset {name} of its own")
    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        raise ValueError(f"it has no dataset {name}")
    if found.external or found.is_virtual:
        raise ValueError(f"its {name} lies in another file")
    if found.chunks is not None and math.prod(found.chunks) > 4 * math.prod(shape):
        raise ValueError(f"its {name} is stored in pieces that are larger than it is")
    if found.dtype.kind not in kinds or found.shape != shape:
        numbers = "floats" if kinds == "f" else "integers"
        raise ValueError(f"its {name} is {found.dtype} {found.shape}; it must be {numbers} {shape}")
    return found[()]
