"""Contact sheets: titled pictures, row by row.  Reads picture files; knows nothing of sweeps, MLflow or torch."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from search.results import GREEK
from trainables.core.storage import Where, place

if TYPE_CHECKING:
    from PIL import Image

TILE, MARGIN, TEXT = 480, 12, 15
"""Widest picture on a contact sheet, space around it and height of its title, in pixels."""
PIXELS = 20_000_000
"""Pixels of a picture at most: a small file may hold more than memory does."""


def contact_sheet(pictures: Sequence[tuple[str, Where]], columns: int = 3) -> Image.Image:
    """Titled pictures, row by row; one that cannot be read is a grey field saying so."""
    from PIL import Image, ImageDraw

    tiles = [(name, tile(path)) for name, path in pictures]
    columns = max(1, min(columns, len(tiles)))
    head = MARGIN + TEXT + MARGIN // 2
    rows = [tiles[i : i + columns] for i in range(0, len(tiles), columns)]
    heights = [head + max(image.height for _, image in row) for row in rows]
    width = max(TILE // 2, *(image.width for _, image in tiles)) if tiles else TILE
    size = (MARGIN + columns * (width + MARGIN), sum(heights) + MARGIN)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for column, (name, image) in enumerate(row):
            left = MARGIN + column * (width + MARGIN)
            draw.text((left, top + MARGIN // 2), fitting(name, width), fill="black", font=font()[0])
            sheet.paste(image, (left, top + head))
        top += height
    return sheet


def tile(path: Where, most: int = TILE) -> Image.Image:
    """The picture in a file, at most ``most`` pixels wide; a grey field where it cannot be read."""
    from PIL import Image, ImageDraw

    try:
        with Image.open(io.BytesIO(place(path).read()), formats=("PNG",)) as file:
            if file.width * file.height > PIXELS:
                raise ValueError(f"{path} is too large")
            image = file.convert("RGB")
        image.thumbnail((most, 4 * most))
        return image
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        image = Image.new("RGB", (TILE, TILE // 2), "lightgrey")
        ImageDraw.Draw(image).text((MARGIN, MARGIN), "picture cannot be read", fill="black", font=font()[0])
        return image


@cache
def font() -> tuple[Any, bool]:
    """A font and whether it has Greek letters; the one built into Pillow has none."""
    from PIL import ImageFont

    for name in ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "Arial.ttf"):
        try:
            return ImageFont.truetype(name, TEXT - 2), True
        except OSError:
            continue
    return ImageFont.load_default(TEXT - 2), False


def fitting(text: str, width: float) -> str:
    """``text`` in letters that the font has, its end replaced where it is wider than ``width`` pixels."""
    letters, greek = font()
    if not greek:
        for word, letter in GREEK.items():
            text = text.replace(letter, word)
        text = text.encode("latin-1", "replace").decode("latin-1")
    if letters.getlength(text) <= width:
        return text
    while text and letters.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."
