"""Boards of 3×3 cells with one of twenty glyphs in one cell: 180 images of 64×64 pixels, every factor known.

Shape × row × column, the last fastest. Cells start at pixels 2, 22 and 42 and hold glyphs of 20×20, dark blue with a
light-green rim on white. After the report "Disentangling Symbols and Movements"; the glyphs are of our own design.
Programs that move or change the glyph, and analogy problems over the numbers of these images, are in
``trainables.core.programs``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainables.core.arrays import Arrays, Description, Progress, seeded_split
from trainables.core.glyphs import EDGE, NAMES, glyphs
from trainables.core.programs import BOARDS, GRID

SIZE = 64
STARTS = (2, 22, 42)
"""First pixel of each row and column of cells."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """There is nothing to choose."""


def describe(options: Options) -> Description:
    """The dataset before it is drawn."""
    return Description(
        shape=(3, SIZE, SIZE),
        images=BOARDS,
        factors={"shape": len(NAMES), "row": len(STARTS), "column": len(STARTS)},
        summary="boards of 3×3 cells with one of 20 glyphs, coloured, every factor known",
        source="drawn here",
    )


def prepare(
    options: Options, source: Path | None = None, *, download: bool = False, progress: Progress = None
) -> Arrays:
    """Draw every board; there are no labels.

    Nothing is read, so ``source`` and ``download`` do not matter.
    """
    factors = np.indices(GRID, dtype=np.uint8).reshape(len(GRID), -1).T
    images = np.full((BOARDS, 3, SIZE, SIZE), 255, dtype=np.uint8)
    for image, (shape, row, column) in zip(images, factors, strict=True):
        top, left = STARTS[row], STARTS[column]
        image[:, top : top + EDGE, left : left + EDGE] = glyphs()[shape].transpose(2, 0, 1)
    if progress is not None:
        progress(BOARDS, BOARDS)
    split, rule = seeded_split(BOARDS)
    return Arrays(
        images=images.reshape(BOARDS, -1),
        bits=8,
        labels=None,
        factors=factors,
        split=split,
        rule=rule,
    )
