"""Failure conditions with names: what can be wrong with a model whose loss looks fine.

``measured`` puts a number on each that a method and its data allow; above its ``limit`` the condition is met. The
numbers travel as metrics ``condition/NAME``, so a search may be constrained by them. Importing this module imports
no torch. Legend: Z latents, L classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from trainables.core.evaluation import Evaluation

PREFIX = "condition/"
"""What a condition's metric begins with."""

ACTIVE = 0.01
"""A latent whose mean KL exceeds this many nats is active; as in ``scores.elbo``."""

OUT_OF_MEMORY = "out_of_memory"
"""What ended a trial whose device had no memory left; no measurement, and nothing to constrain a search by."""

DISCRIMINATOR = "discriminator"
"""The player whose cross-entropy tells two classes of equal size apart: at chance it is ln 2 nats."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One way to fail."""

    name: str
    limit: float
    """Above it the condition is met, unless a sweep says another limit."""
    says: str
    """What it means in words, with ``{value}``."""
    needs: tuple[str, ...] = ()
    """As ``scores.Metric.needs``; methods also give ``capacity``, ``class_free`` and ``discriminator``."""

    @property
    def metric(self) -> str:
        return PREFIX + self.name


CONDITIONS: Mapping[str, Condition] = {
    condition.name: condition
    for condition in (
        Condition(
            name="collapsed",
            limit=0.0,
            says="collapsed: no latent is active (KL above 0.01 nats)",
            needs=("posterior",),
        ),
        Condition(
            name="dead_latents",
            limit=0.5,
            says="dead latents: {value:.0%} have a KL of at most 0.01 nats",
            needs=("posterior",),
        ),
        Condition(
            name="off_capacity",
            limit=1.0,
            says="KL off its capacity by {value:.3g} nats",
            needs=("posterior", "capacity"),
        ),
        Condition(
            name="leak",
            limit=0.5,
            says="class leaks: a linear probe goes {value:.0%} of the way from chance to certainty",
            needs=("labels", "class_free"),
        ),
        Condition(
            name="discriminator_at_chance",
            limit=0.995,
            says="discriminator at chance: its loss is {value:.1%} of ln 2",
            needs=("discriminator",),
        ),
        Condition(
            name="discriminator_saturated",
            limit=0.95,
            says="discriminator saturated: its loss is {value:.0%} below ln 2",
            needs=("discriminator",),
        ),
        Condition(name="diverged", limit=0.0, says="diverged: a loss was no longer finite"),
    )
}
"""By name. ``diverged`` is no measurement: such a trial ends at once, and the search is told."""


def measured(
    method: ModuleType, hp: Any, step: int, losses: Mapping[str, float], evaluation: Evaluation
) -> dict[str, float]:
    """The metrics ``condition/NAME`` of a model after ``step`` steps; those that cannot be told are left out.

    ``losses`` are the means of the training losses since the last report, by player and part.
    """
    found: dict[str, float] = {}
    if evaluation.kl:
        kl_Z = np.concatenate([np.asarray(kl) for kl in evaluation.kl.values()])
        dead = float((kl_Z <= ACTIVE).mean())
        found |= {"collapsed": float(dead == 1.0), "dead_latents": dead}
    if hasattr(method, "capacities") and (capacities := method.capacities(hp)):
        found["off_capacity"] = max(
            abs(float(evaluation.kl[group].sum()) - capacity.end * min(1.0, step / max(capacity.steps, 1)))
            for group, capacity in capacities.items()
        )
    leaks = [
        _above_chance(evaluation.metrics[f"probe/{group}"], evaluation.labels_N)
        for group in getattr(method, "CLASS_FREE", ())
        if f"probe/{group}" in evaluation.metrics and evaluation.labels_N is not None
    ]
    if leaks:
        found["leak"] = max(leaks)
    if DISCRIMINATOR in losses:
        share = losses[DISCRIMINATOR] / math.log(2)
        found |= {"discriminator_at_chance": share, "discriminator_saturated": 1.0 - share}
    return {PREFIX + name: value for name, value in found.items()}


def _above_chance(accuracy: float, labels_N: np.ndarray) -> float:
    """How far an accuracy goes from that of always naming the largest class (0) to 1; below chance counts 0."""
    chance = float(np.bincount(labels_N).max() / len(labels_N))
    return max(0.0, (accuracy - chance) / (1.0 - chance)) if chance < 1.0 else 0.0


def met(metrics: Mapping[str, float], limits: Mapping[str, float] | None = None) -> list[str]:
    """What ``metrics`` say is wrong, in words; ``limits`` replace conditions' own by name."""
    said = []
    for name, condition in CONDITIONS.items():
        value = metrics.get(condition.metric)
        if value is not None and value > (limits or {}).get(name, condition.limit):
            said.append(condition.says.format(value=value))
    return said
