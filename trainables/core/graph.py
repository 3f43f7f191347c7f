"""A training step as a CUDA graph: recorded once, then replayed without Python or single launches.

Everything random is drawn before the step, which is a pure function of tensors; so a recorded step is given its draws
by copying them to where it found them when it was recorded. This module knows nothing of methods or optimisers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

Step = Callable[[Mapping[str, Tensor], Tensor], Tensor]
"""What a step draws, and how many came before it (0-dim), to its losses (N,)."""

Record = Callable[[Callable[[], None]], Callable[[], None]]
"""Records what a function does to tensors, without doing it; what it returns does it."""


def cuda(work: Callable[[], None]) -> Callable[[], None]:
    """Record on the current CUDA device; other threads of the process may use it meanwhile."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        work()
    return graph.replay


class Graph:
    """``step``, recorded for what is drawn as ``drawn`` is; a step of other shapes must not be given to it."""

    def __init__(self, step: Step, drawn: Mapping[str, Tensor], at: Tensor, record: Record = cuda) -> None:
        self._drawn = {name: value.clone() for name, value in drawn.items()}
        self._at = at.clone()
        self._losses = at

        def work() -> None:
            self._losses = step(self._drawn, self._at)

        self._replay = record(work)

    def fits(self, drawn: Mapping[str, Tensor]) -> bool:
        """Whether what was drawn has the names and shapes that the step was recorded for."""
        return drawn.keys() == self._drawn.keys() and all(v.shape == self._drawn[k].shape for k, v in drawn.items())

    def __call__(self, drawn: Mapping[str, Tensor], at: Tensor) -> Tensor:
        """The losses of the step; its effects on weights and moments are those of the recorded one."""
        for name, value in drawn.items():
            self._drawn[name].copy_(value)
        self._at.copy_(at)
        self._replay()
        # The next replay writes over them.
        return self._losses.clone()
