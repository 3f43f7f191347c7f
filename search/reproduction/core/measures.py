"""What is measured of trained models: functions of a list of ``Trained``, which give numbers by name.

Where a measure fits something (a probe, a judge), it fits on training or validation images and tests on test images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from search.reproduction.core.experiment import Trained
from trainables.core.evaluation import evaluate
from trainables.core.split import ALL
from trainables.scores import udr

Numbers = Mapping[str, float]


def tested(models: Sequence[Trained], *, part: str = "test") -> dict[str, float]:
    """Every metric that the model gives, on all images of a split, and the losses at the end of training.

    ``reach/GROUP`` is the 95th percentile of the size of the group's codes, ``kl/GROUP`` its KL in nats.
    """
    (one,) = models
    found = evaluate(one.method, one.model, one.hp, one.dataset, one.device, part=part, points=None)
    reach = {f"reach/{group}": float(np.quantile(np.abs(codes), 0.95)) for group, codes in found.codes.items()}
    kl = {f"kl/{group}": float(kl_Z.sum()) for group, kl_Z in found.kl.items()}
    return {**found.metrics, **reach, **kl, **{f"train/{name}": value for name, value in one.losses.items()}}


def leakage(models: Sequence[Trained], *, hidden: Sequence[int] = ()) -> dict[str, float]:
    """``tested``, and what probes find of the class in each group of codes."""
    from trainables.protocols import leakage as leaks

    (one,) = models
    found = leaks.leakage(one.method, one.model, one.dataset, one.device, seed=one.seed, hidden=tuple(hidden))
    return {**tested(models), **{f"leak/{name}": value for name, value in found.items()}}


def swap(models: Sequence[Trained], *, pairs: int = 96) -> dict[str, float]:
    """``tested``, and how often a swapped image is judged to be what it should be."""
    from trainables.protocols import swap as swaps

    (one,) = models
    found = swaps.swap_success(
        one.method, one.model, one.dataset, _judges(one.dataset.file.path, one.device), pairs=pairs, seed=one.seed
    )
    return {**tested(models), **{f"swap/{name}": value for name, value in found.items()}}


@lru_cache(maxsize=1)
def _judges(path: Path, device: str) -> Any:
    """The same two judges for every model of a process: they look at real images alone."""
    from trainables.core.dataset import Dataset
    from trainables.core.prepared import read
    from trainables.protocols import swap as swaps

    return swaps.train_judges(Dataset(read(path)), seed=0, device=device)


def agreement(models: Sequence[Trained], *, images: int = 1000) -> dict[str, float]:
    """Means over the models of ``tested``, and their UDR on test images."""
    means: dict[str, list[float]] = {}
    codes, kl = [], []
    for one in models:
        for name, value in tested([one]).items():
            means.setdefault(name, []).append(value)
        found = evaluate(one.method, one.model, one.hp, one.dataset, one.device, part="test", points=images)
        codes.append(found.codes["z"])
        kl.append(found.kl["z"])
    each = udr.score(codes, kl)
    return {**{name: float(np.mean(values)) for name, values in means.items()}, **each}


def factors(models: Sequence[Trained]) -> dict[str, float]:
    """Every score on 10,000 images of the whole grid, which is how the studies measure rendered data."""
    (one,) = models
    found = evaluate(one.method, one.model, one.hp, one.dataset, one.device, part=ALL)
    return {**found.metrics, **{f"train/{name}": value for name, value in one.losses.items()}}


def analogy(models: Sequence[Trained], *, problems: int = 1000) -> dict[str, float]:
    """``factors``, and how many analogy problems whose answer is not the question are solved in latent space."""
    from trainables.core import programs
    from trainables.protocols import analogy as analogies

    (one,) = models
    asked = [p for p in programs.problems(2 * problems, seed=one.seed) if p.answer != p.question][:problems]
    found = analogies.analogy(one.method, one.model, one.dataset, asked, one.device)
    return {**factors(models), **{f"analogy/{name}": value for name, value in found.items()}}
