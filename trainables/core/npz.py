"""A grid of black and white images in numpy's ``.npz``, as dSprites comes: read in blocks, only as plain arrays.

Nothing is unpickled, members that are not asked for are never opened, and a file that claims another
type or size than it must have is refused before it is unpacked. This module knows nothing about what
the images show.

Legend: N images, F factors.
"""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO

import numpy as np

from trainables.core.arrays import DatasetError, Progress

BLOCK = 2048
"""Rows unpacked at a time: 8 MiB of images of 64×64."""
HEADER = 10_000
"""No header of a plain array is longer, in bytes."""

DAMAGE = (
    *(OSError, EOFError, ValueError, TypeError, SyntaxError, RuntimeError, LookupError, OverflowError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError),
)
"""What zipfile and numpy raise for damaged bytes; RuntimeError for an encrypted or unknown packing."""


@dataclass(frozen=True, kw_only=True)
class Original:
    """What the file must hold: ``imgs`` uint8 (N, size, size) of 0 and 1, ``latents_classes``
    integers (N, F), the whole grid with the last factor fastest.
    """

    name: str
    counts: tuple[int, ...]
    """How many values each of the F factors takes; N is their product."""
    size: int

    @property
    def images(self) -> int:
        return prod(self.counts)


def read(path: Path, original: Original, rows: np.ndarray, progress: Progress = None) -> np.ndarray:
    """Images at the ascending indices ``rows``, packed bits, uint8 (len(rows), size·size/8).

    Raises ``DatasetError`` if the file is damaged or is not what ``original`` says.
    """
    keep = np.zeros(original.images, dtype=bool)
    keep[rows] = True
    packed = np.empty((len(rows), original.size**2 // 8), dtype=np.uint8)
    assert np.count_nonzero(keep) == len(rows), "rows repeat"
    pixels, classes = (original.images, original.size, original.size), (original.images, len(original.counts))
    try:
        with zipfile.ZipFile(path) as archive, _member(archive, "imgs", pixels, "u", (1,)) as (stream, kind):
            with _member(archive, "latents_classes", classes, "iu", (1, 2, 4, 8)) as (grid, integer):
                _check_grid(_blocks(grid, classes, integer), original.counts)
            done = start = 0
            for block in _blocks(stream, pixels, kind):
                if block.max() > 1:
                    raise ValueError(f"its imgs has a pixel of {block.max()}; they must be 0 or 1")
                chosen = block[keep[start : start + len(block)]]
                start += len(block)
                packed[done : done + len(chosen)] = np.packbits(chosen.reshape(-1, original.size**2), axis=1)
                done += len(chosen)
                if progress is not None and len(chosen):
                    progress(done, len(rows))
    except DAMAGE as error:
        raise DatasetError(
            f"{path} ({path.stat().st_size:,} bytes) is not the original file of {original.name}, or is damaged: "
            f"{error}. It must be an .npz whose arrays are imgs, uint8 {pixels} of 0 and 1, and "
            f"latents_classes, integers {classes}. Get it anew."
        ) from error
    return packed


@contextmanager
def _member(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], kinds: str, widths: tuple[int, ...]
) -> Iterator[tuple[IO[bytes], np.dtype]]:
    """An array's bytes and their type, once everything that the file says of it is right."""
    if f"{name}.npy" not in archive.namelist():
        raise ValueError(f"it has no array {name}")
    said = archive.getinfo(f"{name}.npy")
    if said.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # numpy writes no other, and others may take any amount of memory.
        raise ValueError(f"its {name} is packed in the way {said.compress_type}, which numpy does not write")
    largest = HEADER + prod(shape) * max(widths)
    if said.file_size > largest:
        raise ValueError(f"its {name} unpacks to {said.file_size:,} bytes, and must not exceed {largest:,}")
    with archive.open(said) as stream:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"its {name} has numpy's format {version}, not (1, 0)")
        found, fortran, kind = np.lib.format.read_array_header_1_0(stream, max_header_size=HEADER)
        if kind.kind not in kinds or kind.itemsize not in widths:
            raise ValueError(f"its {name} holds {'pickled objects' if kind.hasobject else kind}")
        if found != shape or fortran:
            raise ValueError(f"its {name} has the shape {found}{' in columns' if fortran else ''}, not {shape}")
        length = stream.tell() + prod(shape) * kind.itemsize
        if said.file_size != length:
            raise ValueError(f"its {name} has {said.file_size:,} bytes, and needs {length:,} for its shape")
        yield stream, kind


def _blocks(stream: IO[bytes], shape: tuple[int, ...], kind: np.dtype) -> Iterator[np.ndarray]:
    """Arrays (up to BLOCK, *shape[1:]), to the end, where zipfile compares the checksum."""
    rows, *shape_of_one = shape
    width = prod(shape_of_one) * kind.itemsize
    for start in range(0, rows, BLOCK):
        count = min(BLOCK, rows - start)
        content = stream.read(count * width)
        if len(content) != count * width:
            raise EOFError(f"it ends within row {start + len(content) // width:,} of {rows:,}")
        yield np.frombuffer(content, dtype=kind).reshape(count, *shape_of_one)
    if stream.read(1):
        raise ValueError("it goes on after its last row")


def _check_grid(blocks: Iterator[np.ndarray], counts: tuple[int, ...]) -> None:
    start = 0
    for block in blocks:
        expected = np.stack(np.unravel_index(np.arange(start, start + len(block)), counts), axis=1)
        wrong = np.flatnonzero((block != expected).any(axis=1))
        if len(wrong):
            raise ValueError(
                f"row {start + wrong[0]:,} of its latents_classes is {block[wrong[0]].tolist()}, "
                f"not {expected[wrong[0]].tolist()}"
            )
        start += len(block)
