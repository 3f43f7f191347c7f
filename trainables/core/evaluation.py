"""What a model is worth on held-out data: codes, reconstructions, and every score that method and data allow.

A score asks for arrays by the names of its parameters (``codes_NZ``, ``factors_NF``, ``labels_N``, ``kl_NZ``,
``reconstruction_N``, ``probabilities_NL``, ``codes_by_group``, ``blind_by_group``); it runs where all that have no
default exist with as many rows as it needs, and where its ``WHEN`` says so or it is asked for. The images and the
noise are the same at every evaluation, so two configurations are compared on the same ground. Letters: N images, Z
latents of all groups together, L classes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainables import scores
from trainables.core import contract
from trainables.core.contract import CLASSES, LOG_VARIANCE
from trainables.core.dataset import Dataset
from trainables.core.gaussians import kl as kl_per_latent
from trainables.core.gaussians import reconstruction_per_image, reparameterise
from trainables.core.split import Split

POINTS = 10_000
"""Images that are encoded: what MIG's definition asks for."""

RECONSTRUCTED = 1_000
"""Images that are also decoded, for reconstruction and ELBO: decoding costs twice what encoding does."""

BLIND = 3_000
"""Images that are also encoded under every class: as many passes as there are classes."""

PROBABILITIES = {
    "probabilities_NL": "class probabilities",
    "secondary_probabilities_NL": "class probabilities of the second dataset",
}

BATCH = 128
"""Images a forward pass: larger ones leave the cache of a CPU core."""


class NotFinite(ArithmeticError):
    """The model makes codes or class probabilities of images that are no numbers; the message says which."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Metrics by full name and, for pictures, what they were computed from."""

    metrics: dict[str, float]
    kl: Mapping[str, np.ndarray]
    """Mean KL of each latent by group, nats."""
    codes: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Codes of the encoded images by group, (N, Z of the group)."""
    labels_N: np.ndarray | None = None


def evaluate(
    method: ModuleType,
    model: nn.ModuleDict,
    hp: Any,
    dataset: Dataset,
    device: str = "cpu",
    *,
    part: str = "validation",
    points: int | None = POINTS,
    asked: Collection[str] = (),
    last: bool = True,
    precision: torch.dtype = torch.float32,
) -> Evaluation:
    """Score ``model`` on at most ``points`` images of the split ``part`` of ``dataset``; None takes all.

    Scores that cost much are computed at the ``last`` report of a trial alone, or where one of their metrics is
    ``asked`` for by its full name. A metric for which there are too few images is not given. Networks compute in
    ``precision``. Raises ``NotFinite``.
    """
    split = held_out(dataset, device, part)
    index = chosen(len(split))[:points]
    model.eval()
    reduced = torch.autocast(torch.device(device).type, precision, enabled=precision != torch.float32)
    with torch.no_grad(), reduced:
        arrays = _arrays(method, model, hp, split, index, len(split) if points is None else RECONSTRUCTED)
        if hasattr(method, "secondary_codes") and split.secondary is not None:
            arrays |= _secondary(method, model, split.secondary, points)
    model.train()
    _require_finite(arrays)
    if split.factor_array is not None:
        arrays["factors_NF"] = split.factor_array[index.numpy()]
    if split.label_array is not None:
        arrays["labels_N"] = split.label_array[index.numpy()]
    kl = {group: arrays.pop(f"kl {group}").mean(0) for group in arrays.pop("groups")}
    metrics: dict[str, float] = {}
    for name in scores.names():
        score = scores.load(name)
        if _due(score, asked, last):
            metrics.update(_score(score, arrays))
    codes = arrays.get("codes_by_group", {})
    return Evaluation(metrics=metrics, kl=kl, codes=codes, labels_N=arrays.get("labels_N"))


def held_out(dataset: Dataset, device: str = "cpu", part: str = "validation") -> Split:
    """The split that models are judged by, on ``device``."""
    split = dataset.split(part)
    return split if device == "cpu" else split.to(device)


def chosen(size: int) -> Tensor:
    """All images of a split in a fixed random order: the first ones are those looked at."""
    return torch.randperm(size, generator=torch.Generator().manual_seed(0))


def _arrays(
    method: ModuleType, model: nn.ModuleDict, hp: Any, split: Split, index: Tensor, decoded: int
) -> dict[str, Any]:
    noise = torch.Generator(split.device).manual_seed(0)
    codes: dict[str, list[Tensor]] = {}
    kl: dict[str, list[Tensor]] = {}
    blind: dict[str, list[Tensor]] = {}
    reconstruction: list[Tensor] = []
    told: list[str] = []
    for start in range(0, len(index), BATCH):
        rows = index[start : start + BATCH]
        images = split.images(rows)
        labels = split.labels(rows) if split.classes else None
        found = method.codes(model, images, labels)
        sampled = {CLASSES: found[CLASSES]} if CLASSES in found else {}
        for group, mean in contract.latents(found).items():
            log_variance = found.get(group + LOG_VARIANCE)
            sampled[group] = mean
            if log_variance is not None:
                kl.setdefault(group, []).append(kl_per_latent(mean, log_variance))
                draw = torch.randn(mean.shape, generator=noise, device=mean.device)
                sampled[group] = reparameterise(mean, log_variance, draw)
        for group, code in found.items():
            if not group.endswith(LOG_VARIANCE):
                codes.setdefault(group, []).append(code)
        if labels is not None and not start:
            told = _told(method, model, images, labels, len(split.classes))
        if told and start < BLIND:
            for group, code in _blind(method, model, images, told, len(split.classes)).items():
                blind.setdefault(group, []).append(code)
        if start < decoded and contract.decodes(method):
            logits = method.decode(model, sampled, labels)
            reconstruction.append(reconstruction_per_image(logits, images, hp.likelihood))
    by_group = {group: _numpy(parts) for group, parts in codes.items()}
    arrays: dict[str, Any] = {"groups": list(kl), **{f"kl {group}": _numpy(parts) for group, parts in kl.items()}}
    if CLASSES in by_group:
        arrays["probabilities_NL"] = by_group.pop(CLASSES)
    arrays |= {"codes_by_group": by_group, "codes_NZ": np.concatenate(list(by_group.values()), axis=1)}
    if reconstruction:
        arrays["reconstruction_N"] = _numpy(reconstruction)[:decoded]
    if kl:
        every = np.concatenate([_numpy(parts) for parts in kl.values()], axis=1)
        arrays["kl_NZ"] = every[:decoded]
    if blind:
        arrays["blind_by_group"] = {group: _numpy(parts) for group, parts in blind.items()}
    return arrays


def _require_finite(arrays: Mapping[str, Any]) -> None:
    """A score would refuse them, and not say why they are so."""
    made = {f"codes {group}": codes for group, codes in arrays["codes_by_group"].items()}
    made |= {name: arrays[key] for key, name in PROBABILITIES.items() if key in arrays}
    if odd := [name for name, values in made.items() if not np.isfinite(values).all()]:
        raise NotFinite(f"{', '.join(odd)} of held-out images not finite")


FEW = 8
"""Images that are enough to see whether a group's codes depend on the label."""


