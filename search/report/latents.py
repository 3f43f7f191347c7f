"""What checkpoints keep of a model's latents, so that models can be compared: codes, KL and strips.

Reads the files of a sweep's folder; knows nothing of Ray, MLflow or Optuna. Letters: N images, Z latents.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from search.history import Trial
from search.report.matching import Match, matched
from trainables.core.comparable import CODES, COLUMNS, KL, STRIPS
from trainables.core.conditions import ACTIVE
from trainables.core.storage import Place, Where, place

if TYPE_CHECKING:
    from PIL import Image

BIGGEST = 32_000_000
"""Bytes of a file that is still read."""
PIXELS = 20_000_000
"""Pixels of a picture at most."""


@dataclass(frozen=True, kw_only=True)
class Latents:
    """The latents of a trial at a step, those of all groups together."""

    trial: Trial
    step: int
    names: Sequence[str]
    """``z0``, ``z1``, …: group and number."""
    codes_NZ: np.ndarray
    kl_Z: np.ndarray
    """Mean KL in nats, NaN where there is no posterior."""
    strips: Image.Image

    def title(self, index: int) -> str:
        """``z3``, and its KL where it has one."""
        kl = self.kl_Z[index]
        return self.names[index] if np.isnan(kl) else f"{self.names[index]}, KL {kl:.2f}"

    def dead(self, index: int) -> bool:
        """Whether a latent says nothing of the images."""
        kl = self.kl_Z[index]
        return bool(np.ptp(self.codes_NZ[:, index]) == 0.0 if np.isnan(kl) else kl <= ACTIVE)

    @cached_property
    def order(self) -> list[int]:
        """The latents by their KL, or their variance where there is none, most informative first."""
        weight_Z = np.where(np.isnan(self.kl_Z), self.codes_NZ.var(0), self.kl_Z)
        return sorted(range(len(self.names)), key=lambda z: (bool(np.isnan(self.kl_Z[z])), -float(weight_Z[z]), z))

    def strip(self, index: int, *, mirrored: bool = False) -> Image.Image:
        """The traversal of one latent; ``mirrored`` from its largest value to its smallest."""
        from PIL import Image

        # A picture that was too large for a checkpoint has been made smaller, and its rows need not be whole pixels.
        edges = [round(i * self.strips.height / len(self.names)) for i in range(len(self.names) + 1)]
        row = self.strips.crop((0, edges[index], self.strips.width, edges[index + 1]))
        if not mirrored:
            return row
        sides = [round(i * row.width / COLUMNS) for i in range(COLUMNS + 1)]
        turned, x = Image.new(row.mode, row.size), 0
        for left, right in zip(sides[-2::-1], sides[:0:-1], strict=True):
            turned.paste(row.crop((left, 0, right, row.height)), (x, 0))
            x += right - left
        return turned


def latents(folder: Where, trial: Trial) -> Latents | None:
    """Those of a trial's last report that has them, below the sweep's ``folder``; None where none has."""
    for report in reversed(trial.reports):
        found = None if report.checkpoint is None else _read(folder, report.checkpoint, trial, report.step)
        if found is not None:
            return found
    return None


def _read(folder: Where, checkpoint: str, trial: Trial, step: int) -> Latents | None:
    from PIL import Image
    from safetensors import SafetensorError
    from safetensors.numpy import load

    codes, strips = inside(folder, f"{checkpoint}/{CODES}"), inside(folder, f"{checkpoint}/{STRIPS}")
    if codes is None or strips is None:
        return None
    try:
        stored = load(codes.read())
        with Image.open(io.BytesIO(strips.read()), formats=("PNG",)) as file:
            if file.width * file.height > PIXELS:
                return None
            picture = file.convert("L" if file.mode == "L" else "RGB")
    except (OSError, ValueError, KeyError, SyntaxError, SafetensorError, Image.DecompressionBombError):
        return None
    if not _belong(stored):
        return None
    # Strips have their groups in this order.
    groups = sorted(name for name in stored if not name.startswith(KL))
    sizes = {group: stored[group].shape[1] for group in groups}
    unknown = {group: np.full(size, np.nan) for group, size in sizes.items()}
    return Latents(
        trial=trial,
        step=step,
        names=[f"{group}{index}" for group, size in sizes.items() for index in range(size)],
        codes_NZ=np.concatenate([stored[group] for group in groups], axis=1),
        kl_Z=np.concatenate([stored.get(KL + group, unknown[group]) for group in groups]),
        strips=picture,
    )


def _belong(stored: Mapping[str, np.ndarray]) -> bool:
    """Whether these are codes of the same images and KL of the same latents, as training wrote them."""
    codes = {name: values for name, values in stored.items() if not name.startswith(KL)}
    return (
        bool(codes)
        and all(values.dtype == np.float32 for values in stored.values())
        and all(values.ndim == 2 and values.size for values in codes.values())
        and len({len(values) for values in codes.values()}) == 1
        and all(stored[KL + name].shape == (v.shape[1],) for name, v in codes.items() if KL + name in stored)
    )


def inside(folder: Where, path: str) -> Place | None:
    """A file that the ledger names, or None if it is gone, huge, or not below the sweep's folder."""
    file = place(folder).within(path)
    size = None if file is None else file.size()
    return file if size is not None and size <= BIGGEST else None


# -- several trials -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """The latents of several trials beside those of the first."""

    trials: Sequence[Latents]
    rows: Sequence[int]
    """The first one's latents that are shown, most informative first."""
    matches: Sequence[dict[int, Match]]
    """Of each trial but the first, the match of each of the first one's latents that has one."""
    unmatched: Sequence[list[int]]
    """Of each trial but the first, the latents that say something and have no partner."""


def aligned(trials: Sequence[Latents]) -> Alignment:
    """Match the latents of all trials to those of the first; a pair that says nothing in both models is left out.

    Raises ``ValueError`` unless all encoded the same number of images.
    """
    first, *others = trials
    matches = []
    for other in others:
        found = {match.one: match for match in matched(first.codes_NZ, other.codes_NZ)}
        matches.append({z: m for z, m in found.items() if not (first.dead(z) and other.dead(m.other))})
    rows = [z for z in first.order if not first.dead(z) or any(z in found for found in matches)]
    unmatched = []
    for other, found in zip(others, matches, strict=True):
        taken = {match.other for match in found.values()}
        unmatched.append([v for v in other.order if v not in taken and not other.dead(v)])
    return Alignment(trials=trials, rows=rows, matches=matches, unmatched=unmatched)
