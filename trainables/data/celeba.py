"""CelebA: 202,599 photographs of faces, aligned by the eyes, coloured.  Liu et al. 2015.

Read from the original ``celeba/img_align_celeba/*.jpg`` (178×218), ``celeba/list_attr_celeba.txt``
and ``celeba/list_eval_partition.txt``, as torchvision lays them out. The classes are the attribute
Male: 0 female, 1 male. The split is the official one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainables.core import originals
from trainables.core.arrays import TEST, TRAIN, VALIDATION, Arrays, DatasetError, Description, Progress, choice

FOLDER = "celeba"
IMAGES = "img_align_celeba"
PARTITION = "list_eval_partition.txt"
ATTRIBUTES = "list_attr_celeba.txt"
WIDTH, HEIGHT = 178, 218
"""Of the original images, in pixels."""
CROP = 148
"""Width and height of the centre that is kept, in pixels: the face, little of what is around it."""
LONGEST = 40_000_000
"""Bytes of a list at most; that of the attributes has 26 million."""
REMEDY = (
    f"There must be {FOLDER}/{IMAGES} with the images, {FOLDER}/{ATTRIBUTES} and {FOLDER}/{PARTITION}: "
    "name the folder that holds them with --data-root, or add --download (it needs the package gdown)."
)


@dataclass(frozen=True, kw_only=True)
class Original:
    """How many images each split has."""

    train: int
    validation: int
    test: int

    @property
    def images(self) -> int:
        return self.train + self.validation + self.test


ORIGINAL = Original(train=162_770, validation=19_867, test=19_962)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How large the images are."""

    size: int = 64
    """Width and height in pixels, 32 or 64: the central 148×148 pixels, reduced with antialiasing."""

    def __post_init__(self) -> None:
        choice("celeba", "size", self.size, (32, 64))


def describe(options: Options) -> Description:
    """The dataset before it is read."""
    return Description(
        shape=(3, options.size, options.size),
        images=ORIGINAL.images,
        classes=("female", "male"),
        summary="photographs of faces, coloured",
        source="Liu et al. 2015, by torchvision's layout (--data-root or --download)",
    )


def prepare(options: Options, source: Path | None, *, download: bool = False, progress: Progress = None) -> Arrays:
    """Read, crop and reduce the images under ``source``; it takes minutes, and 2.5 GB at size 64.

    Raises ``DatasetError`` if one is missing, damaged or of another size.
    """
    return read(ORIGINAL, options.size, source, download=download, progress=progress)


def read(
    original: Original, size: int, root: Path | None, *, download: bool = False, progress: Progress = None
) -> Arrays:
    """All images in the order of the lists.

    Raises ``DatasetError`` if a file is missing or is not what ``original`` says.
    """
    if progress is not None:
        progress(0, original.images)
    try:
        partition, attributes = _lists(root)
    except DatasetError:
        if root is None or not download:
            raise
        _download(root)
        partition, attributes = _lists(root)
    names, split = _partition(partition, original)
    labels = _male(attributes, names)
    folder = partition.with_name(IMAGES)
    _all_there(folder, names)
    originals.require_inside([folder / name for name in names], folder)
    images = np.empty((len(names), 3, size, size), dtype=np.uint8)
    for i, name in enumerate(names):
        images[i] = _image(folder / name, size).transpose(2, 0, 1)
        if progress is not None and ((i + 1) % 500 == 0 or i + 1 == len(names)):
            progress(i + 1, len(names))
    return Arrays(
        images=images.reshape(len(names), -1),
        bits=8,
        labels=labels,
        factors=None,
        split=split,
        rule={"kind": "the official split of CelebA; nothing is drawn", "seed": None},
    )


def _lists(root: Path | None) -> tuple[Path, Path]:
    """The two lists, once the folder of images is there too."""
    partition = originals.find("celeba", root, PARTITION, (FOLDER,), REMEDY)
    attributes = originals.find("celeba", root, ATTRIBUTES, (FOLDER,), REMEDY)
    folder = partition.with_name(IMAGES)
    if not folder.is_dir():
        packed = folder.with_name(f"{IMAGES}.zip")
        hint = f" Its packed form {packed.name} is there: unzip it." if packed.is_file() else ""
        raise DatasetError(f"celeba: no file 000001.jpg: {folder} is no folder.{hint} {REMEDY}")
    return partition, attributes


