"""Small models of every method with random weights, and folders of them: for the tests of what is done with a model."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch

import spaces
import trainables
from trainables.core import model_file
from trainables.core.contract import LOG_VARIANCE, InputSpec, hyperparameters, latents
from trainables.core.evaluation import Evaluation

CLASSES = ("left", "middle", "right")
SHAPE = (1, 16, 16)
SMALL = {
    "latents": 3,
    "latents_w": 2,
    "latents_content": 3,
    "hidden": 8,
    "channels": 4,
    "classifier_units": 6,
    "discriminator_units": 6,
    "discriminator_layers": 2,
}


def built(name: str, shape: tuple[int, int, int] = SHAPE, seed: int = 0, **config: Any) -> tuple:
    """(method, hyperparameters, spec, modules) of a small model."""
    method = trainables.method(name)
    fields = {field.name for field in dataclasses.fields(method.Hyperparameters)}
    hp = hyperparameters(method, {k: v for k, v in SMALL.items() if k in fields} | config, 1000)
    second = InputSpec(shape=(1, 12, 12), classes=3) if "secondary" in spaces.needs(name) else None
    spec = InputSpec(shape=shape, classes=len(CLASSES), secondary=second)
    torch.manual_seed(seed)
    return method, hp, spec, method.build(hp, spec)


def images(shape: tuple[int, int, int] = SHAPE, count: int = 5) -> torch.Tensor:
    """(B, C, H, W) in [0, 1]."""
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(1))


def labels(count: int = 5) -> torch.Tensor:
    return torch.arange(count) % len(CLASSES)


def evaluation(method: Any, modules: Any, shape: tuple[int, int, int] = SHAPE) -> Evaluation:
    """Codes of a few images, and a KL that grows with the number of the latent where there is a posterior."""
    with torch.no_grad():
        found = method.codes(modules, images(shape, 16), labels(16))
    codes = {group: code.numpy() for group, code in latents(found).items()}
    kl = {g: np.arange(c.shape[1], dtype=float) for g, c in codes.items() if g + LOG_VARIANCE in found}
    return Evaluation(metrics={"val/elbo": -1.5}, kl=kl, codes=codes)


def written(folder: Path, name: str, shape: tuple[int, int, int] = SHAPE, seed: int = 0, **config: Any) -> Path:
    """The folder of a small model."""
    method, hp, spec, modules = built(name, shape, seed, **config)
    model_file.write(
        folder,
        method=name,
        hp=hp,
        modules=modules,
        spec=spec,
        classes=CLASSES,
        data={"name": "digits", "options": {"size": 16}, "subset": {}, "secondary": None},
        teasel="0.0.0",
        evaluation=evaluation(method, modules, shape),
        about={"sweep": "look", "trial": 4, "seed": 0, "metrics": {"val/elbo": -1.5, "score/mig": float("nan")}},
    )
    return folder
