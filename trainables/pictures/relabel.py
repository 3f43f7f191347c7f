"""Held-out images decoded as every class, with their latents as they are."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from trainables.core.cells import BLUE, GREEN, RED, grid
from trainables.core.contract import latents
from trainables.pictures import View

IMAGES, CLASSES = 8, 12
"""Rows and columns at most."""


def draw(view: View) -> Image.Image | None:
    """Images (rows): the original, its reconstruction, and the image as each class (columns), its own framed blue.

    All latents are those of the image under its true label; only the class that the decoder is told changes, one-hot.
    None without a decoder or without labels.
    """
    if not view.decodes or view.split.label_array is None:
        return None
    index_B = view.chosen(IMAGES)
    label_B = view.labels(index_B)
    assert label_B is not None, "a split with labels"
    names = view.split.classes[:CLASSES]
    codes = view.codes(index_B)
    told_BL = torch.arange(len(names), device=label_B.device).repeat(len(index_B))
    repeated = {group: code.repeat_interleave(len(names), 0) for group, code in latents(codes).items()}
    image_BLCHW = view.decoded(repeated, told_BL)
    image_BLCHW = image_BLCHW.reshape(len(index_B), len(names), *image_BLCHW.shape[1:])
    first = np.stack((view.images(index_B), view.decoded(codes, label_B)), axis=1)
    frames = {(row, k): colour for row in range(len(index_B)) for k, colour in enumerate((RED, GREEN))}
    frames |= {(row, 2 + label): BLUE for row, label in enumerate(label_B.tolist()) if label < len(names)}
    more = len(view.split.classes) - len(names)
    notes = ["blue: the class that the image has"] + ([f"{more} more classes not shown"] if more else [])
    return grid(
        np.concatenate((first, image_BLCHW), axis=1),
        columns=["original", "reconstr.", *names],
        rows=[view.split.classes[label] for label in label_B.tolist()],
        frames=frames,
        title="the class changes, the latents stay",
        note="\n".join(notes),
        largest=64,
    )
