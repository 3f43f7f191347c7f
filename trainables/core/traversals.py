"""Traversal pictures: what each latent does to one image.

A row moves one latent through ``values`` while the others stay at the image's posterior mean. This
module knows nothing of datasets, files or runs. Letters: B decoded images, C channels, H height, W
width, Z latents.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor, nn

from trainables.core.contract import LOG_VARIANCE

VALUES = tuple(np.linspace(-3.0, 3.0, 11).tolist())
"""Standard deviations of the prior."""
RED, GREEN, INK, FAINT, PAPER = (208, 32, 32), (24, 144, 56), (30, 30, 30), (120, 120, 120), "white"
GAP, FRAME, LINE, MARGIN = 2, 3, 16, 8
SMALLEST, LARGEST = 48, 96
"""Limits of a cell's side in pixels."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, kw_only=True)
class _Row:
    group: str
    latent: int
    kl: float | None

    @property
    def title(self) -> str:
        name = f"{self.group}{self.latent}"
        return name if self.kl is None else f"{name}  KL {self.kl:.2f}"


def traversal_grid(
    method: ModuleType,
    model: nn.ModuleDict,
    image_CHW: Tensor,
    label: Tensor | int | None = None,
    kl_Z: Mapping[str, np.ndarray] | np.ndarray | None = None,
    *,
    values: Sequence[float] = VALUES,
    rows: int = 12,
) -> Image.Image:
    """A picture of latents ordered by KL (rows) at each of ``values`` (columns).

    At the left the original is framed red and its reconstruction green. ``kl_Z`` is the mean KL of
    each latent in nats: an array over the groups of ``codes`` one after the other, or one array a
    group. Without it (or for a group it lacks) latents come last, in their own order. At most
    ``rows`` are drawn; a line says how many were left out.  Raises ``ValueError`` when ``kl_Z``
    does not fit the codes.
    """
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            label_B = None if label is None else torch.as_tensor(label, device=image_CHW.device)[None]
            found = method.codes(model, image_CHW[None], label_B)
            groups = {k: code for k, code in found.items() if not k.endswith(LOG_VARIANCE)}
            ordered = _ordered(groups, kl_Z)
            image_BCHW = _decoded(method, model, groups, label_B, ordered[:rows], values)
    finally:
        model.train(training)
    reconstruction, cells = image_BCHW[0], image_BCHW[1:]
    return _draw(image_CHW.float().cpu().numpy(), reconstruction, cells, ordered, values, rows)


