"""Japanese Female Facial Expression: 213 grey photographs of ten persons with seven expressions.  Lyons et al. 1998.

The data are given only to those who accept their licence, so they are never downloaded: put the original files into
the folder ``jaffe`` (or ``JAFFE`` or ``jaffeimages/jaffe``) of the data root. A name such as ``KA.AN1.39.tiff`` says
who (two letters), which expression and take, and a number. Without the files, the dataset ``faces`` does.

The split is made before images are paired: ``image`` keeps about a tenth of each person's images for validation and
for test, two expressions or more of each; ``person`` keeps one whole person for each, drawn by a seed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainables.core import originals
from trainables.core.arrays import Arrays, DatasetError, Description, Progress, choice
from trainables.core.persons import EXPRESSIONS, PERSONS, require_split, split_persons

FOLDERS = ("jaffe", "JAFFE", "jaffeimages/jaffe")
CODES = ("AN", "DI", "FE", "HA", "NE", "SA", "SU")
"""The expressions in file names, in the order of the classes."""
NAME = re.compile(rf"([A-Z]{{2}})\.({'|'.join(CODES)})\d\.\d{{1,3}}\.tiff?")
NOTES = {".txt", ".md", ".html", ".pdf", ".doc", ".csv", ".db", ".ini", ".zip", ".gz", ".tgz", ".tar"}
"""Endings of files that may lie beside the images."""


@dataclass(frozen=True, kw_only=True)
class Original:
    """What a folder must hold."""

    images: int = 213
    edge: int = 256
    """Width and height of each in pixels."""


ORIGINAL = Original()


@dataclass(frozen=True, kw_only=True)
class Options:
    """How large the images are, and how they are split."""

    size: int = 48
    """Width and height in pixels: 48 or 64, averaged over area."""
    split: str = "image"
    """``image``: every person in every part; ``person``: 8 persons to train, 1 to validate, 1 to test."""

    def __post_init__(self) -> None:
        choice("jaffe", "size", self.size, (48, 64))
        require_split("jaffe", self.split)


def describe(options: Options) -> Description:
    """The dataset before it is read."""
    return Description(
        shape=(1, options.size, options.size),
        images=ORIGINAL.images,
        factors={"identity": PERSONS, "expression": len(EXPRESSIONS)},
        classes=EXPRESSIONS,
        summary="photographs of 10 persons with 7 expressions, grey; under a licence",
        source="Lyons, Akamatsu, Kamachi and Gyoba, a folder of the original names (--data-root)",
    )


def prepare(
    options: Options, source: Path | None = None, *, download: bool = False, progress: Progress = None
) -> Arrays:
    """Read the original files under ``source``, in the order of their names; label = expression.

    Raises ``DatasetError`` if the folder or an image is missing, foreign, damaged or of another size. Nothing is ever
    downloaded.
    """
    return read(ORIGINAL, options, source, progress)


def read(original: Original, options: Options, source: Path | None, progress: Progress = None) -> Arrays:
    """``prepare`` for a folder that holds what ``original`` says."""
    files = _files(original, source)
    parts = [(match[1], CODES.index(match[2])) for match in (NAME.fullmatch(file.name) for file in files) if match]
    persons = sorted({person for person, _ in parts})
    if len(persons) != PERSONS:
        raise DatasetError(
            f"jaffe: {files[0].parent} shows {len(persons)} persons ({', '.join(persons)}); "
            f"the original has {PERSONS}. Unpack it anew."
        )
    weights = area_weights(options.size, original.edge)
    images = np.empty((len(files), options.size**2), dtype=np.uint8)
    for row, file in enumerate(files):
        small = weights @ _pixels(file, original.edge) @ weights.T
        images[row] = np.round(small).astype(np.uint8).ravel()
        if progress is not None:
            progress(row + 1, len(files))
    factors = np.array([(persons.index(person), expression) for person, expression in parts], dtype=np.uint8)
    split, rule = split_persons(options.split, factors[:, 0], factors[:, 1])
    return Arrays(images=images, bits=8, labels=factors[:, 1], factors=factors, split=split, rule=rule)


def area_weights(size: int, edge: int) -> np.ndarray:
    """Weights (size, edge): the share of each of ``size`` equal stretches that each of ``edge`` pixels covers."""
    cut = np.arange(size + 1) * (edge / size)
    pixel = np.arange(edge)
    covered = np.minimum(cut[1:, None], pixel + 1) - np.maximum(cut[:-1, None], pixel)
    return covered.clip(0.0) * (size / edge)


def _files(original: Original, source: Path | None) -> list[Path]:
    """The images in the order of their names; hidden files, READMEs, notes, archives and folders are passed over."""
    if source is None:
        raise DatasetError("jaffe needs the folder that holds jaffe/KA.AN1.39.tiff and so on: --data-root.")
    folder = next((source / name for name in FOLDERS if (source / name).is_dir()), source / FOLDERS[0])
    found = [
        path
        for path in sorted(folder.glob("*"))
        if path.is_file() and not path.name.startswith((".", "README", "Thumbs")) and path.suffix.lower() not in NOTES
    ]
    if not found:
        raise DatasetError(
            f"jaffe: no file like KA.AN1.39.tiff in {folder}. The images are given to those who accept their licence "
            "and cannot be downloaded here: ask their authors, unpack them there and name the folder above with "
            "--data-root. The dataset faces needs no files and has the same classes and factors."
        )
    originals.require_inside(found, folder)
    foreign = [path.name for path in found if not NAME.fullmatch(path.name)]
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise DatasetError(
            f"jaffe: {folder} holds files with foreign names: {', '.join(foreign[:3])}{more}. A name must look like "
            f"KA.AN1.39.tiff: person, one of {', '.join(CODES)} and a take, number. Remove the others."
        )
    if len(found) != original.images:
        raise DatasetError(
            f"jaffe: {folder} holds {len(found)} images; the original has {original.images}. Unpack it anew."
        )
    return found


def _pixels(file: Path, edge: int) -> np.ndarray:
    """The grey values of one image, uint8 (edge, edge)."""
    from PIL import Image

    try:
        # Pillow would start other programs for some formats, whatever a file is called.
        with Image.open(file, formats=("TIFF", "PNG", "BMP", "GIF", "JPEG")) as image:
            if image.size == (edge, edge) and image.mode in ("L", "LA", "P", "RGB", "RGBA"):
                return np.asarray(image.convert("L"))
            found = f"{image.width}×{image.height} pixels of mode {image.mode}"
    # Pillow's decoders raise anything on a damaged file.
    except Exception as error:
        raise DatasetError(f"jaffe: {file} cannot be read as an image: {error}. Unpack it anew.") from error
    raise DatasetError(f"jaffe: {file} has {found}; it must have {edge}×{edge}, grey of 8 bits. Unpack it anew.")
