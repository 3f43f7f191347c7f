"""Adam with torch's fused kernel: one call for all weights of a player.

It is called by its function: the class around it takes a third of a millisecond a step, and imports torch's compiler.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam

from trainables.core.contract import Adam

EPSILON = 1e-8
MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""What is kept of each weight: steps made (0-dim), means of its gradient and of the gradient's square."""


class FusedAdam:
    """Steps ``weights`` by gradients in whatever precision and layout; Kingma & Ba 2015, algorithm 1.

    ``gradients`` are those of the last step, in the weights' precision and layout.
    """

    def __init__(self, weights: Sequence[Tensor], settings: Adam) -> None:
        self._weights = list(weights)
        self._settings = settings
        # The kernel reads gradients and moments as if they were laid out like the weights.
        self.gradients, self._means, self._squares = (
            [torch.zeros_like(weight, requires_grad=False) for weight in weights] for _ in range(3)
        )
        self._steps = [torch.zeros((), device=weight.device) for weight in weights]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """Move the weights, in place."""
        torch._foreach_copy_(self.gradients, list(gradients))
        beta1, beta2 = self._settings.betas
        adam(
            self._weights,
            self.gradients,
            self._means,
            self._squares,
            [],
            self._steps,
            fused=True,
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=self._settings.lr,
            weight_decay=0.0,
            eps=EPSILON,
            maximize=False,
        )

    def state(self) -> dict[str, Tensor]:
        """``MOMENTS`` of each weight, by its index: the tensors themselves."""
        each = zip(self._steps, self._means, self._squares, strict=True)
        return {
            f"{index}.{name}": value
            for index, kept in enumerate(each)
            for name, value in zip(MOMENTS, kept, strict=True)
        }

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take on a ``state()``.  Raises ``KeyError`` when one is missing."""
        for name, value in self.state().items():
            value.copy_(state[name])

    @torch.no_grad()
    def begin_anew(self) -> None:
        """Forget all steps."""
        for value in self.state().values():
            value.zero_()
