"""One configuration being trained: players, their optimisers, one generator, a step counter.

Each player's gradient is taken from its own loss for its own parameters alone; then all players step. The state is a
dictionary of tensors from which training continues bit for bit. In reduced precision the losses are computed from
copies of the weights, made at each step; weights, moments and recorded losses are float32 always. This module knows
nothing of Ray, files or scores.
"""

from __future__ import annotations

import copy
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from trainables.core.compiled import compile_networks
from trainables.core.contract import Adam, optimizers
from trainables.core.precision import precision as chosen


class Diverged(ArithmeticError):
    """A loss stopped being finite; the message says which, at which step, and what the losses were before."""


CHECK_EVERY = 64
"""Steps between looks at whether the losses are finite: a look waits for the device."""


class Training:
    """Trains one method with one set of hyperparameters on one split.

    ``data`` is a split with ``images(index)``; ``seed`` fixes the initial weights and all that ``draw`` draws.
    ``precision`` is one of ``attempt.PRECISIONS``; ``compiled`` says whether networks are compiled.
    """

    def __init__(
        self,
        method: ModuleType,
        hp: Any,
        data: Any,
        *,
        seed: int,
        precision: str = "float32",
        compiled: bool = False,
    ) -> None:
        self.method = method
        self.hp = hp
        self.data = data
        self.device = torch.device(data.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model: nn.ModuleDict = method.build(hp, data.spec)
        self.model.to(self.device)
        self.precision = chosen(precision, self.device)
        reduced = self.precision.reduced
        self._computing = self.model
        """What losses are computed with: the model or, compiled or in reduced precision, one that follows it."""
        if reduced or compiled:
            self._computing = copy.deepcopy(self.model).to(self.precision.dtype)
        if compiled:
            compile_networks(self._computing)
        self.rng = torch.Generator(self.device).manual_seed(seed)
        self.step = 0
        self._players = list(self.model)
        self._parameters = {p: list(self.model[p].parameters()) for p in self._players}
        self._wanted = {p: list(self._computing[p].parameters()) for p in self._players}
        """What gradients are taken for."""
        settings = optimizers(method, hp, self._players)
        self._optimizers = {p: self._adam(p, settings[p]) for p in self._players}
        self._recent: list[dict[str, Tensor]] = []
        """The losses of the steps since the last look, after those of the step before, where there was one."""

    def _adam(self, player: str, settings: Adam) -> torch.optim.Adam:
        return torch.optim.Adam(self._parameters[player], lr=settings.lr, betas=settings.betas, fused=True)

    def advance(self, until: int) -> dict[str, float]:
        """Train until ``until`` finished steps; the mean over these steps of each loss and recorded part.

        Raises ``Diverged`` when one of them, or a weight, is no longer finite.
        """
        self.model.train()
        self._computing.train()
        sums: dict[str, Tensor] = {}
        first = self.step
        while self.step < until:
            losses = self._one_step()
            self._recent.append(losses)
            for name, value in losses.items():
                sums[name] = sums[name] + value if name in sums else value.double()
            self.step += 1
            if self.step % CHECK_EVERY == 0 or self.step == until:
                self._check(sums)
        self._check_weights()
        return {name: float(total) / max(self.step - first, 1) for name, total in sums.items()}

    def _one_step(self) -> dict[str, Tensor]:
        drawn = self.method.draw(self.data, self.hp, self.rng)
        step = torch.tensor(float(self.step), device=self.device)
        self._copy_weights()
        with torch.autocast(self.device.type, self.precision.dtype, enabled=self.precision.reduced):
            losses = self.method.losses(self._computing, drawn, self.hp, step)
        for player in self._players:
            gradients = torch.autograd.grad(
                losses[player], self._wanted[player], retain_graph=player != self._players[-1]
            )
            for parameter, gradient in zip(self._parameters[player], gradients, strict=True):
                # The fused kernel reads gradients as if they were laid out like the weights.
                parameter.grad = gradient.to(parameter.dtype).contiguous()
        for optimizer in self._optimizers.values():
            optimizer.step()
        return {name: value.detach() for name, value in losses.items()}

    @torch.no_grad()
    def _copy_weights(self) -> None:
        if self._computing is not self.model:
            for player in self._players:
                for copied, weight in zip(self._wanted[player], self._parameters[player], strict=True):
                    copied.copy_(weight)

    def _check(self, sums: dict[str, Tensor]) -> None:
        if not _odd(sums):
            self._recent = self._recent[-1:]
            return
        at = next(i for i, losses in enumerate(self._recent) if _odd(losses))
        said = ", ".join(f"{name} ({float(value)})" for name, value in _odd(self._recent[at]).items())
        raise Diverged(f"{said} not finite at step {self.step - len(self._recent) + 1 + at}{self._before(at)}")

    def _check_weights(self) -> None:
        """A step may leave weights behind from which every later loss is no number."""
        odd = [p for p in self._players if not all(bool(w.isfinite().all()) for w in self._parameters[p])]
        if odd:
            raise self.diverged(f"weights of {', '.join(odd)} not finite")

    def diverged(self, what: str) -> Diverged:
        """An error that says ``what`` was found after the last step, and what the losses were in it."""
        return Diverged(f"{what} after step {self.step}{self._before(len(self._recent))}")

    def _before(self, at: int) -> str:
        """The losses of the step before the ``at``-th of the recent ones, as the end of a sentence."""
        if at == 0:
            return "; no step before it is known"
        step = self.step - len(self._recent) + at
        return f"; last finite, at step {step}: " + ", ".join(
            f"{n} {float(v):.4g}" for n, v in self._recent[at - 1].items()
        )

    def state(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Weights, and everything else that continuing needs, as named tensors."""
        rest = {"rng": self.rng.get_state(), "step": torch.tensor(self.step)}
        for player, optimizer in self._optimizers.items():
            for index, parameter in enumerate(self._parameters[player]):
                for name, value in optimizer.state[parameter].items():
                    rest[f"adam.{player}.{index}.{name}"] = value
        return self.model.state_dict(), rest

    def load(self, weights: dict[str, Tensor], rest: dict[str, Tensor]) -> None:
        """Continue from a ``state()``.  Raises ``RuntimeError`` or ``KeyError`` when it is of another shape."""
        self.model.load_state_dict(weights)
        self.rng.set_state(rest["rng"])
        self.step = int(rest["step"])
        self._recent = []
        for player, optimizer in self._optimizers.items():
            optimizer.state.clear()
            if self.step:
                for index, parameter in enumerate(self._parameters[player]):
                    optimizer.state[parameter] = {
                        # Fused Adam wants its step counter beside the weights.
                        name: rest[f"adam.{player}.{index}.{name}"].to(self.device).clone()
                        for name in ("step", "exp_avg", "exp_avg_sq")
                    }


def _odd(losses: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in losses.items() if not bool(value.isfinite())}
