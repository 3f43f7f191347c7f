"""The loop of a sweep without Ray: hand out trials, record what they report, decide, tell the sampler.

Whatever drives it (Ray in ``search.run``, a simulation in the tests) calls ``next``, ``report``, ``lost`` and
``failed`` from one thread. Every row is in the ledger before anything acts on it; a new ``Loop`` over the same ledger
goes on where the old one stopped. This module knows nothing of processes, files or Optuna.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from search.history import COMPLETE, FAIL, PRUNED, RUNNING, History, Report, Trial, replay
from search.ledger import Ledger, pack
from search.sampler import Sampler
from search.schedule import Continue, Decision, Schedule, Stop

ATTEMPTS = 3
"""How often a trial is begun anew after its process or node died before it is given up."""


class Sweep(Protocol):
    """What the loop reads of a sweep."""

    @property
    def objectives(self) -> Sequence[Any]: ...
    @property
    def budget(self) -> Any: ...
    @property
    def report_steps(self) -> Sequence[int]: ...
    @property
    def seed(self) -> int: ...
    @property
    def methods(self) -> Sequence[str]: ...
    def judged_from(self, config: Mapping[str, Any], /) -> int: ...


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One attempt at one trial, as handed to a worker."""

    trial: int
    attempt: int
    method: str
    config: Mapping[str, Any]
    seed: int
    steps: int
    reports: tuple[int, ...]
    """Steps at which to report, the last is ``steps``."""
    checkpoints: tuple[str, ...]
    """Checkpoints that the ledger names for this trial, newest first; the first whole one is continued from."""


@dataclass(frozen=True)
class Wait:
    """Nothing to hand out now; ask again."""


@dataclass(frozen=True)
class Finished:
    """Nothing to hand out ever."""


