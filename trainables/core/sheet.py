"""A picture of samples, to look at a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainables.core.dataset import Dataset

if TYPE_CHECKING:
    from PIL import Image

CELL = 96
"""Least width of an enlarged image in pixels."""
GAP = 4
CAPTION = 14
GROUND, INK = (238, 238, 238), (40, 40, 40)


def sheet(dataset: Dataset, rows: int = 6, columns: int = 10, seed: int = 0) -> Image.Image:
    """``rows`` × ``columns`` training images, drawn without repetition and enlarged without
    smoothing.

    Below each stands its class, where there are classes. Fewer images leave cells empty.
    """
    from PIL import Image, ImageDraw

    split = dataset.split("train")
    drawn = np.random.RandomState(seed).permutation(len(split))[: rows * columns]
    _, height, width = dataset.shape
    zoom = -(-CELL // width)
    caption = CAPTION if dataset.classes else 0
    across, down = width * zoom + GAP, height * zoom + GAP + caption
    page = Image.new("RGB", (columns * across + GAP, rows * down + GAP), GROUND)
    pen = ImageDraw.Draw(page)
    for place, (row, pixels) in enumerate(zip(drawn, split.pixels(drawn), strict=True)):
        left, top = GAP + place % columns * across, GAP + place // columns * down
        picture = Image.fromarray(np.moveaxis(pixels, 0, 2) if len(pixels) == 3 else pixels[0])
        page.paste(picture.resize((width * zoom, height * zoom), Image.Resampling.NEAREST), (left, top))
        if split.label_array is not None:
            text = dataset.classes[split.label_array[row]]
            pen.text((left, top + height * zoom + 1), text, fill=INK)
    return page
