"""dSprites, rendered exactly: white shapes on black, five ground-truth factors.  Matthey et al.
2017.

Shape (square, ellipse, heart) × scale × orientation × posX × posY, the last fastest: 737,280 binary
images of 64×64 pixels, or any coarser grid and another size. A factor left with one value is no
factor and is not listed. They are rendered here, or read from the original ``.npz``, of which only
the plain arrays are opened.

The frame is 64 units wide, whatever the size; at size 64 the pixel in column i and row j has its
centre at (i, j). The shape's centre is (15.5 + 32·posX, 15.5 + 32·posY) and a pixel is on where
more than half of its area is covered.

Positions lie on multiples of 32/31 units, so relative to the shape's centre every pixel's edge is a
multiple of 1/31. The shape is therefore sampled once on cells of 1/31 unit and summed into an
integral image; the area that each pixel covers at each position is then one box sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np

from trainables.core import npz, originals
from trainables.core.arrays import Arrays, Description, Progress, choice, seeded_split, whole

SHAPES = ("square", "ellipse", "heart")
SCALES = np.linspace(0.5, 1.0, 6)
ORIENTATIONS = np.linspace(0.0, 2.0 * np.pi, 40)
POSITIONS = 32
FRAME = 64
CELLS = 31
"""Cells per unit length."""
REACH = 14.0
"""No shape of scale 1 reaches further from its centre, in units (the square's corner: 13.58)."""

FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
FOLDERS = ("dsprites", "dSprites", "")
ORIGINAL = npz.Original(name="dSprites", counts=(1, 3, 6, 40, 32, 32), size=64)
"""The first factor of the file is the colour: white."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How large the images are and how many values of each factor are kept."""

    size: int = 64
    """Width and height in pixels: 16, 32, 64 or 128."""
    shapes: int = 3
    """1 to 3 of square, ellipse, heart; one alone is the ellipse."""
    scales: int = 6
    """1 to 6, spread from 0.5 to 1."""
    orientations: int = 40
    """1 to 40; 40 goes from 0 to 2π with both ends, fewer leave 2π out."""
    positions: int = 32
    """1 to 32 for each of posX and posY."""
    original: bool = False
    """Whether the images of this grid are read from the original file instead, at size 64 alone."""

    def __post_init__(self) -> None:
        choice("sprites", "size", self.size, (16, 32, 64, 128))
        whole("sprites", "shapes", self.shapes, len(SHAPES))
        whole("sprites", "scales", self.scales, len(SCALES))
        whole("sprites", "orientations", self.orientations, len(ORIENTATIONS))
        whole("sprites", "positions", self.positions, POSITIONS)
        if not isinstance(self.original, bool):
            raise ValueError(f"sprites: original must be true or false, not {self.original!r}.")
        if self.original and self.size != ORIGINAL.size:
            raise ValueError(
                f"sprites: size must be {ORIGINAL.size} where original is true, not {self.size}; "
                "only rendered images have another."
            )
        count = self.shapes * self.scales * self.orientations * self.positions**2
        if count < 10:
            raise ValueError(f"sprites: the grid must have 10 images or more, to be split; this one has {count}.")


def grid(options: Options) -> dict[str, np.ndarray]:
    """For each factor, the indices into the full dSprites values that this grid keeps."""
    return {
        "shape": _spread(len(SHAPES), options.shapes),
        "scale": _spread(len(SCALES), options.scales),
        "orientation": np.arange(options.orientations) * len(ORIENTATIONS) // options.orientations,
        "posX": _spread(POSITIONS, options.positions),
        "posY": _spread(POSITIONS, options.positions),
    }


def _spread(full: int, kept: int) -> np.ndarray:
    """``kept`` of the indices 0 to full - 1, both ends included; the middle one if it is alone."""
    if kept == 1:
        return np.array([full // 2])
    return np.round(np.linspace(0, full - 1, kept)).astype(np.int64)


def describe(options: Options) -> Description:
    """The dataset before it is rendered."""
    kept = {name: len(indices) for name, indices in grid(options).items()}
    return Description(
        shape=(1, options.size, options.size),
        images=int(np.prod(list(kept.values()))),
        bits=1,
        factors={name: n for name, n in kept.items() if n > 1},
        classes=tuple(SHAPES[i] for i in grid(options)["shape"]),
        summary="dSprites: white shapes on black, every factor known",
        source=f"Matthey et al. 2017, {FILE} (--data-root)"
        if options.original
        else "rendered here, after Matthey et al. 2017",
    )


def prepare(
    options: Options,
    source: Path | None = None,
    *,
    download: bool = False,
    progress: Progress = None,
) -> Arrays:
    """Render every image of the grid, or read it from the original under ``source``; label = shape.

    Nothing is ever downloaded. Raises ``DatasetError`` if the original is asked for and is missing,
    damaged or another file; without it nothing is read.
    """
    description = describe(options)
    images = _read(options, source, progress) if options.original else _rendered(options, progress)
    counts = [len(indices) for indices in grid(options).values()]
    every = np.indices(counts, dtype=np.uint8).reshape(len(counts), -1).T
    varied = [i for i, n in enumerate(counts) if n > 1]
    split, rule = seeded_split(description.images)
    return Arrays(
        images=images,
        bits=1,
        labels=every[:, 0],
        factors=every[:, varied] if varied else None,
        split=split,
        rule=rule,
    )


def _read(options: Options, source: Path | None, progress: Progress) -> np.ndarray:
    """Packed images of the grid from the original file: uint8 (N, 512)."""
    remedy = f"Put {FILE} there, or name its folder with --data-root; or leave out original=true to render the images."
    path = originals.find("sprites", source, FILE, FOLDERS, remedy)
    kept = np.ix_(np.arange(1), *grid(options).values())
    return npz.read(path, ORIGINAL, np.ravel_multi_index(kept, ORIGINAL.counts).ravel(), progress)


def _rendered(options: Options, progress: Progress) -> np.ndarray:
    """Packed images of the grid: uint8 (N, size·size/8)."""
    description = describe(options)
    images = np.empty((description.images, description.row_bytes), dtype=np.uint8)
    done = 0
    for block in _blocks(options):
        images[done : done + len(block)] = block
        done += len(block)
        if progress is not None:
            progress(done, description.images)
    return images


def _blocks(options: Options) -> Iterator[np.ndarray]:
    """Packed images of all positions, for one shape, scale and orientation after the other."""
    kept = grid(options)
    for shape, scale, turn in product(kept["shape"], kept["scale"], kept["orientation"]):
        yield render(
            SHAPES[shape],
            float(SCALES[scale]),
            float(ORIENTATIONS[turn]),
            kept["posX"],
            options.size,
        )


def render(shape: str, scale: float, orientation: float, positions: np.ndarray, size: int = FRAME) -> np.ndarray:
    """All images of one shape at P × P positions, packed bits, uint8 (P·P, size·size/8).

    posX is slower than posY. ``orientation`` is in radians and may be any angle; ``positions`` are
    indices from 0 to 31.
    """
    cells = CELLS * max(1, size // FRAME)
    pitch = cells * FRAME // size
    reach = int(np.ceil(REACH * scale * cells))
    # The counts wrap around in 16 bits, but their differences, at most pitch² = 15,376, are exact.
    area = np.zeros((2 * reach + 1, 2 * reach + 1), dtype=np.uint16)
    centres = (np.arange(-reach, reach) + 0.5) / cells
    inside = _inside(shape, centres[None, :], centres[:, None], scale, orientation)
    np.cumsum(inside, axis=0, dtype=np.uint16, out=area[1:, 1:])
    np.cumsum(area[1:, 1:], axis=1, dtype=np.uint16, out=area[1:, 1:])

    first = -16 * cells - 32 * cells // CELLS * np.asarray(positions)
    edges = np.clip(first[:, None] + pitch * np.arange(size + 1) + reach, 0, 2 * reach)
    columns = area[:, edges]
    columns = columns[:, :, 1:] - columns[:, :, :-1]
    boxes = columns[edges]
    boxes = boxes[:, 1:] - boxes[:, :-1]
    on = boxes > pitch * pitch // 2
    on = on.transpose(2, 0, 1, 3).reshape(len(first) ** 2, size * size)
    return np.packbits(on, axis=1)


def _inside(shape: str, dx: np.ndarray, dy: np.ndarray, scale: float, orientation: float) -> np.ndarray:
    """Whether points (dx, dy) from the shape's centre, in units, lie in it: bool, broadcast."""
    cos, sin = np.cos(orientation) / scale, np.sin(orientation) / scale
    u = dx * cos - dy * sin
    v = dx * sin + dy * cos
    if shape == "square":
        return (np.abs(u) <= 9.6) & (np.abs(v) <= 9.6)
    if shape == "ellipse":
        return (u / 12.8) ** 2 + (v / 7.2) ** 2 <= 1.0
    angles, radii = _heart()
    return u * u + v * v <= np.interp(np.arctan2(v, u), angles, radii) ** 2


def heart_curve(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The heart's outline (u, v) for t from 0 to 2π; every ray from the origin meets it once.

    The well-known heart curve, its two scales and its offset fitted to 64 frames of the animation that is published
    with dSprites: 21 of their 262,144 pixels differ.
    """
    u = 9.6 * np.sin(t) ** 3
    v = 0.663 * (13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return u, -v - 1.4415


@cache
def _heart() -> tuple[np.ndarray, np.ndarray]:
    """Angles from -π to π, and the heart's radius at each."""
    u, v = heart_curve(np.linspace(0.0, 2.0 * np.pi, 8192, endpoint=False))
    angles, radii = np.arctan2(v, u), np.hypot(u, v)
    order = np.argsort(angles)
    angles, radii = angles[order], radii[order]
    angles = np.concatenate(([angles[-1] - 2 * np.pi], angles, [angles[0] + 2 * np.pi]))
    return angles, np.concatenate(([radii[-1]], radii, [radii[0]]))
