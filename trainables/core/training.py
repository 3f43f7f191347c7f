"""One configuration being trained: a model, its steps, one generator, a step counter.

The state is a dictionary of tensors from which training continues bit for bit; weights, moments and recorded losses are
float32 or better, whatever networks compute in. This module knows nothing of Ray, files or scores.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from trainables.core.precision import precision as chosen
from trainables.core.recorded import Recorded
from trainables.core.step import Step


class Diverged(ArithmeticError):
    """A loss stopped being finite; the message says which, at which step, and what the losses were before."""


CHECK_EVERY = 64
"""Steps between looks at whether the losses are finite: a look waits for the device."""


class Training:
    """Trains one method with one set of hyperparameters on one split.

    ``data`` is a split with ``images(index)``; ``seed`` fixes the initial weights and all that ``draw`` draws.
    ``precision`` is one of ``attempt.PRECISIONS``; ``compiled`` says whether networks are compiled, ``recorded``
    whether a step on a GPU is recorded as a CUDA graph.
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
        recorded: bool = False,
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
        self._step = Step(method, hp, self.model, self.precision, compiled)
        self.recorded = Recorded(self._step, wanted=recorded and self.device.type == "cuda")
        self.rng = torch.Generator(self.device).manual_seed(seed)
        self.step = 0
        self._recent: list[Tensor] = []
        """The losses of the steps since the last look, after those of the step before, where there was one."""

    def advance(self, until: int) -> dict[str, float]:
        """Train until ``until`` finished steps; the mean over these steps of each loss and recorded part.

        Raises ``Diverged`` when one of them, or a weight, is no longer finite.
        """
        self._step.train()
        sums = torch.zeros((), dtype=torch.float64, device=self.device)
        first = self.step
        while self.step < until:
            losses = self._one_step()
            self._recent.append(losses)
            sums = sums + losses
            self.step += 1
            if self.step % CHECK_EVERY == 0 or self.step == until:
                self._check(sums)
        self._check_weights()
        return {name: total / max(self.step - first, 1) for name, total in self._named(sums).items()}

    def _one_step(self) -> Tensor:
        drawn = self.method.draw(self.data, self.hp, self.rng)
        return self.recorded(drawn, torch.full((), float(self.step), device=self.device))

    def _named(self, losses: Tensor) -> dict[str, float]:
        return dict(zip(self._step.names, losses.tolist(), strict=True)) if losses.ndim else {}

    def _check(self, sums: Tensor) -> None:
        if bool(sums.isfinite().all()):
            self._recent = self._recent[-1:]
            return
        at = next(i for i, losses in enumerate(self._recent) if not bool(losses.isfinite().all()))
        finite = self._recent[at].isfinite().tolist()
        said = ", ".join(
            f"{name} ({value})"
            for (name, value), well in zip(self._named(self._recent[at]).items(), finite, strict=True)
            if not well
        )
        raise Diverged(f"{said} not finite at step {self.step - len(self._recent) + 1 + at}{self._before(at)}")

    def _check_weights(self) -> None:
        """A step may leave weights behind from which every later loss is no number."""
        odd = [p for p, weights in self._step.parameters.items() if not all(bool(w.isfinite().all()) for w in weights)]
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
            f"{name} {value:.4g}" for name, value in self._named(self._recent[at - 1]).items()
        )

    def state(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Weights, and everything else that continuing needs, as named tensors."""
        rest = {"rng": self.rng.get_state(), "step": torch.tensor(self.step), **self._step.state()}
        return self.model.state_dict(), rest

    def load(self, weights: dict[str, Tensor], rest: dict[str, Tensor]) -> None:
        """Continue from a ``state()``.  Raises ``RuntimeError`` or ``KeyError`` when it is of another shape."""
        self.model.load_state_dict(weights)
        self.rng.set_state(rest["rng"])
        self.step = int(rest["step"])
        self._recent = []
        self._step.load(rest if self.step else {})
        self.recorded.forget()
