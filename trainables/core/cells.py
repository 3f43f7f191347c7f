"""Images in a grid, with titles, frames and notes: what traversals and swaps are drawn with.

This module knows nothing of models. Letters: R rows, K columns, C channels, H height, W width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

RED, GREEN, BLUE = (208, 32, 32), (24, 144, 56), (40, 104, 216)
INK, FAINT, HAIR, PAPER = (30, 30, 30), (105, 105, 105), (215, 215, 215), (255, 255, 255)
COLOURS = (RED, GREEN, BLUE, INK, FAINT, HAIR, PAPER)
GAP, FRAME, LINE, MARGIN = 2, 3, 16, 8
SMALLEST, LARGEST = 48, 96
"""Limits of a cell's longer side in pixels."""
TEXT, HEADING = 12, 14
"""Font sizes in pixels."""
WIDEST = 112
"""A title over a column that is longer than this many pixels is cut."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def cell(image_CHW: np.ndarray, smallest: int = SMALLEST, largest: int = LARGEST) -> Image.Image:
    """The image in [0, 1] as RGB, its longer side within the limits: enlarged by a whole factor where one fits."""
    pixels_HWC = (image_CHW.clip(0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0)
    if pixels_HWC.shape[2] != 3:
        pixels_HWC = pixels_HWC[:, :, :1].repeat(3, axis=2)
    drawn = Image.fromarray(pixels_HWC)
    longer = max(drawn.size)
    times = max(1, math.ceil(smallest / longer))
    if longer * times <= largest:
        return drawn.resize((drawn.width * times, drawn.height * times), Image.Resampling.NEAREST)
    size = (max(1, round(side * largest / longer)) for side in drawn.size)
    width, height = size
    return drawn.resize((width, height), Image.Resampling.LANCZOS)


def grid(
    image_RKCHW: np.ndarray,
    *,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    frames: Mapping[tuple[int, int], Colour] | None = None,
    title: str = "",
    note: str = "",
    gap: int = GAP,
    smallest: int = SMALLEST,
    largest: int = LARGEST,
) -> Image.Image:
    """R × K images with a title for each row (left) and column (above; may have several lines).

    ``frames`` gives the colour of the frame of a cell (row, column). ``title`` stands above, ``note`` below.
    """
    count_R, count_K = image_RKCHW.shape[:2]
    font, heading = lettering(TEXT), lettering(HEADING)
    border = FRAME if frames else 0
    width, height = cell(image_RKCHW[0, 0], smallest, largest).size
    inner_x, inner_y = width + 2 * border, height + 2 * border
    heads = [[fitted(line, WIDEST, font) for line in text.split("\n")] for text in columns]
    names = [fitted(text, 2 * WIDEST, font) for text in rows]
    widest = max([math.ceil(font.getlength(line)) + 4 for head in heads for line in head], default=0)
    step_x, step_y = max(inner_x, widest) + gap, max(inner_y, LINE if rows else 0) + gap
    left = MARGIN + (max(math.ceil(font.getlength(name)) for name in names) + MARGIN if names else 0)
    head = max([len(lines) for lines in heads], default=0) * LINE
    top = MARGIN + (LINE + GAP if title else 0) + head
    notes = note.split("\n") if note else []
    right = left + count_K * step_x - gap
    longest = max([font.getlength(line) for line in notes] + ([heading.getlength(title)] if title else []), default=0)
    size = (max(right, left + math.ceil(longest)) + MARGIN, top + count_R * step_y - gap + len(notes) * LINE + MARGIN)
    picture = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(picture)
    if title:
        pen.text((left, MARGIN - 2), title, INK, heading)
    for column, lines in enumerate(heads):
        centre = left + column * step_x + (step_x - gap) // 2
        for index, line in enumerate(lines):
            pen.text((centre, top - head + (index + head // LINE - len(lines)) * LINE), line, FAINT, font, anchor="ma")
    for row in range(count_R):
        y = top + row * step_y
        if names:
            pen.text((left - MARGIN // 2, y + inner_y // 2), names[row], INK, font, anchor="rm")
        for column in range(count_K):
            x = left + column * step_x + (step_x - gap - inner_x) // 2
            if frames and (colour := frames.get((row, column))):
                pen.rectangle((x, y, x + inner_x - 1, y + inner_y - 1), outline=colour, width=FRAME)
            elif gap:
                # White images on white paper would run together.
                around = (x + border - 1, y + border - 1, x + inner_x - border, y + inner_y - border)
                pen.rectangle(around, outline=HAIR)
            picture.paste(cell(image_RKCHW[row, column], smallest, largest), (x + border, y + border))
    for index, line in enumerate(notes):
        pen.text((left, top + count_R * step_y - gap + GAP + index * LINE), line, FAINT, font)
    return picture


def compared(original_CHW: np.ndarray, reconstruction_CHW: np.ndarray) -> Image.Image:
    """The original framed red, and below it its reconstruction framed green."""
    font = lettering(TEXT)
    cells = [cell(original_CHW), cell(reconstruction_CHW)]
    width, height = (side + 2 * FRAME for side in cells[0].size)
    titles = (("original", RED), ("reconstruction", GREEN))
    wide = MARGIN + max(width, *(math.ceil(font.getlength(text)) for text, _ in titles)) + MARGIN
    picture = Image.new("RGB", (wide, MARGIN + 2 * (LINE + height + MARGIN)), PAPER)
    pen = ImageDraw.Draw(picture)
    y = MARGIN
    for (text, colour), image in zip(titles, cells, strict=True):
        pen.text((MARGIN, y), text, colour, font)
        pen.rectangle((MARGIN, y + LINE, MARGIN + width - 1, y + LINE + height - 1), outline=colour, width=FRAME)
        picture.paste(image, (MARGIN + FRAME, y + LINE + FRAME))
        y += LINE + height + MARGIN
    return picture


def beside(*pictures: Image.Image) -> Image.Image:
    """The pictures from left to right, their tops in line."""
    sheet = Image.new("RGB", (sum(p.width for p in pictures), max(p.height for p in pictures)), PAPER)
    x = 0
    for picture in pictures:
        sheet.paste(picture, (x, 0))
        x += picture.width
    return sheet


def stacked(*pictures: Image.Image) -> Image.Image:
    """The pictures one below the other, their left sides in line."""
    sheet = Image.new("RGB", (max(p.width for p in pictures), sum(p.height for p in pictures)), PAPER)
    y = 0
    for picture in pictures:
        sheet.paste(picture, (0, y))
        y += picture.height
    return sheet


def noted(picture: Image.Image, *lines: str) -> Image.Image:
    """The picture with lines of text below it."""
    font = lettering(TEXT)
    wide = max(picture.width, *(math.ceil(font.getlength(line)) + 2 * MARGIN for line in lines))
    sheet = Image.new("RGB", (wide, picture.height + len(lines) * LINE + MARGIN), PAPER)
    sheet.paste(picture, (0, 0))
    for index, line in enumerate(lines):
        ImageDraw.Draw(sheet).text((MARGIN, picture.height + index * LINE), line, FAINT, font)
    return sheet


def fitted(text: str, width: float, font: Font) -> str:
    """``text``, its end replaced by … where it is wider than ``width`` pixels."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def lettering(size: int) -> Font:
    """The font that ships with Pillow, which has no Greek letters."""
    return ImageFont.load_default(size)
