"""Convolutional networks compiled by torch, where a trial is long enough to pay for it.

Only networks are compiled: what is made for one trial then serves every trial of that shape, in this process at once
and, by torch's cache on disk, in the next ones within seconds, whatever their other hyperparameters. Fully connected
networks gain nothing. This module knows nothing about training.
"""

from __future__ import annotations

import functools
import math
import sysconfig
from pathlib import Path

import torch
from torch import nn

from trainables.core.attempt import COMPILE

AREA = 64 * 64
"""Pixels of an image from which on compiling makes a CPU faster; networks for smaller images it makes slower."""

WORTH = 10_000 * 64 * AREA
"""Pixels that a trial must see: about five minutes of one CPU core, of which compiling saves half a minute."""

FASTER_WITH = "amx_bf16"
"""Where convolutions are so fast that what lies between them counts. With AVX512-BF16 alone (Zen 5), compiled networks
were as fast as they had been, or slower."""

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def compiles(
    asked: str, device: torch.device | str, *, area: float = AREA, images: float = math.inf
) -> tuple[bool, str]:
    """Whether a trial that sees ``images`` images of ``area`` pixels on ``device`` is compiled, and why.

    ``asked`` is one of ``attempt.COMPILE``. Raises ``ValueError`` for another word.
    """
    if asked not in COMPILE:
        raise ValueError(f"compile is {asked!r}; it must be one of {', '.join(COMPILE)}.")
    if asked == "never":
        return False, "asked for"
    if asked == "auto":
        if torch.device(device).type != "cpu":
            return False, "measured on CPUs only"
        if not torch.cpu.get_capabilities().get(FASTER_WITH):
            return False, f"it gains nothing on a processor without {FASTER_WITH}"
        if area < AREA:
            return False, f"it gains nothing for images of fewer than {AREA:,} pixels"
        if area * images < WORTH:
            return False, f"it pays from {WORTH / area:,.0f} images on"
    # Last, for it imports the compiler, which most trials never need.
    if lacking := unable():
        return False, lacking
    return True, "asked for" if asked == "always" else "the trial is long enough"


@functools.cache
def unable() -> str:
    """What this machine lacks to compile; empty where it can."""
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except (InvalidCxxCompiler, OSError, RuntimeError):
        return "no C++ compiler (g++) is installed"
    header = Path(sysconfig.get_paths()["include"]) / "Python.h"
    return "" if header.exists() else f"Python's headers ({header}) are not installed"


def compile_networks(model: nn.Module) -> None:
    """Have the convolutional networks of ``model`` compiled when they are called, each for the shapes it is given."""
    # Here, for they are the compiler, which most trials never need.
    import torch._dynamo.config
    import torch._functorch.config

    # Players may share a forward pass, so what backward frees early would be needed again.
    torch._functorch.config.donated_buffer = False
    torch._dynamo.config.recompile_limit = 64
    for child in model.children():
        if isinstance(child, nn.Sequential) and any(isinstance(m, CONVOLUTIONS) for m in child.modules()):
            child.compile(dynamic=False)
        else:
            compile_networks(child)
