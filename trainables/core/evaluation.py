"""What a model is worth on validation data: codes, reconstructions, and every score that the data allow.

A score asks for arrays by the names of its parameters (``codes_NZ``, ``factors_NF``, ``labels_N``, ``kl_NZ``,
``reconstruction_N``); it runs where all of them exist. The images and the noise are the same at every evaluation, so
two configurations are compared on the same ground. Letters: N images, Z latents of all groups together.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from trainables import scores
from trainables.core.contract import LOG_VARIANCE
from trainables.core.dataset import Dataset, Split
from trainables.core.gaussians import kl as kl_per_latent
from trainables.core.gaussians import reconstruction_per_image, reparameterise
from trainables.core.traversals import traversal_grid

POINTS = 10_000
"""Images that are encoded: what MIG's definition asks for."""

RECONSTRUCTED = 2_000
"""Images that are also decoded, for reconstruction and ELBO: decoding costs twice what encoding does."""

BATCH = 256
"""Images a forward pass: larger ones leave the cache of a CPU core."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Metrics by full name, and the mean KL of each latent by group, nats."""

    metrics: dict[str, float]
    kl: Mapping[str, np.ndarray]


def evaluate(method: ModuleType, model: nn.ModuleDict, hp: Any, dataset: Dataset, device: str = "cpu") -> Evaluation:
    """Score ``model`` on the validation split of ``dataset``."""
    split = _validation(dataset, device)
    index = _index(len(split))
    model.eval()
    with torch.no_grad():
        arrays = _arrays(method, model, hp, split, index)
    model.train()
    if split.factor_array is not None:
        arrays["factors_NF"] = split.factor_array[index.numpy()]
    if split.label_array is not None:
        arrays["labels_N"] = split.label_array[index.numpy()]
    kl = {group: arrays.pop(f"kl {group}").mean(0) for group in arrays.pop("groups")}
    metrics: dict[str, float] = {}
    for name in scores.names():
        metrics.update(_score(scores.load(name), arrays))
    return Evaluation(metrics=metrics, kl=kl)


def traversal(
    method: ModuleType,
    model: nn.ModuleDict,
    dataset: Dataset,
    evaluation: Evaluation,
    device: str = "cpu",
) -> Image.Image:
    """The traversal grid of one validation image, the same for every model."""
    split = _validation(dataset, device)
    first = _index(len(split))[:1]
    label = split.labels(first)[0] if split.classes else None
    model.eval()
    picture = traversal_grid(method, model, split.images(first)[0], label, evaluation.kl)
    model.train()
    return picture


def _validation(dataset: Dataset, device: str) -> Split:
    split = dataset.split("validation")
    return split if device == "cpu" else split.to(device)


def _index(size: int) -> Tensor:
    """A fixed choice of at most ``POINTS`` images, in random order."""
    return torch.randperm(size, generator=torch.Generator().manual_seed(0))[:POINTS]


def _arrays(method: ModuleType, model: nn.ModuleDict, hp: Any, split: Split, index: Tensor) -> dict[str, Any]:
    noise = torch.Generator(split.device).manual_seed(0)
    codes: dict[str, list[Tensor]] = {}
    kl: dict[str, list[Tensor]] = {}
    reconstruction: list[Tensor] = []
    for start in range(0, len(index), BATCH):
        rows = index[start : start + BATCH]
        images = split.images(rows)
        labels = split.labels(rows) if split.classes else None
        found = method.codes(model, images, labels)
        sampled: dict[str, Tensor] = {}
        for group in [g for g in found if not g.endswith(LOG_VARIANCE)]:
            mean, log_variance = found[group], found.get(group + LOG_VARIANCE)
            codes.setdefault(group, []).append(mean)
            sampled[group] = mean
            if log_variance is not None:
                kl.setdefault(group, []).append(kl_per_latent(mean, log_variance))
                draw = torch.randn(mean.shape, generator=noise, device=mean.device)
                sampled[group] = reparameterise(mean, log_variance, draw)
        if start < RECONSTRUCTED:
            logits = method.decode(model, sampled, labels)
            reconstruction.append(reconstruction_per_image(logits, images, hp.likelihood))
    arrays: dict[str, Any] = {
        "codes_NZ": np.concatenate([_numpy(parts) for parts in codes.values()], axis=1),
        "reconstruction_N": _numpy(reconstruction),
        "groups": list(kl),
        **{f"kl {group}": _numpy(parts) for group, parts in kl.items()},
    }
    if kl:
        every = np.concatenate([_numpy(parts) for parts in kl.values()], axis=1)
        arrays["kl_NZ"] = every[: len(arrays["reconstruction_N"])]
    return arrays


def _numpy(parts: list[Tensor]) -> np.ndarray:
    return torch.cat(parts).cpu().numpy()


def _score(score: ModuleType, arrays: Mapping[str, Any]) -> dict[str, float]:
    # A score of a full grid has a form for encoded rows, which is what a validation split can give.
    function = getattr(score, "score_rows", score.score)
    parameters = inspect.signature(function).parameters.values()
    asked = [p.name for p in parameters if p.default is p.empty]
    if any(name not in arrays for name in asked):
        return {}
    prefix = score.GIVES[0].name.partition("/")[0]
    found = function(**{name: arrays[name] for name in asked})
    return {f"{prefix}/{key}": float(value) for key, value in found.items()}
