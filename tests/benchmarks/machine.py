"""The machine in words, and its first two cores for what is compared."""

from __future__ import annotations

import os
import platform
from pathlib import Path

FEATURES = {"amx_bf16": "AMX bf16", "avx512_bf16": "AVX-512 bf16", "avx512f": "AVX-512", "avx2": "AVX2"}


def described() -> str:
    """Processor, what it does in bfloat16, cores, memory, torch, and the system."""
    import torch

    name, flags = platform.processor() or platform.machine(), set()
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            name = value.strip()
        if key.strip() == "flags":
            flags = set(value.split())
    has = [words for flag, words in FEATURES.items() if flag in flags]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    gpu = f"{torch.cuda.get_device_name()}, " if torch.cuda.is_available() else ""
    return (
        f"{name} ({', '.join(has) or 'no vector extensions that are named'}), {os.cpu_count()} cores, {memory:.0f} GB, "
        f"{gpu}torch {torch.__version__}, Python {platform.python_version()}, {platform.platform()}"
    )


def two_cores() -> None:
    """This process and all that it starts use two cores, however many there are."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