def png(picture: Image.Image, limit: int = 300_000) -> bytes:
    """``picture`` as a PNG of at most ``limit`` bytes: with fewer colours, then smaller, if need be."""
    written = _written(picture)
    while len(written) > limit and max(picture.size) > SMALLEST:
        written = _written(picture.convert("RGB").quantize(256, dither=Image.Dither.NONE))
        size = (picture.width * 3 // 4, picture.height * 3 // 4)
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return written


def _written(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def _ordered(groups: Mapping[str, Tensor], kl_Z: Mapping[str, np.ndarray] | np.ndarray | None) -> list[_Row]:
    sizes = {name: code.shape[1] for name, code in groups.items()}
    if kl_Z is not None and not isinstance(kl_Z, Mapping):
        flat = np.asarray(kl_Z)
        if flat.shape != (sum(sizes.values()),):
            raise ValueError(
                f"KL must have one number for each of the {sum(sizes.values())} latents, not the shape {flat.shape}."
            )
        ends = np.cumsum(list(sizes.values()))[:-1]
        kl_Z = dict(zip(sizes, np.split(flat, ends), strict=True))
    rows = []
    for name, size in sizes.items():
        known = None if kl_Z is None else kl_Z.get(name)
        if known is not None and len(known) != size:
            raise ValueError(f"KL of {name!r} must have {size} numbers, not {len(known)}.")
        rows += [_Row(group=name, latent=j, kl=None if known is None else float(known[j])) for j in range(size)]
    return sorted(rows, key=lambda row: math.inf if row.kl is None else -row.kl)


def _decoded(
    method: ModuleType,
    model: nn.ModuleDict,
    groups: Mapping[str, Tensor],
    label_B: Tensor | None,
    rows: Sequence[_Row],
    values: Sequence[float],
) -> np.ndarray:
    """The reconstruction, then each row's images: (1 + rows · values, C, H, W) in [0, 1]."""
    count = 1 + len(rows) * len(values)
    moved = {name: code.repeat(count, 1) for name, code in groups.items()}
    for index, row in enumerate(rows):
        first = 1 + index * len(values)
        code_BZ = moved[row.group]
        steps = torch.tensor(values, dtype=code_BZ.dtype, device=code_BZ.device)
        code_BZ[first : first + len(values), row.latent] = steps
    labels = None if label_B is None else label_B.expand(count)
    logits_BCHW = method.decode(model, moved, labels)
    return logits_BCHW.float().sigmoid().cpu().numpy()


def _draw(
    original: np.ndarray,
    reconstruction: np.ndarray,
    cells: np.ndarray,
    ordered: Sequence[_Row],
    values: Sequence[float],
    rows: int,
) -> Image.Image:
    drawn, font = ordered[:rows], _font(11)
    first = _cell(original)
    side_x, side_y = first.width, first.height
    step_x, step_y = side_x + GAP, side_y + GAP
    titles = max([font.getlength(row.title) for row in drawn], default=0.0)
    panel = MARGIN + max(side_x + 2 * FRAME, math.ceil(font.getlength("reconstruction"))) + MARGIN
    left = panel + math.ceil(titles) + MARGIN
    top = MARGIN + LINE
    below = 2 * (LINE + side_y + 2 * FRAME) + GAP
    left_out = len(ordered) - len(drawn)
    height = max(top + len(drawn) * step_y + (LINE if left_out else 0), MARGIN + below) + MARGIN
    picture = Image.new("RGB", (left + len(values) * step_x + MARGIN, height), PAPER)
    pen = ImageDraw.Draw(picture)
    y = MARGIN
    for title, cell, colour in (
        ("original", first, RED),
        ("reconstruction", _cell(reconstruction), GREEN),
    ):
        pen.text((MARGIN, y), title, colour, font)
        corner = (MARGIN, y + LINE)
        end = (MARGIN + side_x + 2 * FRAME - 1, y + LINE + side_y + 2 * FRAME - 1)
        pen.rectangle((*corner, *end), outline=colour, width=FRAME)
        picture.paste(cell, (corner[0] + FRAME, corner[1] + FRAME))
        y += LINE + side_y + 2 * FRAME + GAP
    for column, value in enumerate(values):
        centre = left + column * step_x + side_x // 2
        pen.text((centre, MARGIN), f"{value:.2g}", FAINT, font, anchor="ma")
    for index, row in enumerate(drawn):
        y = top + index * step_y
        pen.text((left - MARGIN // 2, y + side_y // 2), row.title, INK, font, anchor="rm")
        for column in range(len(values)):
            picture.paste(_cell(cells[index * len(values) + column]), (left + column * step_x, y))
    if left_out:
        text = f"{left_out} more not shown" + _smaller(ordered[rows:])
        pen.text((left, top + len(drawn) * step_y), text, FAINT, font)
    return picture


def _smaller(left_out: Sequence[_Row]) -> str:
    known = [row.kl for row in left_out if row.kl is not None]
    return f" (KL at most {max(known):.2f})" if len(known) == len(left_out) else ""


def _cell(image_CHW: np.ndarray) -> Image.Image:
    """The image as RGB, enlarged by a whole factor or shrunk to the limits of a cell."""
    pixels_HWC = (image_CHW.clip(0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0)
    if pixels_HWC.shape[2] != 3:
        pixels_HWC = pixels_HWC[:, :, :1].repeat(3, axis=2)
    cell = Image.fromarray(pixels_HWC)
    longer = max(cell.size)
    if longer < SMALLEST:
        times = math.ceil(SMALLEST / longer)
        return cell.resize((cell.width * times, cell.height * times), Image.Resampling.NEAREST)
    if longer > LARGEST:
        cell.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    return cell


def _fitted(text: str, width: float, font: Font) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def _font(size: int) -> Font:
    return ImageFont.load_default(size)
