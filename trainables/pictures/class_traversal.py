"""Traversals of the codes that should not know the class, z, and of those that do, w given y, from −5 to 5.

As in the report "Class-conditional and class-generic VAE": the original framed red, its reconstruction green.
"""

from __future__ import annotations

from dataclasses import replace

from PIL import Image

from trainables.core.traversals import Block, traversal_grid
from trainables.pictures import View

VALUES = tuple(float(value) for value in range(-5, 6))
TITLES = {"z": "z: class-generic", "w": "w given y: class-conditional"}
MOST = 8
"""Rows of each group."""


def draw(view: View) -> Image.Image | None:
    """A block of rows for each group of latents, most informative first; None without a decoder or without labels."""
    if not view.decodes or not view.split.classes:
        return None
    first = view.chosen(1)
    label_B = view.labels(first)
    assert label_B is not None, "a split with classes has labels"
    name = view.split.classes[int(label_B[0])]
    blocks = []
    for group in view.evaluation.codes:
        rows = [replace(latent, centre=0.0, unit=1.0) for latent in view.latents(group)]
        title = f"{TITLES.get(group, group)} (y = {name})"
        blocks.append(Block(latents=rows, values=VALUES, title=title, most=MOST))
    return traversal_grid(view.method, view.model, view.split.images(first)[0], label_B[0], blocks)
