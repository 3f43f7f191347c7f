"""How much memory one trial takes: a few steps and an evaluation, in a process that does nothing else.

This module knows nothing of Ray, nor of how many trials share a device.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from trainables.core.trial import Attempt, Trial

STEPS = 3
"""Enough for optimizers to have their state, which the first step makes."""

CONTEXT = 256 * 2**20
"""Bytes that a CUDA process holds at the least beside its tensors."""


@dataclass(frozen=True, kw_only=True)
class Peak:
    """What a process took at most of its device's memory, and what the device has, in bytes."""

    taken: int
    total: int
    device: str


def peak(attempt: Mapping[str, Any]) -> dict[str, Any]:
    """The ``Peak`` of an attempt, as a mapping.

    On a CPU that is the resident set of the whole process, libraries and mapped data included; on a GPU what torch's
    allocator reserved and the CUDA context. Call it in a fresh process: a peak never falls.
    """
    device = attempt.get("device", "cpu")
    if device != "cpu" and not torch.cuda.is_available():
        raise ValueError("this machine offers a GPU to Ray, and torch sees none; `teasel check` says more.")
    few = {"steps": STEPS, "reports": (STEPS,), "pictures": (), "folder": None, "checkpoints": ()}
    Trial(Attempt(**{**attempt, **few})).advance()
    if device == "cpu":
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        found = Peak(taken=_most_resident(), total=total, device=device)
    else:
        free, total = torch.cuda.mem_get_info()
        context = max(CONTEXT, total - free - torch.cuda.memory_reserved())
        name = torch.cuda.get_device_name()
        found = Peak(taken=torch.cuda.max_memory_reserved() + context, total=total, device=name)
    return asdict(found)


def _most_resident() -> int:
    """The peak of this process's resident set, in bytes.

    Not ``getrusage``'s: a process that was started by a larger one begins there with that one's peak.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
