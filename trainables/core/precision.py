"""The number format in which networks compute on a device: what was asked for, what this machine does, and why.

Weights, optimisers, losses and whatever sums over pixels stay in float32 (the methods see to that); in bfloat16 the
layers of networks compute in half precision, from copies of the weights. This module knows nothing about training.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from trainables.core.attempt import PRECISIONS

AMPERE = (8, 0)
"""The CUDA capability from which on GPUs multiply in bfloat16."""

CPU_FEATURES = ("amx_bf16", "avx512_bf16")
"""Instructions that multiply in bfloat16; without them it is emulated, and slower than float32."""


@dataclass(frozen=True, kw_only=True)
class Precision:
    """A number format and the reason for it, to be shown."""

    dtype: torch.dtype
    reason: str

    @property
    def name(self) -> str:
        """``"float32"`` or ``"bfloat16"``."""
        return str(self.dtype).removeprefix("torch.")

    @property
    def reduced(self) -> bool:
        """Whether networks compute in less than float32."""
        return self.dtype != torch.float32


def precision(asked: str, device: torch.device | str) -> Precision:
    """What ``asked``, one of ``attempt.PRECISIONS``, comes to on ``device``.

    Raises ``ValueError`` for another word.
    """
    if asked not in PRECISIONS:
        raise ValueError(f"No precision {asked!r}; there are {', '.join(PRECISIONS)}.")
    if asked != "auto":
        return Precision(dtype=getattr(torch, asked), reason="asked for")
    device = torch.device(device)
    if device.type == "cpu":
        return _on_cpu()
    if device.type == "cuda" and torch.cuda.get_device_capability(device) >= AMPERE:
        return Precision(dtype=torch.bfloat16, reason="this GPU multiplies in bfloat16")
    return Precision(dtype=torch.float32, reason=f"this {device.type} device does not multiply in bfloat16")


def _on_cpu() -> Precision:
    known = torch.cpu.get_capabilities()
    has = [name for name in CPU_FEATURES if known.get(name)]
    if not has:
        return Precision(dtype=torch.float32, reason=f"this processor has neither {' nor '.join(CPU_FEATURES)}")
    return Precision(dtype=torch.bfloat16, reason=f"this processor has {has[0]}")
