"""What hyperparameters may be, checked once where a method's ``Hyperparameters`` is made."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from trainables.core.contract import Ramp

MOST = 1_000_000
"""No layer has more units, no code more dimensions and no step more images."""


def at_least(hp: Any, least: int, *names: str, most: int = MOST) -> None:
    """Raises ``ValueError`` unless each named field is a whole number of at least ``least`` and at most ``most``."""
    for name in names:
        value = getattr(hp, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name} must be a whole number of at least {least}, not {_shown(value)}.")
        if value > most:
            raise ValueError(f"{name} must be at most {most:,}, not {_shown(value)}.")


def positive(hp: Any, *names: str) -> None:
    """Raises ``ValueError`` unless each named field of ``hp`` is a finite number above 0."""
    for name in names:
        if not _number(getattr(hp, name)) or getattr(hp, name) <= 0:
            raise ValueError(f"{name} must be a number above 0, not {_shown(getattr(hp, name))}.")


def not_negative(hp: Any, *names: str) -> None:
    """Raises ``ValueError`` unless each named field of ``hp`` is a finite number of at least 0."""
    for name in names:
        if not _number(getattr(hp, name)) or getattr(hp, name) < 0:
            raise ValueError(f"{name} must be a number of at least 0, not {_shown(getattr(hp, name))}.")


def ramp(hp: Any, name: str) -> None:
    """Raises ``ValueError`` unless the field ``name`` is a ``Ramp`` upward over a step or more."""
    value = getattr(hp, name)
    right = isinstance(value, Ramp) and _number(value.end) and _number(value.steps)
    if not right or value.end < 0 or value.steps < 1:
        raise ValueError(f"{name} must be a Ramp with an end of at least 0 over at least 1 step, not {_shown(value)}.")


def one_of(hp: Any, name: str, options: Iterable[str]) -> None:
    """Raises ``ValueError`` unless the field ``name`` of ``hp`` is one of ``options``."""
    value, options = getattr(hp, name), tuple(options)
    if value not in options:
        nearest = difflib.get_close_matches(_shown(value)[1:-1], options, n=1)
        raise ValueError(
            f"{name} must be one of {', '.join(options)}, not {_shown(value)}."
            + (f" Did you mean {nearest[0]!r}?" if nearest else "")
        )


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300
