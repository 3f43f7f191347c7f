"""What becomes of a trial at a report: the rules of a sweep applied to its history, in the ledger's order.

A report is judged with those of its replicates at the same step. The same rows always lead to the same decisions, so
a restart and ``teasel why`` replay them. This module writes nothing and knows no ledger, Ray or Optuna.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from search.goals import goals
from search.history import COMPLETE, FAIL, PRUNED, RUNNING, Configuration, History, Report, Trial
from search.ledger import Row
from search.replicates import together
from search.schedule import Continue, Decision, Schedule, Stop
from search.sweep_data import AGREEMENT

LOSS = "train/"
"""What the metric of a loss begins with: its mean since the report before."""


class Rules(Protocol):
    """What is read of a sweep."""

    @property
    def objectives(self) -> Sequence[Any]: ...
    @property
    def rungs(self) -> Sequence[int]: ...
    def judged_from(self, config: Mapping[str, Any], /) -> int: ...


@dataclass(frozen=True)
class Compare:
    """All replicates of a configuration have reported at ``step``: compare them before they are judged."""

    configuration: int
    step: int


@dataclass(frozen=True)
class Verdict:
    """A decision on all replicates of a configuration at a rung."""

    configuration: int
    step: int
    decision: Decision


class Judge:
    """Takes a sweep's rows in and decides.  Whoever drives it records what is ``pending``."""

    def __init__(self, sweep: Rules, schedule: Schedule, *, compares: bool = False) -> None:
        self._sweep = sweep
        self._rungs = frozenset(sweep.rungs)
        self._goals = goals(sweep.objectives)
        self._schedule = schedule
        self._compares = compares
        self.history = History()
        """What the rows tell."""
        self.pending: dict[int, Stop] = {}
        """Endings that were decided and are in no row yet, by trial."""
        self.waiting: set[int] = set()
        """Trials that came to a rung before their replicates, and gave their worker up."""
        self.verdicts: list[Verdict] = []

    def add(self, row: Row) -> Compare | None:
        """Take one more row in and judge what it reports; a comparison to make first is returned."""
        self.history.add(row)
        if row["kind"] == "report":
            return self._report(row["trial"])
        if row["kind"] == "compared":
            self._together(self.history.configurations[row["configuration"]], row["step"])
        elif row["kind"] == "end":
            self.pending.pop(row["trial"], None)
            self.waiting.discard(row["trial"])
            if row["state"] == FAIL:
                self._give_up(self.history.configuration(self.history.trials[row["trial"]]))
        return None

    def replay(self, rows: Iterable[Row]) -> list[Compare]:
        """Take recorded rows in; the comparisons that were left undone."""
        undone: dict[int, Compare] = {}
        for row in rows:
            if (found := self.add(row)) is not None:
                undone[found.configuration] = found
            elif row["kind"] == "compared":
                undone.pop(row["configuration"], None)
        return list(undone.values())

    def whole(self, configuration: Configuration, step: int) -> bool:
        """All replicates that a configuration is judged by have reported at ``step``."""
        first = configuration.trials[: configuration.expected]
        return len(first) == configuration.expected and all(trial.at(step) for trial in first)

    def _report(self, number: int) -> Compare | None:
        trial = self.history.trials[number]
        report, configuration = trial.reports[-1], self.history.configuration(trial)
        if (wrong := self._unusable(trial, report)) is not None:
            self.pending[number] = wrong
            return None
        finished = report.step >= trial.steps
        if finished:
            self.pending[number] = Stop(COMPLETE, f"finished its {trial.steps} steps")
        if configuration.trials.index(trial) >= configuration.expected:
            # A promising configuration's further seeds are trained to their end, or only lucky ones would count.
            return None
        if self.whole(configuration, report.step):
            if self._compares and (finished or (self._by_agreement and report.step in self._rungs)):
                return Compare(configuration.number, report.step)
            self._together(configuration, report.step)
        elif not finished and report.step in self._rungs and report.step >= self._sweep.judged_from(trial.config):
            self.waiting.add(number)
        return None

    def _together(self, configuration: Configuration, step: int) -> None:
        """Judge a configuration by the reports of all its replicates at ``step``."""
        values = together(configuration.reports(step), self._goals)
        decision: Decision = Continue()
        missing = [goal.metric for goal in self._goals if goal.metric not in values]
        if missing and step not in self._rungs:
            # Replicates are compared at rungs alone.
            return
        if missing:
            decision = Stop(FAIL, f"{missing[0]} could not be told at step {step}")
        elif step >= self._sweep.judged_from(configuration.first.config):
            decision = self._schedule.decide(configuration.number, step, values)
        for trial in configuration.trials:
            if trial.step == step:
                # Others may wait at a later rung already.
                self.waiting.discard(trial.number)
            if isinstance(decision, Stop) and step < trial.steps and trial.state == RUNNING:
                self.pending.setdefault(trial.number, decision)
        if step in self._rungs:
            self.verdicts.append(Verdict(configuration.number, step, decision))

    def _give_up(self, configuration: Configuration) -> None:
        """A configuration that failed under one seed is not trained under the others."""
        failed = next(trial for trial in configuration.trials if trial.state == FAIL)
        reason = f"trial {failed.number:03d} of its configuration failed: {failed.reason}"
        for trial in configuration.trials:
            if trial.state == RUNNING:
                self.waiting.discard(trial.number)
                self.pending.setdefault(trial.number, Stop(PRUNED, reason))

    @property
    def _by_agreement(self) -> bool:
        return any(goal.metric == AGREEMENT for goal in self._goals)

    def _unusable(self, trial: Trial, report: Report) -> Stop | None:
        for goal in self._goals:
            if goal.metric == AGREEMENT:
                continue
            value = report.metrics.get(goal.metric)
            if value is None:
                exist = ", ".join(sorted(report.metrics))
                return Stop(FAIL, f"it reported no {goal.metric} at step {report.step}; it reported {exist}")
            if not math.isfinite(value):
                said = f"{goal.metric} is {value} at step {report.step}{_before(trial, report, goal.metric)}"
                return Stop(FAIL, said, "diverged")
        return None


def _before(trial: Trial, report: Report, metric: str) -> str:
    """What an objective that is no number was before, and what the losses are, as the end of a sentence."""
    told = [r for r in trial.reports if r.step < report.step and math.isfinite(r.metrics.get(metric, math.nan))]
    losses = [
        f"{name.removeprefix(LOSS)} {value:.4g}" for name, value in report.metrics.items() if name.startswith(LOSS)
    ]
    before = f"; it was {told[-1].metrics[metric]:.4g} at step {told[-1].step}" if told else ""
    return before + (f"; mean losses up to then: {', '.join(losses)}" if losses else "")