def _download(root: Path) -> None:
    import torchvision.datasets

    try:
        root.mkdir(parents=True, exist_ok=True)
        torchvision.datasets.CelebA(str(root), split="all", download=True)
    # torchvision hands the work to gdown, and what goes wrong there has no one type.
    except Exception as error:
        raise DatasetError(f"celeba could not be downloaded to {root / FOLDER}: {error} {REMEDY}") from error


def _partition(path: Path, original: Original) -> tuple[list[str], np.ndarray]:
    """File names, and the split of each as ``Arrays.split``: the list uses the same marks."""
    rows = [line.split() for line in _text(path)]
    for number, row in enumerate(rows, start=1):
        # A name must not lead out of the folder of images.
        if len(row) != 2 or row[1] not in ("0", "1", "2") or os.path.basename(row[0]) != row[0]:
            raise DatasetError(
                f"{path}, line {number}: it must be a file name and 0, 1 or 2, not {' '.join(row)[:80]!r}. Get it anew."
            )
    names = [name for name, _ in rows]
    split = np.array([int(mark) for _, mark in rows], dtype=np.uint8)
    counts = [int((split == mark).sum()) for mark in (TRAIN, VALIDATION, TEST)]
    expected = [original.train, original.validation, original.test]
    if counts != expected or len(set(names)) != len(names):
        raise DatasetError(
            f"{path} is not CelebA's list: it has {counts} images of train, validation and test, of which "
            f"{len(set(names)):,} differ; it must have {expected}, all different. Get it anew."
        )
    return names, split


def _male(path: Path, names: list[str]) -> np.ndarray:
    """1 where the attribute Male is 1, 0 where it is -1: int64 (N,)."""
    lines = _text(path)
    header = lines[1].split() if len(lines) > 1 else []
    if "Male" not in header:
        raise DatasetError(f"{path} is not CelebA's list: its second line must name the attributes, Male among them.")
    column = header.index("Male") + 1
    values: dict[str, str] = {}
    for number, line in enumerate(lines[2:], start=3):
        row = line.split()
        if len(row) != len(header) + 1 or row[column] not in ("1", "-1"):
            raise DatasetError(
                f"{path}, line {number}: it must be a file name and {len(header)} values, 1 or -1. Get it anew."
            )
        values[row[0]] = row[column]
    if values.keys() != set(names):
        raise DatasetError(
            f"{path} lists {len(values):,} images and {PARTITION} {len(names):,}; they must be the same. Get both anew."
        )
    return np.array([values[name] == "1" for name in names], dtype=np.int64)


def _text(path: Path) -> list[str]:
    if path.stat().st_size > LONGEST:
        raise DatasetError(f"{path} has {path.stat().st_size:,} bytes, and is not CelebA's list. Get it anew.")
    try:
        return path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read as text: {error}. Get it anew.") from error


def _all_there(folder: Path, names: list[str]) -> None:
    """Refuse missing images at once, not after minutes."""
    there = set(os.listdir(folder))
    missing = [name for name in names if name not in there]
    if missing:
        raise DatasetError(
            f"celeba: no file {missing[0]} in {folder}; {len(missing):,} of {len(names):,} are missing. {REMEDY}"
        )


def _image(path: Path, size: int) -> np.ndarray:
    """The centre of one image, uint8 (size, size, 3)."""
    from PIL import Image

    left, top = (WIDTH - CROP) // 2, (HEIGHT - CROP) // 2
    try:
        # Pillow would start other programs for some formats, whatever a file is called.
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            # Known before anything is decoded.
            _require_size(path, image)
            centre = image.convert("RGB").crop((left, top, left + CROP, top + CROP))
            # pillow widens the filter when it reduces, so this is antialiased.
            return np.asarray(centre.resize((size, size), Image.Resampling.BILINEAR))
    except DatasetError:
        raise
    # Pillow's decoders raise anything on a damaged file.
    except Exception as error:
        raise DatasetError(f"{path} cannot be read as an image: {error}. Get it anew.") from error


def _require_size(path: Path, image: Any) -> None:
    if image.size != (WIDTH, HEIGHT):
        width, height = image.size
        raise DatasetError(
            f"{path} has {width}×{height} pixels; it must have {WIDTH}×{HEIGHT}: "
            f"take CelebA's aligned and cropped images ({IMAGES}), not those in the wild."
        )
