"""The contract of a method: the names a file in ``trainables/`` defines, and the values that pass between them.

A method module has ``Hyperparameters``, ``build``, ``draw``, ``losses`` and ``codes``. It may have ``decode`` (without
it nothing is reconstructed), ``optimizers``, ``secondary_codes`` (the codes of the second dataset's images),
``PICTURES`` (names of ``trainables.pictures``), ``capacities`` (the ``Ramp`` that each group's KL should follow, by
group) and ``CLASS_FREE`` (groups that should not know the class). Everything random is in ``draw``; ``losses`` is a
pure function of tensors, called under autocast where networks compute in bfloat16: what it makes of their outputs it
computes in float32, by sums and elementwise products, for autocast rounds matrix products. This module knows nothing
about optimisation, datasets, Ray or any particular method.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """What a model is built for."""

    shape: tuple[int, int, int]
    """(C, H, W) of the images."""
    classes: int = 0
    """How many classes the labels have; 0 where there are no labels."""
    secondary: InputSpec | None = None
    """The same of the second dataset, where there is one."""


@dataclass(frozen=True, kw_only=True)
class Ramp:
    """A hyperparameter that grows linearly from 0 to ``end`` over the first ``steps`` training steps.

    ``C(t) = end · min(1, t / steps)``, Burgess et al. 2018 (arXiv 1804.03599), section 5.
    """

    end: float
    steps: int

    def at(self, step: Tensor) -> Tensor:
        """The value after ``step`` (0-dim tensor) finished steps, in the unit of ``end``."""
        return self.end * (step / max(self.steps, 1)).clamp(max=1.0)


@dataclass(frozen=True, kw_only=True)
class Adam:
    """Settings of one player's Adam optimiser (Kingma & Ba 2015)."""

    lr: float
    betas: tuple[float, float] = (0.9, 0.999)


class Method(Protocol):
    """What a method module looks like to the training loop; modules satisfy it by their names."""

    Hyperparameters: type

    def build(self, hp: Any, spec: InputSpec) -> nn.ModuleDict: ...

    def draw(self, data: Any, hp: Any, rng: torch.Generator) -> dict[str, Tensor]: ...

    def losses(self, model: nn.ModuleDict, drawn: dict[str, Tensor], hp: Any, step: Tensor) -> dict[str, Tensor]: ...

    def codes(self, model: nn.ModuleDict, images: Tensor, labels: Tensor | None) -> dict[str, Tensor]: ...


LOG_VARIANCE = "_log_variance"
"""Suffix of the group that holds the log-variance of another group's Gaussian posterior."""

CLASSES = "y"
"""The group that holds class probabilities (B, L): no latents, so neither traversed nor scored as codes.

A decoder that takes the class reads this group where it is given, and one-hot ``labels`` where it is not.
"""


def latents(codes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The groups of ``codes`` that are latents: no class probabilities, no log-variances."""
    return {name: code for name, code in codes.items() if name != CLASSES and not name.endswith(LOG_VARIANCE)}


def decodes(method: ModuleType) -> bool:
    """Whether the method makes images of codes."""
    return hasattr(method, "decode")


def optimizers(method: ModuleType, hp: Any, players: list[str]) -> dict[str, Adam]:
    """Adam settings per player: the method's own ``optimizers(hp)``, or ``hp.lr`` for each player."""
    if hasattr(method, "optimizers"):
        return dict(method.optimizers(hp))
    return {player: Adam(lr=hp.lr) for player in players}


def hyperparameters(method: ModuleType, config: Mapping[str, Any], budget: int) -> Any:
    """The method's ``Hyperparameters`` from a flat configuration.

    A ``Ramp`` field ``f`` is two entries of ``config``: ``f`` is its end value and ``f_ramp`` its length as a
    fraction of ``budget`` (steps); either may be missing, and the default's value then stands.

    Raises ``ValueError`` for a name that the method does not have.
    """
    fields = {f.name: f for f in dataclasses.fields(method.Hyperparameters)}
    rest = dict(config)
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if isinstance(field.default, Ramp):
            end = rest.pop(name, field.default.end)
            length = rest.pop(f"{name}_ramp", None)
            steps = field.default.steps if length is None else max(1, round(length * budget))
            values[name] = Ramp(end=float(end), steps=steps)
        elif name in rest:
            values[name] = rest.pop(name)
    if rest:
        short = method.__name__.rpartition(".")[2]
        raise ValueError(f"{short} has no hyperparameter {sorted(rest)}; it has {', '.join(sorted(fields))}.")
    return method.Hyperparameters(**values)
