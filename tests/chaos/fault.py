"""What a fault is, and what came of it: one line of the scoreboard.

A module ``fault_*.py`` beside this one exports ``FAULTS``; ``run.py`` tries all of them and writes the scoreboard, and
``test_short.py`` tries those with ``short`` as part of `make test`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a sweep that met a fault once."""

    survived: bool
    """Every invariant held after it, and the sweep came to its end or was refused as it should be."""
    lost: int = 0
    """Rows that had been recorded and are gone, in any view."""
    doubled: int = 0
    """Rows that are there more than once, in any view."""
    seconds: float | None = None
    """From the fault to the next thing recorded; ``None`` where nothing has to recover."""
    note: str = ""
    """What broke, in one line."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way in which something dies, hangs, lies or is full."""

    number: int
    """Its place on the scoreboard."""
    title: str
    times: int
    """How often `make chaos` tries it, each time with another seed."""
    run: Callable[[Path, int], Outcome]
    """Given an empty folder and a seed."""
    short: int = 0
    """How often `make test` tries it."""
    stock: Callable[[Path, int], Outcome] | None = None
    """The same fault against a sweep of Ray Tune with its own Optuna searcher and MLflow callback."""
