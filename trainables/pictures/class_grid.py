"""What the decoder makes of two latents, for each class."""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image

from trainables.core.cells import beside, grid, noted, stacked
from trainables.pictures import View

STEPS, ACROSS, CLASSES, FEW = 7, 5, 20, 3
"""Values of each of the two latents; blocks side by side, and in all, at most; as many as this are in one row."""
BETWEEN = (5, 95)
"""Percentiles of the held-out codes that the values run between."""
WIDE = 1120
"""Pixels for the blocks beside each other, which is how wide a picture MLflow shows whole."""


def draw(view: View) -> Image.Image | None:
    """A block for each class: one latent from left to right, another upwards, the others at the mean of the codes.

    The latents are the first group's, those of largest variance where it has more than two; the class is one-hot. None
    without a decoder, without labels, or for a single latent.
    """
    codes = view.evaluation.codes
    if not view.decodes or not view.split.classes or not codes:
        return None
    group, code_NZ = next(iter(codes.items()))
    if code_NZ.shape[1] < 2:
        return None
    x, y = (int(j) for j in np.argsort(-code_NZ.var(0), kind="stable")[:2]) if code_NZ.shape[1] > 2 else (0, 1)
    ends_2Z = np.percentile(code_NZ, BETWEEN, axis=0)
    count = STEPS * STEPS
    names = view.split.classes[:CLASSES]
    mean = {name: torch.from_numpy(found.mean(0)).repeat(count, 1) for name, found in codes.items()}
    steps = [torch.linspace(float(ends_2Z[0, j]), float(ends_2Z[1, j]), STEPS) for j in (x, y)]
    up, right = torch.meshgrid(steps[1].flip(0), steps[0], indexing="ij")
    mean[group][:, x], mean[group][:, y] = right.flatten(), up.flatten()
    every = {name: code.repeat(len(names), 1).to(view.device) for name, code in mean.items()}
    label_B = torch.arange(len(names), device=view.device).repeat_interleave(count)
    image_BCHW = view.decoded(every, label_B)
    across = len(names) if len(names) <= FEW else min(ACROSS, math.ceil(len(names) / 2))
    side = max(32, min(64, WIDE // (STEPS * across) - 1))
    blocks = [
        grid(block.reshape(STEPS, STEPS, *block.shape[1:]), title=name, gap=0, smallest=side, largest=side)
        for name, block in zip(names, np.split(image_BCHW, len(names)), strict=True)
    ]
    rows = [beside(*blocks[first : first + across]) for first in range(0, len(blocks), across)]
    more = len(view.split.classes) - len(names)
    ranges = [f"{group}{j} from {ends_2Z[0, j]:.2g} to {ends_2Z[1, j]:.2g}" for j in (x, y)]
    lines = [f"left to right {ranges[0]}; upwards {ranges[1]}: percentiles {BETWEEN[0]} and {BETWEEN[1]} of the codes"]
    if sum(code.shape[1] for code in codes.values()) != 2:
        lines.append("the other latents are at the mean of the codes")
    if more:
        lines.append(f"{more} more classes not shown")
    return noted(stacked(*rows), *lines)
