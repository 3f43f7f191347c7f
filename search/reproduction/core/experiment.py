"""One experiment: a configuration trained under some seeds, and a measure of what came out.

Plain values, so that an experiment travels to another process and its record is found again by its contents. This
module imports torch where it trains.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.core.dataset import Source

if TYPE_CHECKING:
    from types import ModuleType

    from torch import nn

    from trainables.core.dataset import Dataset


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a table is run."""

    full: bool = False
    """The report's own size, for a GPU, instead of one that two cores finish."""
    seeds: tuple[int, ...] = ()
    data_root: str | None = None
    device: str = "cpu"
    storage: Path = Path("results")
    """Where sweeps lie that a table needs."""
    workers: int = 2


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """``method`` with ``config`` trained for ``steps`` steps on ``source``, once for each of ``seeds``."""

    row: str
    """Which row of the table it belongs to."""
    method: str
    source: Source
    steps: int
    seeds: tuple[int, ...]
    """More than one where the measure compares models with each other."""
    measure: str
    """The function in ``measures`` that is given the trained models, and returns numbers by name."""
    config: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What else the measure is given."""

    @property
    def seed(self) -> int:
        """The first seed: what replicates are told apart by."""
        return self.seeds[0]

    @property
    def key(self) -> str:
        """Its identity: whatever changes the numbers changes it."""
        said = {name: value for name, value in asdict(self).items() if name != "row"}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A model with all that a measure may ask of it."""

    method: ModuleType
    model: nn.ModuleDict
    hp: Any
    dataset: Dataset
    losses: Mapping[str, float]
    """The mean of each recorded part over the last tenth of the steps."""
    seed: int
    device: str


def perform(experiment: Experiment, data_root: str | None, device: str) -> dict[str, Any]:
    """Train and measure; the experiment's record.  Raises what training and measuring raise."""
    import torch

    torch.set_num_threads(1)
    begun = time.monotonic()
    models = [_train(experiment, seed, data_root, device) for seed in experiment.seeds]
    trained = time.monotonic()
    measure = getattr(importlib.import_module("search.reproduction.core.measures"), experiment.measure)
    values = measure(models, **experiment.arguments)
    return {
        "key": experiment.key,
        "row": experiment.row,
        "seed": experiment.seed,
        "values": {name: float(value) for name, value in values.items()},
        "seconds": {"training": round(trained - begun, 1), "measuring": round(time.monotonic() - trained, 1)},
    }


def _train(experiment: Experiment, seed: int, data_root: str | None, device: str) -> Trained:
    import trainables
    from trainables.core.contract import hyperparameters
    from trainables.core.dataset import open_source
    from trainables.core.training import Training

    method = trainables.method(experiment.method)
    hp = hyperparameters(method, experiment.config, experiment.steps)
    dataset = open_source(experiment.source, data_root=data_root)
    training = Training(method, hp, dataset.split("train").to(device), seed=seed)
    training.advance(max(1, experiment.steps * 9 // 10))
    losses = training.advance(experiment.steps)
    return Trained(method=method, model=training.model, hp=hp, dataset=dataset, losses=losses, seed=seed, device=device)
