"""A step that is recorded as a CUDA graph once it has run a few times, after the recording was seen to do the same.

Where it cannot be recorded, or does something else, steps go on as they are, and ``fault`` says why. This module knows
nothing of methods.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from trainables.core.graph import Graph, Record, cuda
from trainables.core.step import Step

WARM = 3
"""Steps before the recording: libraries choose their kernels and optimisers make their moments in the first ones."""

NEAR = 0.1
"""How far recorded weights may be from those of the step itself, as a part of how far it moves them."""


class Recorded:
    """Called as the step is; from the ``WARM``-th call on what it does is replayed, where ``wanted``."""

    def __init__(self, step: Step, *, wanted: bool, record: Record = cuda) -> None:
        self._step = step
        self._record = record
        self._wanted = wanted
        self.fault = "" if wanted else "not wanted"
        self.forget()

    def forget(self) -> None:
        """Record anew: the tensors that were recorded are no longer those of the step."""
        self._graph: Graph | None = None
        self._left = WARM

    @property
    def active(self) -> bool:
        """Whether steps are replayed."""
        return self._graph is not None

    def __call__(self, drawn: Mapping[str, Tensor], at: Tensor) -> Tensor:
        if self._graph is not None and self._graph.fits(drawn):
            return self._graph(drawn, at)
        if self._graph is not None or self.fault:
            return self._step(drawn, at)
        if self._left:
            self._left -= 1
            return self._aside(drawn, at)
        return self._recorded(drawn, at)

    def _aside(self, drawn: Mapping[str, Tensor], at: Tensor) -> Tensor:
        """The step on a stream of its own, as recording wants the steps before it."""
        if at.device.type != "cuda":
            return self._step(drawn, at)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            losses = self._step(drawn, at)
        torch.cuda.current_stream().wait_stream(stream)
        return losses

    def _recorded(self, drawn: Mapping[str, Tensor], at: Tensor) -> Tensor:
        """This step, done as it is; then undone and done by its recording, which is kept if it comes to the same."""
        before = self._copies()
        losses = self._aside(drawn, at)
        after = self._copies()
        try:
            graph = Graph(self._step, drawn, at, self._record)
            self._put(before)
            found = graph(drawn, at)
            off = self._off(before, after, losses, found)
        except RuntimeError as error:
            off = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
        if off:
            self.fault = off
            self._put(after)
            return losses
        self._graph = graph
        return found

    def _tensors(self) -> list[Tensor]:
        return [*(w.data for weights in self._step.parameters.values() for w in weights), *self._step.state().values()]

    def _copies(self) -> list[Tensor]:
        return [tensor.clone() for tensor in self._tensors()]

    def _put(self, values: list[Tensor]) -> None:
        # In place: what was recorded reads and writes these very tensors.
        for tensor, value in zip(self._tensors(), values, strict=True):
            tensor.copy_(value)

    def _off(self, before: list[Tensor], after: list[Tensor], losses: Tensor, found: Tensor) -> str:
        """How a recorded step differs from the step itself; empty where it does not."""
        if not torch.allclose(losses, found, rtol=1e-2, atol=1e-2, equal_nan=True):
            return f"a recorded step's losses are {found.tolist()}, and the step's {losses.tolist()}"
        moved = sum(float((a - b).abs().sum()) for a, b in zip(after, before, strict=True))
        apart = sum(float((a - c).abs().sum()) for a, c in zip(after, self._tensors(), strict=True))
        if not apart <= NEAR * moved:
            return f"a recorded step's weights are {apart:.3g} from the step's, which moved them by {moved:.3g}"
        return ""
