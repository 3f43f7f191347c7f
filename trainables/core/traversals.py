"""Traversals: what each latent does to one image.

A row moves one latent through values while the others stay at the image's code. A decoder that takes the class gets
the image's label while latents move, and for the reconstruction what ``codes`` says. This module knows nothing of
datasets, files or runs. Letters: B images, N encoded images, R rows, K columns, C channels, H height, W width,
Z latents.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from trainables.core.cells import COLOURS, SMALLEST, beside, compared, grid, stacked
from trainables.core.contract import CLASSES, LOG_VARIANCE, latents

VALUES = tuple(np.linspace(-3.0, 3.0, 11).tolist())
"""Standard deviations of the prior, or of the codes where there is no prior."""
BATCH = 256
"""Images that are decoded at once."""


@dataclass(frozen=True, kw_only=True)
class Latent:
    """One latent, what is known of it, and the unit in which it is moved: value = ``centre`` + ``unit`` · step."""

    group: str
    index: int
    kl: float | None = None
    """Mean KL in nats, where there is a posterior."""
    variance: float | None = None
    """Of the codes, where they are known."""
    centre: float = 0.0
    unit: float = 1.0

    @property
    def name(self) -> str:
        return f"{self.group}{self.index}"

    @property
    def title(self) -> str:
        return self.name if self.kl is None else f"{self.name}  KL {self.kl:.2f}"


@dataclass(frozen=True, kw_only=True)
class Block:
    """Rows of a traversal under one title: at most ``most`` latents, moved to ``values`` (in units of each latent)."""

    latents: Sequence[Latent]
    values: Sequence[float] = VALUES
    title: str = ""
    most: int = 12


def ordered(
    sizes: Mapping[str, int],
    kl_Z: Mapping[str, np.ndarray] | np.ndarray | None = None,
    codes_NZ: Mapping[str, np.ndarray] | None = None,
) -> list[Latent]:
    """The latents of groups of ``sizes``, most informative first: by KL, then those without KL by variance.

    ``kl_Z`` is the mean KL of each latent in nats: one array a group, or one over all groups. ``codes_NZ`` are codes by
    group; a latent that has codes and no KL, so no prior, is moved in standard deviations of its codes from their mean.
    Raises ``ValueError`` when ``kl_Z`` or ``codes_NZ`` does not fit the sizes.
    """
    if kl_Z is not None and not isinstance(kl_Z, Mapping):
        flat, total = np.asarray(kl_Z), sum(sizes.values())
        if flat.shape != (total,):
            raise ValueError(f"KL must have one number for each of the {total} latents, not the shape {flat.shape}.")
        kl_Z = dict(zip(sizes, np.split(flat, np.cumsum(list(sizes.values()))[:-1]), strict=True))
    found = []
    for group, size in sizes.items():
        kl = None if kl_Z is None else kl_Z.get(group)
        codes = None if codes_NZ is None else codes_NZ.get(group)
        if kl is not None and len(kl) != size:
            raise ValueError(f"KL of {group!r} must have {size} numbers, not {len(kl)}.")
        if codes is not None and codes.shape[1] != size:
            raise ValueError(f"Codes of {group!r} must have {size} columns, not {codes.shape[1]}.")
        for j in range(size):
            latent = Latent(group=group, index=j, kl=None if kl is None else float(kl[j]))
            if codes is not None:
                centre, variance = float(codes[:, j].mean()), float(codes[:, j].var())
                latent = replace(latent, variance=variance)
                if kl is None:
                    latent = replace(latent, centre=centre, unit=math.sqrt(variance))
            found.append(latent)
    return sorted(found, key=lambda one: (one.kl is None, -(one.kl or 0.0), -(one.variance or 0.0)))


def traversal_grid(
    method: ModuleType,
    model: nn.ModuleDict,
    image_CHW: Tensor,
    label: Tensor | int | None = None,
    blocks: Sequence[Block] = (),
) -> Image.Image:
    """The original framed red and its reconstruction green at the left; beside them the blocks, one below the other.

    Latents that a block leaves out are counted below it. ``label`` is the class of the image; without it a decoder
    that takes the class gets the most probable one.
    """
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            label_B = None if label is None else torch.as_tensor(label, device=image_CHW.device)[None]
            found = method.codes(model, image_CHW[None], label_B)
            reconstruction = decoded(method, model, without_spread(found), label_B)[0]
            if label_B is None and CLASSES in found:
                label_B = found[CLASSES].argmax(1)
            drawn = [_drawn(method, model, latents(found), label_B, block) for block in blocks]
    finally:
        model.train(training)
    return beside(compared(image_CHW.float().cpu().numpy(), reconstruction), stacked(*drawn))


def without_spread(codes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What a decoder reads of ``codes``: latents and class probabilities."""
    return {name: code for name, code in codes.items() if not name.endswith(LOG_VARIANCE)}


