"""What makes training fast on this machine, and what does not and why, in words."""

from __future__ import annotations

import os
from pathlib import Path

from trainables.core.allocator import keep_memory
from trainables.core.compiled import AREA, WORTH, compiles
from trainables.core.precision import precision

HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def active(device: str) -> list[str]:
    """One line for each means: what is done in a trial on ``device``, or not and why."""
    chosen = precision("auto", device)
    lines = [f"networks compute in {chosen.name}: {chosen.reason}"]
    compiled, why = compiles("auto", device)
    if compiled:
        side = int(AREA**0.5)
        lines.append(
            f"compiled: networks for images from {side}×{side} on, in trials of {WORTH // AREA:,} images or more"
        )
    else:
        lines.append(f"networks are not compiled: {why}")
    if device == "cpu":
        lines.append(
            "memory is kept between steps" if keep_memory() else "memory is given back at every step: no glibc"
        )
        lines.append(_huge_pages())
    return lines


def _huge_pages() -> str:
    try:
        chosen = HUGE_PAGES.read_text().partition("[")[2].partition("]")[0]
    except OSError:
        chosen = "unknown"
    if chosen in ("madvise", "always"):
        return "in huge pages, where Ray starts the trials"
    return f"in small pages: {HUGE_PAGES} says {chosen!r}; {os.uname().sysname} could use huge ones with 'madvise'"
