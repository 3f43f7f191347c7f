"""Image files of people's own: found in folders, checked, and read as a model wants them.

Whatever is wrong with a file is an ``ImageError`` that names it. This module knows nothing of models or torch. Letters:
C channels, H height, W width.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp")
"""What is taken for an image in a folder."""
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""What files are read as, whatever their names: Pillow would start other programs for some formats."""
LARGEST = 40_000_000
"""Pixels of an image at most: a small file may hold more than memory does."""
MODES = {1: "L", 3: "RGB"}
"""Pillow's name of an image of so many channels."""


class ImageError(ValueError):
    """A file that is no image to work with, or is where it should not be; the message names it."""


@dataclass(frozen=True)
class Found:
    """The images below some files and folders."""

    files: tuple[Path, ...]
    skipped: int
    """Other files that were in the folders."""


def find(paths: Sequence[Path]) -> Found:
    """The files named, and below each folder named its images, sorted; hidden ones count as other files.

    Raises ``ImageError`` for what does not exist, for a link in a folder that leads out of it, and without any image.
    """
    files: list[Path] = []
    skipped = 0
    for path in paths:
        if not path.is_dir():
            _require_file(path)
            files.append(path)
            continue
        below = sorted(_below(path, path.resolve()))
        images = [file for file in below if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")]
        for file in images:
            _require_inside(file, path)
            _require_file(file)
        files += images
        skipped += len(below) - len(images)
    if not files:
        others = f"; {skipped} other files there" if skipped else ""
        raise ImageError(f"No images in {', '.join(map(str, paths))}{others}. Images end in {', '.join(SUFFIXES)}.")
    return Found(tuple(files), skipped)


def read(path: Path, shape: tuple[int, int, int], *, resize: bool = False) -> np.ndarray:
    """The image in ``path`` as float32 (C, H, W) in [0, 1], its colours made those of ``shape``.

    One channel is grey, three are red, green, blue. Transparent parts become black, an image is turned as its camera
    says, and of several in one file the first is read. With ``resize`` it is scaled to H × W, its proportions not kept.
    Raises ``ImageError`` for another size without ``resize``, more than ``LARGEST`` pixels, and what cannot be read.
    """
    channels, height, width = shape
    if channels not in MODES:
        raise ImageError(f"The model takes images of {channels} channels; files have 1 (grey) or 3 (colours).")
    try:
        with warnings.catch_warnings():
            # Pillow warns of large images, which are refused here, and of odd metadata, which are not used.
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as file:
                # Reading pixels does not look at a PNG's checksums.
                file.verify()
            with Image.open(path, formats=FORMATS) as file:
                if file.width * file.height > LARGEST:
                    raise ImageError(_too_large(path, f"{file.width}×{file.height} pixels"))
                if not resize and {file.width, file.height} != {width, height}:
                    # Known before anything is unpacked; a camera may have turned it.
                    raise ImageError(_misfit(path, file.size, (width, height)))
                image = _plain(ImageOps.exif_transpose(file), MODES[channels])
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageError(_too_large(path, "too many pixels")) from None
    except Exception as error:
        # Pillow's decoders raise anything on a damaged file.
        why = str(error).replace(f" {str(path)!r}", "") or type(error).__name__
        raise ImageError(f"{path} cannot be read as an image: {' '.join(why.split())[:200]}") from None
    if image.size != (width, height):
        if not resize:
            raise ImageError(_misfit(path, image.size, (width, height)))
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, dtype=np.float32) / np.float32(255)
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _plain(image: Image.Image, mode: str) -> Image.Image:
    """``image`` in 8 bits a channel, grey or coloured, without transparency."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image, dtype=np.uint32) // 257).astype(np.uint8)).convert(mode)
    if image.mode in ("I", "F"):
        raise ValueError(f"its pixels are of the kind {image.mode!r}, and must have 8 or 16 bits a channel.")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return image.convert(mode)


def _misfit(path: Path, has: tuple[int, int], takes: tuple[int, int]) -> str:
    return f"{path} is {has[0]}×{has[1]}; the model takes {takes[0]}×{takes[1]}. --resize scales images."


def _too_large(path: Path, size: str) -> str:
    return f"{path} has {size}; at most {LARGEST // 10**6} million are read. Make it smaller first."


def _below(folder: Path, root: Path) -> Iterator[Path]:
    """Every file below ``folder``.  Links to folders are not followed, for those inside are come upon anyway."""
    for place, folders, files in os.walk(folder, onerror=_raise):
        for name in folders:
            if Path(place, name).is_symlink():
                _require_inside(Path(place, name), root)
        yield from (Path(place, name) for name in files)


def _raise(error: OSError) -> None:
    raise error


def _require_inside(path: Path, folder: Path) -> None:
    # Of links in a circle it gives one of them; such a file is missing, and is said to be.
    end = Path(os.path.realpath(path))
    if path.is_symlink() and not end.is_relative_to(folder.resolve()):
        raise ImageError(f"{path} is a link that leads out of the folder, to {end}. Name that place itself.")


def _require_file(path: Path) -> None:
    if not path.exists():
        raise ImageError(f"There is no file {path}.")
    if not path.is_file():
        raise ImageError(f"{path} is no ordinary file.")
