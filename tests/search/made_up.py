"""Made-up models: the files by which checkpoints are compared, with latents whose partners are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

from search.folder import Folder
from trainables.core.comparable import CODES, COLUMNS, KL, STRIPS

IMAGES, SIDE = 300, 8


def causes(count: int = 6) -> np.ndarray:
    """What made the images, (N, count): the codes of every model here are monotone functions of it."""
    return np.random.default_rng(0).normal(size=(IMAGES, count)).astype(np.float32)


def model(folder: Path, groups: Mapping[str, Sequence[int]], kl: Mapping[str, Sequence[float]] | None = None) -> None:
    """A checkpoint whose latent j of group g follows cause ``|g[j]| - 1``, and falls where ``g[j]`` is negative.

    0 is a dead latent. Row r of the strips is a ramp of grey from ``10 · r`` on, one step a column.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cause = causes()
    stored = {}
    for group, signs in groups.items():
        columns = [np.sign(s) * cause[:, abs(s) - 1] ** 3 if s else np.zeros(IMAGES, np.float32) for s in signs]
        stored[group] = np.ascontiguousarray(np.stack(columns, axis=1), np.float32)
        if kl is None or group in kl:
            found = [3.0 - 0.1 * abs(s) if s else 0.0 for s in signs] if kl is None else kl[group]
            stored[KL + group] = np.asarray(found, np.float32)
    save_file(stored, folder / CODES)
    rows = sum(map(len, groups.values()))
    grey = 10 * np.arange(rows)[:, None] + np.arange(COLUMNS)[None]
    Image.fromarray(grey.astype(np.uint8).repeat(SIDE, 0).repeat(SIDE, 1)).save(folder / STRIPS)


def furnish(place: Folder, **more: Sequence[int]) -> None:
    """Give every trial of a sweep's ledger a model at its last report; ``trial_003=[…]`` says one's latents."""
    for trial in place.history().trials:
        if trial.reports and trial.reports[-1].checkpoint:
            signs = more.get(f"trial_{trial.number:03d}", [1, 2, 3, 0])
            model(place.path / trial.reports[-1].checkpoint, {"z": signs})
