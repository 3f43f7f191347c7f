"""Which configurations of a long sweep are shown to a sampler whose work grows with them.  Pure.

The first ``LAST`` and some suggestions see all that came before; a later one sees the last ones, and of those before
them the best. TPE loses nothing of what it draws near, which is the best 25 of all, and weighs the rest less the older
it is, so what is left out hardly counted. What is shown follows from the recorded configurations alone, and is the same
after a resume. This module knows no Optuna: its trials are told by their fields.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from search.goals import Goal
from search.standings import fronts

LAST = 500
"""The last so many configurations are always shown."""
EVERY = 50
"""The window's begin moves by so many at once, so that the best before it are seldom sought anew."""
BEST = 100
"""So many of those before the window are shown still: TPE draws near 25; of several goals a whole front is wanted."""


class Window:
    """Follows a study as it grows.  ``trial`` gives Optuna's trial of a number."""

    def __init__(self, goals: Sequence[Goal], trial: Callable[[int], Any]) -> None:
        self._goals = tuple(goals)
        self._trial = trial
        self._begin = 0
        self._best: list[int] = []
        self._open: list[int] = []
        """Those before the window that had not ended yet."""

    def shown(self, number: int) -> list[int] | None:
        """The numbers that suggestion ``number`` sees, ascending; ``None`` where it sees all."""
        while self._begin + EVERY <= number - LAST:
            self._move(self._begin + EVERY)
        if not self._begin:
            return None
        return [*sorted([*self._best, *self._open]), *range(self._begin, number)]

    def _move(self, begin: int) -> None:
        passed = [*self._open, *range(self._begin, begin)]
        self._open = [n for n in passed if self._trial(n).state.name == "RUNNING"]
        ended = {n for n in passed if self._trial(n).state.name in ("COMPLETE", "PRUNED")}
        self._best = self._ordered({*self._best, *ended})[:BEST]
        self._begin = begin

    def _ordered(self, numbers: Iterable[int]) -> list[int]:
        """From best to worst, as TPE has it: complete, then stopped by how far they came, then what breaks a limit."""
        trials = {n: self._trial(n) for n in numbers}
        excess = {n: sum(v for v in trial.constraints.values() if v > 0) for n, trial in trials.items()}
        worth = {
            n: tuple(goal.turned(v) for goal, v in zip(self._goals, trial.values, strict=True))
            for n, trial in trials.items()
            if trial.state.name == "COMPLETE" and not excess[n]
        }
        front = fronts(worth) if len(self._goals) > 1 else worth

        def key(number: int) -> tuple[Any, ...]:
            if excess[number]:
                return 2, excess[number], number
            if number in worth:
                return 0, front[number], number
            return 1, *self._reached(trials[number].intermediate_values), number

        return sorted(trials, key=key)

    def _reached(self, values: dict[int, float]) -> tuple[float, float]:
        if not values:
            return 1.0, math.inf
        step, value = max(values.items())
        return -float(step), self._goals[0].turned(value)