def decoded(
    method: ModuleType, model: nn.ModuleDict, codes: Mapping[str, Tensor], label_B: Tensor | None
) -> np.ndarray:
    """Images in [0, 1], (B, C, H, W), a batch at a time and without gradients."""
    count = len(next(iter(codes.values())))
    parts = []
    with torch.no_grad():
        for start in range(0, count, BATCH):
            rows = slice(start, start + BATCH)
            part = {name: code[rows] for name, code in codes.items()}
            logits_BCHW = method.decode(model, part, None if label_B is None else label_B[rows])
            parts.append(logits_BCHW.float().sigmoid().cpu().numpy())
    return np.concatenate(parts)


def moved(codes: Mapping[str, Tensor], rows: Sequence[Latent], values: Sequence[float]) -> dict[str, Tensor]:
    """One image's codes (1, Z) as R · K codes: in row r, column k the latent ``rows[r]`` is at ``values[k]``."""
    found = {group: code.repeat(len(rows) * len(values), 1) for group, code in codes.items()}
    for index, latent in enumerate(rows):
        code_BZ = found[latent.group]
        steps = torch.tensor(values, dtype=code_BZ.dtype, device=code_BZ.device)
        first = index * len(values)
        code_BZ[first : first + len(values), latent.index] = latent.centre + latent.unit * steps
    return found


def _drawn(
    method: ModuleType, model: nn.ModuleDict, codes: Mapping[str, Tensor], label_B: Tensor | None, block: Block
) -> Image.Image:
    rows, left_out = block.latents[: block.most], block.latents[block.most :]
    code_BZ = moved(codes, rows, block.values)
    count = len(rows) * len(block.values)
    image_BCHW = decoded(method, model, code_BZ, None if label_B is None else label_B.expand(count))
    notes = []
    if left_out:
        known = [latent.kl for latent in left_out if latent.kl is not None]
        smaller = f" (KL at most {max(known):.2f})" if len(known) == len(left_out) else ""
        notes.append(f"{len(left_out)} more not shown{smaller}")
    if any(latent.unit != 1.0 for latent in rows):
        notes.append("without KL: standard deviations of the codes from their mean")
    return grid(
        image_BCHW.reshape(len(rows), len(block.values), *image_BCHW.shape[1:]),
        rows=[latent.title for latent in rows],
        columns=[f"{value:.2g}" for value in block.values],
        title=block.title,
        note="\n".join(notes),
    )


def png(picture: Image.Image, limit: int = 300_000) -> bytes:
    """``picture`` as a PNG of at most ``limit`` bytes: with fewer colours, then smaller, if need be."""
    written = _written(picture)
    while len(written) > limit and max(picture.size) > SMALLEST:
        written = _written(_fewer_colours(picture.convert("RGB")))
        size = (picture.width * 3 // 4, picture.height * 3 // 4)
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return written


def _fewer_colours(picture: Image.Image) -> Image.Image:
    """``picture`` in 256 colours, among them those of frames and letters, which have too few pixels to be chosen."""
    chosen = picture.quantize(256 - len(COLOURS), dither=Image.Dither.NONE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([level for colour in COLOURS for level in colour] + chosen[: 3 * (256 - len(COLOURS))])
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def _written(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
