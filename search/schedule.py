"""When to stop a configuration early: Ray's schedulers, spoken to by number so that the ledger can rebuild them.

``Schedule.decide`` is given each report once, in the ledger's order; after a restart the same reports are given again
and leave the same rungs behind. The rungs hold configurations' numbers, not Ray's trial ids, which change when a trial
is resumed. This module knows nothing of files or Optuna.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ray.tune.schedulers import (
    AsyncHyperBandScheduler,
    FIFOScheduler,
    MedianStoppingRule,
    TrialScheduler,
)

from search.goals import Goal, goals
from search.standings import fronts


@dataclass(frozen=True)
class Continue:
    """Train on; ``reason`` says on which numbers, where there was something to decide."""

    reason: str = ""


@dataclass(frozen=True)
class Pause:
    """Give the worker up and wait for the other replicates, which are judged together with this one."""

    reason: str


@dataclass(frozen=True)
class Stop:
    """End the trial in ``state`` because of ``reason``."""

    state: str
    reason: str
    condition: str = ""
    """The failure condition that ended it, by name, where one did."""


Decision = Continue | Pause | Stop


@dataclass(frozen=True)
class _Trial:
    """What Ray's schedulers read of a trial."""

    trial_id: str


class Schedule:
    """Decides at each report whether a configuration goes on.

    ``rungs`` are the steps where it may be stopped (ascending, below ``steps``); HyperBand spreads configurations over
    brackets that begin at later rungs (Li et al. 2018; ASHA, Li et al. 2020). Under several goals, ASHA's rule is
    applied to the non-dominated rank: see ``_Fronts``.
    """

    def __init__(
        self, name: str, goals: Sequence[Goal], *, steps: int, rungs: Sequence[int], reduction_factor: float
    ) -> None:
        (self._goal, *more) = goals
        self._rungs = tuple(rungs)
        self._fronts = _Fronts(goals, reduction_factor) if more and name != "none" else None
        mode = "max" if self._goal.maximize else "min"
        if name == "median":
            self._scheduler: Any = MedianStoppingRule(
                time_attr="step",
                metric=self._goal.metric,
                mode=mode,
                grace_period=rungs[0] if rungs else steps,
                # Nothing is paused: a trial goes on or ends.
                min_time_slice=math.inf,  # type: ignore[arg-type]
            )
        elif name in ("asha", "hyperband") and rungs and not more:
            brackets = 1 if name == "asha" else min(3, len(rungs))
            self._scheduler = AsyncHyperBandScheduler(
                time_attr="step",
                metric=self._goal.metric,
                mode=mode,
                max_t=steps,
                grace_period=1,
                reduction_factor=reduction_factor,
                brackets=brackets,
            )
            for first, bracket in enumerate(self._scheduler._brackets):
                bracket._rungs = [(rung, _Rung()) for rung in reversed(self._rungs[first:])]
                bracket.cutoff = partial(_cutoff, 1 - 1 / bracket.rf)
        else:
            self._scheduler = FIFOScheduler()
        self._known: dict[int, _Trial] = {}

    def decide(self, number: int, step: int, metrics: Mapping[str, float]) -> Decision:
        """Take in what a configuration's goals are worth at a report, and judge it."""
        if self._fronts is not None:
            return self._fronts.decide(number, step, metrics) if step in self._rungs else Continue()
        asynchronous = isinstance(self._scheduler, AsyncHyperBandScheduler)
        if self._goal.metric not in metrics or (asynchronous and step not in self._rungs):
            # Ray would file a report between two rungs under the lower one, where it has an unfair advantage.
            return Continue()
        trial, value = self._trial(number), metrics[self._goal.metric]
        reason = self._reason(trial, step, value)
        answer = self._scheduler.on_trial_result(None, trial, {"step": step, self._goal.metric: value})
        if answer == TrialScheduler.STOP:
            return Stop("PRUNED", reason or f"{self._goal.metric} {value:.4g} at step {step}, worse than the median")
        return Continue(reason)

    def _trial(self, number: int) -> _Trial:
        if number not in self._known:
            trial = self._known[number] = _Trial(f"{number:06d}")
            if isinstance(self._scheduler, AsyncHyperBandScheduler):
                # Ray draws the bracket from the global generator; a replay must find the same one.
                brackets = self._scheduler._brackets
                self._scheduler._trial_info[trial.trial_id] = brackets[number % len(brackets)]
            else:
                self._scheduler.on_trial_add(None, trial)
        return self._known[number]

    def _reason(self, trial: _Trial, step: int, value: float) -> str:
        """The numbers on which a decision at this report rests; empty where Ray does not show them."""
        if not isinstance(self._scheduler, AsyncHyperBandScheduler):
            return ""
        bracket = self._scheduler._trial_info[trial.trial_id]
        for rung, recorded in bracket._rungs:
            if step >= rung and trial.trial_id not in recorded:
                here = f"{self._goal.metric} {value:.4g} at rung {rung}"
                if not recorded:
                    return f"{here}, the first there"
                cutoff = float(bracket.cutoff(recorded)) * (1 if self._scheduler._mode == "max" else -1)
                return f"{here}, cutoff {cutoff:.4g} (best 1/{bracket.rf:g} of {len(recorded)} before it)"
        return ""


class _Rung(dict[str, float]):
    """What trials were worth at a rung, also in order: Ray sorts all of it anew for each report."""

    def __init__(self) -> None:
        super().__init__()
        self.ordered: list[float] = []

    def __setitem__(self, trial: str, value: float) -> None:
        assert trial not in self, "a trial comes to a rung once"
        super().__setitem__(trial, value)
        bisect.insort(self.ordered, value)


def _cutoff(share: float, recorded: _Rung) -> float | None:
    """The value below which ``share`` of a rung lies, to the last bit as numpy interpolates it for Ray."""
    if not recorded:
        return None
    place = (share * 100 / 100) * (len(recorded) - 1)
    before = math.floor(place)
    low, high = recorded.ordered[before], recorded.ordered[min(before + 1, len(recorded) - 1)]
    part = place - before
    return high - (high - low) * (1 - part) if part >= 0.5 else low + (high - low) * part


class _Fronts:
    """ASHA's rule for several goals: stopped when better non-dominated fronts hold 1/``factor`` of a rung or more.

    A configuration that none at its rung dominates is never stopped.
    """

    def __init__(self, goals: Sequence[Goal], factor: float) -> None:
        self._goals = tuple(goals)
        self._factor = factor
        self._recorded: dict[int, dict[int, tuple[float, ...]]] = {}

    def decide(self, number: int, step: int, metrics: Mapping[str, float]) -> Decision:
        rung = self._recorded.setdefault(step, {})
        rung[number] = tuple(goal.value(metrics) for goal in self._goals)
        place = fronts(rung)
        better = sum(front < place[number] for front in place.values())
        shown = ", ".join(f"{goal.metric} {metrics.get(goal.metric, math.nan):.4g}" for goal in self._goals)
        reason = f"{shown} at rung {step}: front {place[number] + 1}, {better} of {len(rung)} on better ones"
        if place[number] and better * self._factor >= len(rung):
            return Stop("PRUNED", reason)
        return Continue(reason)


def schedule(spec: Any, *, objectives: Sequence[Any], steps: int, rungs: Sequence[int]) -> Schedule:
    """The schedule that a sweep asks for (``spec`` has ``name`` and ``reduction_factor``)."""
    return Schedule(spec.name, goals(objectives), steps=steps, rungs=rungs, reduction_factor=spec.reduction_factor)
