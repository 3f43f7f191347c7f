"""Who is trained under one more seed, where configurations begin with one.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from search.history import COMPLETE, FAIL, RUNNING, Configuration, History
from search.standings import standings

SHARE = 3
"""Every so many-th trial is one more seed of a promising configuration."""


def promising(history: History, objectives: Sequence[Any], most: int) -> Configuration | None:
    """Whose turn it is to be trained under one more seed; None when a new configuration is to be tried.

    Every third trial goes to the best configuration that was trained to its end and has not ``most`` seeds yet. So the
    leader soon has them all; if its mean falls behind then, the next one is tried as hard.
    """
    repeated = len(history.trials) - len(history.configurations)
    ended = sum(c.state not in (RUNNING, FAIL) for c in history.configurations)
    if ended < SHARE or (repeated + 1) * SHARE > len(history.trials) + 1:
        return None
    order = (standing.configuration for standing in standings(history, objectives))
    return next((c for c in order if c.state == COMPLETE and len(c.trials) < most), None)
