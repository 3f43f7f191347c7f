"""What a loop hands out: an attempt at a trial, or nothing now, or nothing any more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One attempt at one trial, as handed to a worker."""

    trial: int
    attempt: int
    method: str
    config: Mapping[str, Any]
    seed: int
    steps: int
    reports: tuple[int, ...]
    """Steps at which to report, the last is ``steps``."""
    checkpoints: tuple[str, ...]
    """Checkpoints that the ledger names for this trial, newest first; the first whole one is continued from."""
    gpu: float
    """How many GPUs, or which fraction of one, it gets; after it ran out of memory more than the sweep says."""


@dataclass(frozen=True)
class Wait:
    """Nothing to hand out now; ask again."""


@dataclass(frozen=True)
class Finished:
    """Nothing to hand out ever."""
