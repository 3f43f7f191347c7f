"""One training step: losses of what was drawn, each player's gradient from its own loss alone, then all players step.

A pure function of tensors but for the weights and moments that it changes, so it can be recorded (``core.graph``). In
reduced precision, or compiled, losses are computed with a copy of the model whose weights are made anew at each step.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from trainables.core.adam import FusedAdam
from trainables.core.compiled import compile_networks
from trainables.core.contract import optimizers
from trainables.core.precision import Precision


class Step:
    """Called with what a step draws and the number of steps before it (0-dim), it gives the losses, (N,) in float64.

    ``names`` says whose they are, from the first call on: players', then recorded parts'.
    """

    def __init__(self, method: ModuleType, hp: Any, model: nn.ModuleDict, precision: Precision, compiled: bool) -> None:
        self._method = method
        self._hp = hp
        self._precision = precision
        self._model = model
        self._computing = model
        if precision.reduced or compiled:
            self._computing = copy.deepcopy(model).to(precision.dtype)
        if compiled:
            compile_networks(self._computing)
        self.names: tuple[str, ...] = ()
        self.players = list(model)
        self.device = next(model.parameters()).device
        self.parameters: dict[str, list[Tensor]] = {p: list(model[p].parameters()) for p in self.players}
        self._wanted: dict[str, list[Tensor]] = {p: list(self._computing[p].parameters()) for p in self.players}
        """What gradients are taken for."""
        settings = optimizers(method, hp, self.players)
        self.optimizers = {p: FusedAdam(self.parameters[p], settings[p]) for p in self.players}

    def __call__(self, drawn: Mapping[str, Tensor], at: Tensor) -> Tensor:
        self._copy_weights()
        # What autocast would keep from one step to the next are weights, and those are converted already.
        with torch.autocast(
            self.device.type, self._precision.dtype, enabled=self._precision.reduced, cache_enabled=False
        ):
            losses = self._method.losses(self._computing, drawn, self._hp, at)
        gradients = {
            p: torch.autograd.grad(losses[p], self._wanted[p], retain_graph=p != self.players[-1]) for p in self.players
        }
        for player, optimizer in self.optimizers.items():
            optimizer.step(gradients[player])
        self.names = tuple(losses)
        return torch.stack([value.detach().double() for value in losses.values()])

    def train(self) -> None:
        """To training mode, from that in which models are evaluated."""
        self._model.train()
        self._computing.train()

    @torch.no_grad()
    def _copy_weights(self) -> None:
        if self._computing is not self._model:
            for player in self.players:
                torch._foreach_copy_(self._wanted[player], self.parameters[player])

    def state(self) -> dict[str, Tensor]:
        """The optimisers' moments and step counters, as named tensors."""
        return {
            f"adam.{player}.{name}": value
            for player, optimizer in self.optimizers.items()
            for name, value in optimizer.state().items()
        }

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take on a ``state()``.  Raises ``KeyError`` when it is of another shape; without any, begin anew."""
        for player, optimizer in self.optimizers.items():
            if state:
                start = f"adam.{player}."
                optimizer.load({name.removeprefix(start): v for name, v in state.items() if name.startswith(start)})
            else:
                optimizer.begin_anew()
