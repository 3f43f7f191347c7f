"""When to stop a trial early: Ray's schedulers, spoken to by trial number so that the ledger can rebuild them.

``Schedule.decide`` is given each recorded report once, in the ledger's order; after a restart the same reports are
given again and leave the same rungs behind. The rungs hold trial numbers, not Ray's trial ids, which change when a
trial is resumed. This module knows nothing of files or Optuna.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ray.tune.schedulers import (
    AsyncHyperBandScheduler,
    FIFOScheduler,
    MedianStoppingRule,
    TrialScheduler,
)


@dataclass(frozen=True)
class Continue:
    """Train on."""


@dataclass(frozen=True)
class Stop:
    """End the trial in ``state`` because of ``reason``."""

    state: str
    reason: str


Decision = Continue | Stop


@dataclass(frozen=True)
class _Trial:
    """What Ray's schedulers read of a trial."""

    trial_id: str


class Schedule:
    """Decides at each report whether a trial goes on.

    ``rungs`` are the steps where it may be stopped (ascending, below ``steps``); ``brackets`` above one spread trials
    over brackets that begin at later rungs (HyperBand, Li et al. 2018; ASHA, Li et al. 2020).
    """

    def __init__(
        self,
        name: str,
        *,
        metric: str,
        direction: str,
        steps: int,
        rungs: Sequence[int],
        reduction_factor: float,
    ) -> None:
        self._metric = metric
        self._name = name
        self._rungs = tuple(rungs)
        mode = "max" if direction == "maximize" else "min"
        if name == "median":
            self._scheduler: Any = MedianStoppingRule(
                time_attr="step",
                metric=metric,
                mode=mode,
                grace_period=rungs[0] if rungs else steps,
                # Nothing is paused: a trial goes on or ends.
                min_time_slice=math.inf,  # type: ignore[arg-type]
            )
        elif name in ("asha", "hyperband") and rungs:
            brackets = 1 if name == "asha" else min(3, len(rungs))
            self._scheduler = AsyncHyperBandScheduler(
                time_attr="step",
                metric=metric,
                mode=mode,
                max_t=steps,
                grace_period=1,
                reduction_factor=reduction_factor,
                brackets=brackets,
            )
            for first, bracket in enumerate(self._scheduler._brackets):
                bracket._rungs = [(rung, {}) for rung in reversed(self._rungs[first:])]
        else:
            self._scheduler = FIFOScheduler()
        self._known: dict[int, _Trial] = {}

    def decide(self, number: int, step: int, metrics: Mapping[str, float]) -> Decision:
        """Take a report in and judge it."""
        asynchronous = isinstance(self._scheduler, AsyncHyperBandScheduler)
        if self._metric not in metrics or (asynchronous and step not in self._rungs):
            # Ray would file a report between two rungs under the lower one, where it has an unfair advantage.
            return Continue()
        trial = self._trial(number)
        reason = self._reason(trial, step, metrics[self._metric])
        answer = self._scheduler.on_trial_result(None, trial, {"step": step, self._metric: metrics[self._metric]})
        return Stop("PRUNED", reason) if answer == TrialScheduler.STOP else Continue()

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
        """The numbers on which a stop at this report would rest."""
        if isinstance(self._scheduler, AsyncHyperBandScheduler):
            bracket = self._scheduler._trial_info[trial.trial_id]
            for rung, recorded in bracket._rungs:
                if step >= rung and trial.trial_id not in recorded and recorded:
                    cutoff = float(bracket.cutoff(recorded)) * (1 if self._scheduler._mode == "max" else -1)
                    return (
                        f"{self._metric} {value:.4g} at rung {rung}, "
                        f"cutoff {cutoff:.4g} (best 1/{bracket.rf:g} of {len(recorded)} before it)"
                    )
        return f"{self._metric} {value:.4g} at step {step}, worse than the median of the others"


def schedule(spec: Any, *, objectives: Sequence[Any], steps: int, rungs: Sequence[int]) -> Schedule:
    """The schedule that a sweep asks for (``spec`` has ``name`` and ``reduction_factor``)."""
    name = spec.name if len(objectives) == 1 else "none"
    return Schedule(
        name,
        metric=objectives[0].metric,
        direction=objectives[0].direction,
        steps=steps,
        rungs=rungs,
        reduction_factor=spec.reduction_factor,
    )
