"""Domains: the values that one hyperparameter may take, and which of them a sweep tries.

``low`` and ``high`` (or ``options``) say what is tried; ``above``, ``least`` and ``most`` say what
is possible at all and bind a sweep that widens the range. This module knows nothing of Optuna; Ray
is imported where it is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Self

SEARCH = "search"
"""The word by which a sweep opens a fixed hyperparameter over its own range."""


def nearest(word: str, known: tuple[str, ...]) -> str:
    """``"; did you mean 'lr'?"``, or nothing where no known word is close."""
    close = get_close_matches(word[:80], known, n=1)
    return f"; did you mean {close[0]!r}?" if close else "."


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def shown(value: Any) -> str:
    """``repr(value)``, cut where it would fill the screen."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:45]}... ({len(text)} characters)"


@dataclass(frozen=True)
class _Number:
    """An interval of numbers.  ``log`` spreads trials evenly over orders of magnitude."""

    low: float
    high: float
    log: bool = False
    fixed: float | None = None
    when: Mapping[str, tuple[Any, ...]] | None = None
    above: float | None = None
    """Values must be greater than this."""
    least: float | None = None
    most: float | None = None
    options: tuple[float, ...] | None = None
    """The only values tried, where a sweep lists them instead of a range."""

    KIND = "a number"

    def __post_init__(self) -> None:
        for bound in (self.low, self.high, *(self.options or ())):
            self.check(bound)
        if self.fixed is not None:
            self.check(self.fixed)
        if not self.low < self.high:
            raise ValueError(
                f"the range from {self.low:g} to {self.high:g} is empty: low must be below high "
                "(to fix one value, write it alone)."
            )
        if self.log and self.low <= 0:
            raise ValueError(f"low is {self.low:g}, but a logarithmic range begins above 0 (or say log: false).")

    def check(self, value: Any) -> Any:
        """``value`` in the domain's type.  Raises ``ValueError`` where it is impossible."""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not _finite(value):
            raise ValueError(f"{shown(value)} is not {self.KIND}.")
        if self.above is not None and not value > self.above:
            raise ValueError(f"{value!r} must be greater than {self.above:g}.")
        if self.least is not None and value < self.least:
            raise ValueError(f"{value!r} must be at least {self.least:g}.")
        if self.most is not None and value > self.most:
            raise ValueError(f"{value!r} must be at most {self.most:g}.")
        return value

    @property
    def range(self) -> str:
        """What is tried, for messages: ``1 to 16, logarithmic``."""
        if self.options is not None:
            return ", ".join(f"{option:g}" for option in self.options)
        return f"{self.low:g} to {self.high:g}" + (", logarithmic" if self.log else "")

    def change(self, value: Any) -> Self:
        """The domain after a sweep's override.

        A value, a list of values, a mapping, or ``search``.
        """
        if value == SEARCH:
            return replace(self, fixed=None)
        if isinstance(value, Mapping):
            return self._narrowed(value)
        if isinstance(value, (list, tuple)):
            options = tuple(dict.fromkeys(self.check(option) for option in value))
            if not options:
                raise ValueError("the list of values is empty: nothing is left to try.")
            if len(options) == 1:
                return replace(self, fixed=options[0], options=None)
            return replace(self, fixed=None, options=options)
        if not isinstance(value, (int, float)):
            raise ValueError(
                f"{shown(value)} is not {self.KIND}; give one, a list of them, "
                f"{{low:, high:, log:}}, or {SEARCH!r} for {self.range}."
            )
        return replace(self, fixed=self.check(value), options=None)

    def _narrowed(self, bounds: Mapping[Any, Any]) -> Self:
        for key in bounds:
            if key not in ("low", "high", "log"):
                raise ValueError(
                    f"unknown key {shown(key)}; a range has low, high, log" + nearest(str(key), ("low", "high", "log"))
                )
        if not bounds:
            raise ValueError("the range is empty; it has low, high, log.")
        log = bounds.get("log", self.log)
        if not isinstance(log, bool):
            raise ValueError(f"log is {shown(log)}; it must be true or false.")
        ends = {key: self._bound(key, bounds[key]) for key in ("low", "high") if key in bounds}
        return replace(self, **ends, log=log, fixed=None, options=None)

    def _bound(self, name: str, value: Any) -> Any:
        try:
            return self.check(value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None


@dataclass(frozen=True)
class Float(_Number):
    """A real number between ``low`` and ``high``, both included."""

    def check(self, value: Any) -> float:
        return float(super().check(value))

    def suggest(self, trial: Any, name: str) -> float:
        """One value from an Optuna trial."""
        if self.options is not None:
            return trial.suggest_categorical(name, self.options)
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def to_tune(self) -> Any:
        """The Ray Tune domain."""
        from ray import tune

        if self.options is not None:
            return tune.choice(list(self.options))
        return (tune.loguniform if self.log else tune.uniform)(self.low, self.high)


@dataclass(frozen=True)
class Int(_Number):
    """A whole number between ``low`` and ``high``, both included."""

    KIND = "a whole number"

    def check(self, value: Any) -> int:
        if isinstance(value, float) and not value.is_integer():
            raise ValueError(f"{value!r} is not {self.KIND}.")
        return int(super().check(value))

    def suggest(self, trial: Any, name: str) -> int:
        """One value from an Optuna trial."""
        if self.options is not None:
            return trial.suggest_categorical(name, self.options)
        return trial.suggest_int(name, self.low, self.high, log=self.log)

    def to_tune(self) -> Any:
        """The Ray Tune domain, whose upper end is excluded."""
        from ray import tune

        if self.options is not None:
            return tune.choice(list(self.options))
        return (tune.lograndint if self.log else tune.randint)(int(self.low), int(self.high) + 1)


@dataclass(frozen=True, init=False)
class Choice:
    """One of ``options``; ``possible`` keeps those that a sweep has narrowed away."""

    options: tuple[Any, ...]
    fixed: Any
    when: Mapping[str, tuple[Any, ...]] | None
    possible: tuple[Any, ...]

    def __init__(
        self,
        *options: Any,
        fixed: Any = None,
        when: Mapping[str, tuple[Any, ...]] | None = None,
        possible: tuple[Any, ...] | None = None,
    ) -> None:
        for name, value in {
            "options": options,
            "fixed": fixed,
            "when": when,
            "possible": options if possible is None else possible,
        }.items():
            object.__setattr__(self, name, value)
        assert options, "a choice needs options"
        assert fixed is None or fixed in self.possible, f"{fixed!r} is none of {self.possible}"

    @property
    def range(self) -> str:
        """What is tried, for messages."""
        return ", ".join(str(option) for option in self.options)

    def check(self, value: Any) -> Any:
        """``value`` if it is possible.  Raises ``ValueError`` otherwise."""
        for option in self.possible:
            if type(option) is type(value) and option == value:
                return option
        known = tuple(str(option) for option in self.possible)
        raise ValueError(f"{shown(value)} is not possible; it can be {', '.join(known)}" + nearest(str(value), known))

    def change(self, value: Any) -> Choice:
        """The domain after a sweep's override: an option, a list of options, or ``search``."""
        if value == SEARCH:
            return self._with(self.options, None)
        if isinstance(value, (list, tuple)):
            options = tuple(dict.fromkeys(self.check(option) for option in value))
            if not options:
                raise ValueError("the list of options is empty: nothing is left to try.")
            return self._with(options, options[0] if len(options) == 1 else None)
        if isinstance(value, Mapping):
            raise ValueError(f"a range makes no sense here; it can be {self.range}.")
        return self._with(self.options, self.check(value))

    def _with(self, options: tuple[Any, ...], fixed: Any) -> Choice:
        return Choice(*options, fixed=fixed, when=self.when, possible=self.possible)

    def suggest(self, trial: Any, name: str) -> Any:
        """One option from an Optuna trial."""
        return trial.suggest_categorical(name, self.options)

    def to_tune(self) -> Any:
        """The Ray Tune domain."""
        from ray import tune

        return tune.choice(list(self.options))


@dataclass(frozen=True)
class Ramp:
    """A value that grows linearly from 0 to ``end`` over a fraction ``length`` of the budget.

    In a configuration, a ramp ``capacity`` is two keys: ``capacity`` is the end, ``capacity_ramp``
    the length.
    """

    end: Float
    length: Float
    when: Mapping[str, tuple[Any, ...]] | None = None


Domain = Float | Int | Choice
