"""An attempt at a trial and what it says at a report: plain values that travel between processes as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PRECISIONS = ("auto", "float32", "bfloat16")
COMPILE = ("auto", "always", "never")


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What a worker needs to know; plain values, so that it travels as JSON."""

    method: str
    config: Mapping[str, Any]
    seed: int
    steps: int
    reports: tuple[int, ...]
    pictures: tuple[int, ...] = ()
    """The reports at which pictures are drawn and codes are kept; the last report always has them."""
    asked: tuple[str, ...] = ()
    """Metrics that are computed at every report, whatever they cost."""
    asked_last: tuple[str, ...] = ()
    """Those that are computed at the last report."""
    fit: str = "train"
    """The split that is trained on."""
    judged: str = "validation"
    """The split that the model is measured on; all of its images where that is the test split."""
    data: str = "digits"
    options: Mapping[str, Any] = field(default_factory=dict)
    subset: Mapping[str, Any] = field(default_factory=dict)
    """Which images are used: the fields of ``subset.Subset``."""
    secondary: Mapping[str, Any] | None = None
    """The second dataset: the fields of ``dataset.Source``."""
    data_root: str | None = None
    device: str = "cpu"
    threads: int = 1
    precision: str = "auto"
    """One of ``PRECISIONS``; ``auto`` is what is fast on the machine that trains."""
    compile: str = "auto"
    """One of ``COMPILE``; ``auto`` compiles where the trial is long enough to pay for it.

    On a GPU steps are recorded as CUDA graphs, too, unless it is ``never``."""
    folder: str | None = None
    """Where checkpoints go, one folder a report: a path or the URI of a store; without it none are written."""
    checkpoints: tuple[str, ...] = ()
    """Absolute paths or URIs to continue from, newest first."""
    label: str = "attempt-1"

    def __post_init__(self) -> None:
        for name in ("reports", "pictures", "asked", "asked_last", "checkpoints"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def source(self) -> dict[str, Any]:
        """What is trained on, as the fields of ``dataset.Source``."""
        return {
            "name": self.data,
            "options": dict(self.options),
            "subset": dict(self.subset),
            "secondary": self.secondary,
        }


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a trial says at a report."""

    step: int
    metrics: dict[str, float]
    checkpoint: str | None
    pictures: tuple[str, ...]
    seconds: dict[str, float]
    """How long its parts took since the report before: ``training``, ``scores``, ``pictures``, ``writing``."""
