"""Traversals in the two ranges of the report "Disentangling Symbols and Movements"."""

from __future__ import annotations

from dataclasses import replace

from PIL import Image

from trainables.core.traversals import Block, traversal_grid
from trainables.pictures import View

RANGES = {
    "latents from -0.5 to 0.5": tuple(round(-0.5 + 0.1 * k, 1) for k in range(11)),
    "latents from 0 to 1": tuple(round(0.1 * k, 1) for k in range(11)),
}
MOST = 10
"""Rows of each range: the report's number of latents."""


def draw(view: View) -> Image.Image | None:
    """The most informative latents of one held-out image (rows), in steps of 0.1; None without a decoder."""
    if not view.decodes:
        return None
    first, label_B = view.chosen(1), view.labels(view.chosen(1))
    image = view.split.images(first)[0]
    label = None if label_B is None else label_B[0]
    rows = [replace(latent, centre=0.0, unit=1.0) for latent in view.latents()]
    blocks = [Block(latents=rows, values=values, title=title, most=MOST) for title, values in RANGES.items()]
    return traversal_grid(view.method, view.model, image, label, blocks)