class Loop:
    """Drives one sweep over one ledger."""

    def __init__(
        self,
        ledger: Ledger,
        sweep: Sweep,
        *,
        sampler: Sampler,
        schedule: Schedule,
        concurrency: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._sweep = sweep
        self._sampler = sampler
        self._schedule = schedule
        self.concurrency = concurrency
        self._clock = clock
        self._begun = clock()
        self._live: dict[int, int] = {}
        self.stopping = False
        self.history: History = replay(ledger.rows)
        self._spent_before = self.history.spent - self.history.renewed
        sampler.rebuild(ledger.rows)
        self._replay_schedule()
        self._unfinished = [t.number for t in self.history.trials if t.state == RUNNING]

    # -- what a driver calls ------------------------------------------------------------------------------------

    def next(self) -> Assignment | Wait | Finished:
        """The next attempt to run: unfinished trials first, then a new suggestion."""
        if self.stopping:
            return Finished()
        if len(self._live) >= self.concurrency:
            return Wait()
        if self._unfinished:
            return self._start(self.history.trials[self._unfinished.pop(0)])
        if len(self.history.trials) >= self.history.budget or self.wall_time_left <= 0:
            # A live trial's worker may die yet, and then the trial has to be handed out again.
            return Wait() if self._live else Finished()
        number = len(self.history.trials)
        config, params = self._sampler.ask(number)
        method = config.pop("method", self._sweep.methods[0])
        self._record(
            "trial",
            trial=number,
            method=method,
            config=config,
            params=params,
            steps=self._sweep.budget.steps,
            seed=self._sweep.seed,
        )
        return self._start(self.history.trials[number])

    def report(
        self,
        number: int,
        attempt: int,
        step: int,
        metrics: Mapping[str, float],
        *,
        checkpoint: str | None = None,
        pictures: Sequence[str] = (),
    ) -> Decision:
        """Record a report and decide.  A step that is in the ledger already is not recorded again."""
        trial = self.history.trials[number]
        if self._live.get(number) != attempt:
            return Stop(trial.state, f"attempt {attempt} is not the running one")
        if step <= trial.step:
            return Continue()
        self._record(
            "report",
            trial=number,
            attempt=attempt,
            step=step,
            metrics=pack(dict(metrics)),
            checkpoint=checkpoint,
            pictures=list(pictures),
        )
        decision = self._judge(trial, trial.reports[-1])
        self._sampler.report(number, step, trial.metrics)
        if isinstance(decision, Continue) and self.wall_time_left <= 0:
            decision = Stop(PRUNED, f"the sweep's wall time ended when it was at step {step}")
        if isinstance(decision, Stop):
            self._end(trial, decision)
        return decision

    def failed(self, number: int, attempt: int, reason: str) -> None:
        """The trial failed of its own; it is not tried again."""
        if self._live.get(number) == attempt:
            self._end(self.history.trials[number], Stop(FAIL, reason))

    def lost(self, number: int, attempt: int, reason: str) -> None:
        """The trial's process or node died.  It is handed out again, ``ATTEMPTS`` times at most."""
        if self._live.get(number) != attempt:
            return
        trial = self.history.trials[number]
        self._record("lost", trial=number, attempt=attempt, reason=reason)
        if len(trial.lost) >= ATTEMPTS:
            self._end(trial, Stop(FAIL, f"lost {len(trial.lost)} times, last: {reason}"))
        else:
            del self._live[number]
            self._unfinished.append(number)

    def close(self, reason: str) -> None:
        """Say goodbye: the driver ends here, because of ``reason``."""
        self._record("close", reason=reason)

    @property
    def wall_time_left(self) -> float:
        """Seconds until the wall time is spent, all sessions since the last extension counted; infinite without one."""
        limit = self._sweep.budget.wall_time
        spent = self._spent_before + self._clock() - self._begun
        return math.inf if limit is None else limit - spent

    # -- inside -------------------------------------------------------------------------------------------------

    def _start(self, trial: Trial) -> Assignment:
        attempt = trial.attempts + 1
        checkpoints = tuple(r.checkpoint for r in reversed(trial.reports) if r.checkpoint)
        self._record("start", trial=trial.number, attempt=attempt, step=trial.step)
        self._live[trial.number] = attempt
        return Assignment(
            trial=trial.number,
            attempt=attempt,
            method=trial.method,
            config=trial.config,
            seed=trial.seed,
            steps=trial.steps,
            reports=(*(s for s in self._sweep.report_steps if s < trial.steps), trial.steps),
            checkpoints=checkpoints,
        )

    def _judge(self, trial: Trial, report: Report) -> Decision:
        for objective in self._sweep.objectives:
            value = report.metrics.get(objective.metric)
            if value is None:
                exist = ", ".join(sorted(report.metrics))
                return Stop(FAIL, f"it reported no {objective.metric} at step {report.step}; it reported {exist}")
            if not math.isfinite(value):
                return Stop(FAIL, f"{objective.metric} is {value} at step {report.step}")
        decision: Decision = Continue()
        if report.step >= self._sweep.judged_from(trial.config):
            decision = self._schedule.decide(trial.number, report.step, report.metrics)
        if report.step >= trial.steps:
            return Stop(COMPLETE, f"finished its {trial.steps} steps")
        return decision

    def _end(self, trial: Trial, stop: Stop) -> None:
        self._record("end", trial=trial.number, state=stop.state, reason=stop.reason, step=trial.step)
        self._live.pop(trial.number, None)
        self._sampler.tell(trial.number, trial.state, trial.metrics)

    def _record(self, kind: str, **fields: Any) -> None:
        self.history.add(self._ledger.append(kind, **fields))

    def _replay_schedule(self) -> None:
        """Give the schedule every recorded report, and write the endings that a crash kept from the ledger."""
        last: dict[int, Decision] = {}
        seen: dict[int, int] = {}
        for row in list(self._ledger.rows):
            if row["kind"] == "report":
                trial = self.history.trials[row["trial"]]
                report = trial.reports[seen.get(trial.number, 0)]
                seen[trial.number] = seen.get(trial.number, 0) + 1
                last[trial.number] = self._judge(trial, report)
        for trial in self.history.trials:
            decision = last.get(trial.number)
            if trial.state == RUNNING and isinstance(decision, Stop):
                self._end(trial, decision)
