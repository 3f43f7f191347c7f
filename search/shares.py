"""How much of a GPU a trial gets: what its sweep says, and twice as much after it ran out of memory once.

Pure: knows no Ray, no ledger, and no GPU.
"""

from __future__ import annotations

from search.history import Trial
from trainables.core.conditions import OUT_OF_MEMORY


def share(trial: Trial, given: float) -> float:
    """A trial's share of a GPU, or number of GPUs, where the sweep gives ``given``."""
    return given if trial.gpu is None else trial.gpu


def after(trial: Trial, given: float, condition: str, reason: str) -> tuple[float | None, str]:
    """The share with which a trial that failed is tried once more, ``None`` for not at all, and the reason to record.

    Only what a larger share may mend is tried again: a trial that met ``out_of_memory`` on a part of a GPU.
    """
    had = share(trial, given)
    if condition != OUT_OF_MEMORY or not had:
        return None, reason
    if trial.gpu is None and had < 1:
        more = min(1.0, 2 * had)
        return more, f"out of memory with {said(had)}, so once more with {said(more)}: {reason}"
    return None, f"out of memory with {said(had)}: {reason}"


def said(share: float) -> str:
    """A share in words."""
    return "a whole GPU" if share == 1 else f"{share:g} of a GPU" if share < 1 else f"{share:g} GPUs"
