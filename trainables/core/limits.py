"""What hyperparameters may be, checked once where a method's ``Hyperparameters`` is made."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from typing import Any

from trainables.core.contract import Ramp


def at_least(hp: Any, least: int, *names: str) -> None:
    """Raises ``ValueError`` unless each named field is a whole number of at least ``least``."""
    for name in names:
        value = getattr(hp, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}.")


def positive(hp: Any, *names: str) -> None:
    """Raises ``ValueError`` unless each named field of ``hp`` is a finite number above 0."""
    for name in names:
        if not _number(getattr(hp, name)) or getattr(hp, name) <= 0:
            raise ValueError(f"{name} must be a number above 0, not {getattr(hp, name)!r}.")


def not_negative(hp: Any, *names: str) -> None:
    """Raises ``ValueError`` unless each named field of ``hp`` is a finite number of at least 0."""
    for name in names:
        if not _number(getattr(hp, name)) or getattr(hp, name) < 0:
            raise ValueError(f"{name} must be a number of at least 0, not {getattr(hp, name)!r}.")


def ramp(hp: Any, name: str) -> None:
    """Raises ``ValueError`` unless the field ``name`` is a ``Ramp`` upward over a step or more."""
    value = getattr(hp, name)
    if not isinstance(value, Ramp) or not _number(value.end) or value.end < 0 or value.steps < 1:
        raise ValueError(f"{name} must be a Ramp with an end of at least 0 over at least 1 step, not {value!r}.")


def one_of(hp: Any, name: str, options: Iterable[str]) -> None:
    """Raises ``ValueError`` unless the field ``name`` of ``hp`` is one of ``options``."""
    value, options = getattr(hp, name), tuple(options)
    if value not in options:
        nearest = difflib.get_close_matches(str(value), options, n=1)
        raise ValueError(
            f"{name} must be one of {', '.join(options)}, not {value!r}."
            + (f" Did you mean {nearest[0]!r}?" if nearest else "")
        )


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
