"""Strips: every latent's traversal of one image, without words, so that latents of several models can be put together.

A row is a latent, in the order of the groups' names and of the latents in each; a column is a value. The same image and
the same values for every model of a dataset. Letters: R rows, K columns, C channels, H height, W width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from trainables.core.comparable import COLUMNS
from trainables.core.contract import CLASSES
from trainables.core.traversals import moved

if TYPE_CHECKING:
    from trainables.pictures import View

VALUES = tuple(np.linspace(-3.0, 3.0, COLUMNS).tolist())


def strips(view: View) -> Image.Image:
    """All strips of a model as one picture of R · H by K · W pixels: grey for one channel, else RGB."""
    index_B, label_B = view.chosen(1), view.labels(view.chosen(1))
    codes = view.codes(index_B)
    if label_B is None and CLASSES in codes:
        label_B = codes[CLASSES].argmax(1)
    rows = sorted(view.latents(), key=lambda latent: (latent.group, latent.index))
    latents = {group: code for group, code in codes.items() if group != CLASSES}
    label = None if label_B is None else label_B.expand(len(rows) * COLUMNS)
    image_BCHW = view.decoded(moved(latents, rows, VALUES), label)
    channels, height, width = image_BCHW.shape[1:]
    image_RHKWC = image_BCHW.reshape(len(rows), COLUMNS, channels, height, width).transpose(0, 3, 1, 4, 2)
    pixels = (image_RHKWC.reshape(len(rows) * height, COLUMNS * width, channels).clip(0, 1) * 255).round()
    pixels = pixels.astype(np.uint8)
    return Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