def _told(method: ModuleType, model: nn.ModuleDict, images: Tensor, labels: Tensor, classes: int) -> list[str]:
    """The groups that are told the label: their codes are others when it is another."""
    images, labels = images[:FEW], labels[:FEW]
    these, those = (
        contract.latents(method.codes(model, images, each)) for each in (labels, (labels + 1) % max(classes, 1))
    )
    return [group for group, code in these.items() if not torch.equal(code, those[group])]


def _blind(
    method: ModuleType, model: nn.ModuleDict, images: Tensor, told: list[str], classes: int
) -> dict[str, Tensor]:
    """The codes of these groups averaged over all labels: what they know of the class by the image alone."""
    by_label = [
        method.codes(model, images, torch.full((len(images),), label, device=images.device)) for label in range(classes)
    ]
    return {group: sum(found[group] for found in by_label) / classes for group in told}


def _secondary(method: ModuleType, model: nn.ModuleDict, split: Split, points: int | None) -> dict[str, Any]:
    """Class probabilities and labels of the second dataset's images."""
    index = chosen(len(split))[:points]
    probabilities = []
    for start in range(0, len(index), BATCH):
        rows = index[start : start + BATCH]
        found = method.secondary_codes(model, split.images(rows), split.labels(rows))
        probabilities.append(found[CLASSES])
    assert split.label_array is not None, "a second dataset has labels"
    return {
        "secondary_probabilities_NL": _numpy(probabilities),
        "secondary_labels_N": split.label_array[index.numpy()],
    }


def _numpy(parts: list[Tensor]) -> np.ndarray:
    return torch.cat(parts).float().cpu().numpy()


def _due(score: ModuleType, asked: Collection[str], last: bool) -> bool:
    always = score.WHEN == "report" or (score.WHEN == "end" and last)
    return always or any(metric.name in asked for metric in score.GIVES)


def _score(score: ModuleType, arrays: Mapping[str, Any]) -> dict[str, float]:
    # A score of a full grid has a form for encoded rows, which is what a validation split can give.
    function: Callable[..., Mapping[str, float]] = getattr(score, "score_rows", score.score)
    parameters = inspect.signature(function).parameters.values()
    if any(p.name not in arrays for p in parameters if p.default is p.empty):
        return {}
    given = {p.name: arrays[p.name] for p in parameters if p.name in arrays}
    if min(map(_rows, given.values()), default=0) < min(metric.points for metric in score.GIVES):
        return {}
    prefix = score.GIVES[0].name.partition("/")[0]
    found = function(**given)
    return {name: _number(name, value) for name, value in ((f"{prefix}/{key}", v) for key, v in found.items())}


def _number(name: str, value: Any) -> float:
    """What a score gave as a float, which may be NaN or infinite.  Raises ``ValueError`` for what is no number."""
    try:
        if not isinstance(value, str | bytes):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError(f"{name} is {str(value)[:60]!r} ({type(value).__name__}); a metric must be a number.")


def _rows(array: np.ndarray | Mapping[str, np.ndarray]) -> int:
    return min(map(len, array.values()), default=0) if isinstance(array, Mapping) else len(array)
