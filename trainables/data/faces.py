"""Cartoon faces of ten persons with seven expressions, every factor known: what ``jaffe`` shows, without its licence.

Identity × expression × take, the last fastest. A take is a small shift, tilt, change of light and strength of the
expression, the same for all persons and expressions. The split is made before images are paired: ``image`` keeps
about a tenth of each person's images for validation and for test, ``person`` keeps one whole person for each.
After the report "Disentangling hidden factors of variations in Deep Networks"; the faces are of our own design.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from trainables.core import cast, face
from trainables.core.arrays import Arrays, Description, Progress, choice, whole
from trainables.core.persons import EXPRESSIONS, PERSONS, require_split, split_persons

MOST_TAKES = 256


@dataclass(frozen=True, kw_only=True)
class Options:
    """How large the images are, how many there are of each face, and how they are split."""

    size: int = 48
    """Width and height in pixels: 48 or 64."""
    takes: int = 12
    """Images of each person with each expression, 1 to 256; the first ones do not depend on how many there are."""
    split: str = "image"
    """``image``: every person in every part; ``person``: 8 persons to train, 1 to validate, 1 to test."""

    def __post_init__(self) -> None:
        choice("faces", "size", self.size, (48, 64))
        whole("faces", "takes", self.takes, MOST_TAKES)
        require_split("faces", self.split)


def describe(options: Options) -> Description:
    """The dataset before it is drawn."""
    factors = {"identity": PERSONS, "expression": len(EXPRESSIONS)}
    return Description(
        shape=(1, options.size, options.size),
        images=PERSONS * len(EXPRESSIONS) * options.takes,
        factors=factors | ({"take": options.takes} if options.takes > 1 else {}),
        classes=EXPRESSIONS,
        summary="cartoon faces of 10 persons with 7 expressions, grey, every factor known",
        source="drawn here",
    )


def prepare(
    options: Options, source: Path | None = None, *, download: bool = False, progress: Progress = None
) -> Arrays:
    """Draw every face; label = expression.

    Nothing is read, so ``source`` and ``download`` do not matter.
    """
    description = describe(options)
    images = np.empty((description.images, description.row_bytes), dtype=np.uint8)
    every = product(cast.PERSONS, EXPRESSIONS, takes(options.takes))
    for row, (person, expression, take) in enumerate(every):
        images[row] = face.draw(person, cast.EXPRESSIONS[expression], take, options.size).ravel()
        if progress is not None and (row + 1) % options.takes == 0:
            progress(row + 1, description.images)
    factors = np.indices((PERSONS, len(EXPRESSIONS), options.takes), dtype=np.uint8).reshape(3, -1).T
    split, rule = split_persons(options.split, factors[:, 0], factors[:, 1])
    return Arrays(
        images=images,
        bits=8,
        labels=factors[:, 1],
        factors=factors[:, : len(description.factors)],
        split=split,
        rule=rule,
    )


def takes(count: int, seed: int = 0) -> list[cast.Take]:
    """The first ``count`` takes: shifts up to 1.2 pixels of 48, tilts up to 4°, expressions of 75 to 110 %."""
    drawn = np.random.RandomState(seed).uniform(-1.0, 1.0, size=(MOST_TAKES, 7))
    return [
        cast.Take(
            right=0.05 * x,
            down=0.05 * y,
            tilt=np.radians(4.0) * turn,
            brightness=0.88 + 0.12 * bright,
            light=0.10 * light,
            shirt=0.45 + 0.25 * shirt,
            intensity=0.925 + 0.175 * strength,
        )
        for x, y, turn, bright, light, shirt, strength in drawn[:count]
    ]
