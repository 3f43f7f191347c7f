"""The loop of a sweep without Ray: hand out trials, record what they report, decide, tell the sampler.

Whatever drives it (Ray in ``search.run``, a simulation in the tests) calls ``next``, ``report``, ``lost`` and
``failed`` from one thread. Every row is in the ledger before anything acts on it; a new ``Loop`` over the same ledger
goes on where the old one stopped. This module knows nothing of processes, files or Optuna.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from search.assignment import Assignment, Finished, Wait
from search.history import FAIL, PRUNED, RUNNING, Configuration, History, Trial
from search.judge import Compare, Judge
from search.ledger import Ledger, pack
from search.promotion import promising
from search.sampler import Sampler
from search.schedule import Continue, Decision, Pause, Schedule, Stop
from search.shares import after, share
from search.standings import constraints
from trainables.core.conditions import met

ATTEMPTS = 3
"""How often a trial is begun anew after its process or node died before it is given up."""


class Sweep(Protocol):
    """What the loop reads of a sweep."""

    @property
    def objectives(self) -> Sequence[Any]: ...
    @property
    def budget(self) -> Any: ...
    @property
    def seeds(self) -> Any: ...
    @property
    def resources(self) -> Any: ...
    @property
    def rungs(self) -> Sequence[int]: ...
    @property
    def report_steps(self) -> Sequence[int]: ...
    @property
    def seed(self) -> int: ...
    @property
    def methods(self) -> Sequence[str]: ...
    def judged_from(self, config: Mapping[str, Any], /) -> int: ...


Comparison = Callable[[Configuration, int], Mapping[int, Mapping[str, float]]]
"""Metrics that the replicates of a configuration have only together at a step, by trial."""


class Loop:
    """Drives one sweep over one ledger.  ``compare`` is asked when all replicates have come to the same step."""

    def __init__(
        self,
        ledger: Ledger,
        sweep: Sweep,
        *,
        sampler: Sampler,
        schedule: Schedule,
        concurrency: int,
        compare: Comparison | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._sweep = sweep
        self._reports = tuple(sweep.report_steps)
        self._sampler = sampler
        self._compare = compare
        self.concurrency = concurrency
        self._clock = clock
        self._begun = clock()
        self._live: dict[int, int] = {}
        self.stopping = False
        several = sweep.seeds.count > 1 and not sweep.seeds.adaptive
        self._judge = Judge(sweep, schedule, compares=several and compare is not None)
        undone = self._judge.replay(ledger.rows)
        self._spent_before = self.history.spent - self.history.renewed
        sampler.rebuild(ledger.rows, self.history)
        self._told = {c.number for c in self.history.configurations if c.state != RUNNING}
        for comparison in undone:
            self._make(comparison)
        self._settle()
        self._unfinished = [
            t.number for t in self.history.trials if t.state == RUNNING and t.number not in self._judge.waiting
        ]

    @property
    def history(self) -> History:
        """What the ledger tells."""
        return self._judge.history

    @property
    def waiting(self) -> frozenset[int]:
        """Trials that have no worker, because they wait at a rung for their replicates."""
        return frozenset(self._judge.waiting)

    # -- what a driver calls ------------------------------------------------------------------------------------

    def next(self) -> Assignment | Wait | Finished:
        """The next attempt to run: unfinished trials first, then missing replicates, then a new suggestion."""
        if self.stopping:
            return Finished()
        if len(self._live) >= self.concurrency:
            return Wait()
        while self._unfinished:
            trial = self.history.trials[self._unfinished.pop(0)]
            if trial.state == RUNNING:
                return self._start(trial)
        if self.wall_time_left > 0:
            if (again := self._to_repeat()) is not None:
                return self._start(self._replicate(again))
            if self.history.room:
                return self._start(self._suggested())
        elif not self._live:
            reason = "the sweep's wall time ended while it waited for its replicates"
            self._judge.pending |= dict.fromkeys(sorted(self._judge.waiting), Stop(PRUNED, reason))
            self._settle()
        # A live trial's worker may die yet, and then the trial has to be handed out again.
        return Wait() if self._live else Finished()

    def report(
        self,
        number: int,
        attempt: int,
        step: int,
        metrics: Mapping[str, float],
        *,
        checkpoint: str | None = None,
        pictures: Sequence[str] = (),
        host: str = "",
        seconds: Mapping[str, float] | None = None,
    ) -> Decision:
        """Record a report and decide.  A step that is in the ledger already is not recorded again."""
        trial = self.history.trials[number]
        if self._live.get(number) != attempt:
            return Stop(trial.state, f"attempt {attempt} is not the running one")
        if step <= trial.step:
            return Continue()
        waited = set(self._judge.waiting)
        comparison = self._record(
            "report",
            trial=number,
            attempt=attempt,
            step=step,
            metrics=pack(dict(metrics)),
            checkpoint=checkpoint,
            pictures=list(pictures),
            **{name: said for name, said in (("host", host), ("seconds", dict(seconds or {}))) if said},
            **self._elapsed(),
        )
        if comparison is not None:
            self._make(comparison)
        configuration = self.history.configuration(trial)
        if self._judge.whole(configuration, step) and configuration.trials.index(trial) < configuration.expected:
            self._sampler.report(configuration, step)
        if self.wall_time_left <= 0 and number not in self._judge.pending:
            reason = f"the sweep's wall time ended when it was at step {step}"
            self._judge.pending[number] = Stop(PRUNED, reason)
        self._settle()
        free = waited - self._judge.waiting
        self._unfinished += sorted(n for n in free if self.history.trials[n].state == RUNNING)
        if trial.state != RUNNING:
            return Stop(trial.state, trial.reason)
        if number in self._judge.waiting:
            del self._live[number]
            return Pause(f"its replicates are not all at rung {step}")
        return Continue()

    def failed(self, number: int, attempt: int, reason: str, condition: str = "") -> None:
        """The trial failed of its own; ``condition`` names what it met, where that is known.

        It is not tried again, unless it had no more memory on its share of a GPU: then once, with twice the share.
        """
        if self._live.get(number) != attempt:
            return
        more, reason = after(self.history.trials[number], self._sweep.resources.gpus, condition, reason)
        if more is not None:
            self._record("lost", trial=number, attempt=attempt, reason=reason, gpu=more)
            del self._live[number]
            self._unfinished.append(number)
            return
        self._judge.pending[number] = Stop(FAIL, reason, condition)
        self._settle()

    def lost(self, number: int, attempt: int, reason: str) -> None:
        """The trial's process or node died.  It is handed out again, ``ATTEMPTS`` times at most."""
        if self._live.get(number) != attempt:
            return
        trial = self.history.trials[number]
        self._record("lost", trial=number, attempt=attempt, reason=reason)
        if len(trial.lost) >= ATTEMPTS:
            self._judge.pending[number] = Stop(FAIL, f"lost {len(trial.lost)} times, last: {reason}")
            self._settle()
        else:
            del self._live[number]
            self._unfinished.append(number)

    def close(self, reason: str) -> None:
        """Say goodbye: the driver ends here, because of ``reason``."""
        self._record("close", reason=reason, **self._elapsed())

    @property
    def wall_time_left(self) -> float:
        """Seconds until the wall time is spent, all sessions since the last extension counted; infinite without one."""
        limit = self._sweep.budget.wall_time
        spent = self._spent_before + self._clock() - self._begun
        return math.inf if limit is None else limit - spent

    def _elapsed(self) -> dict[str, float]:
        """Where a wall time is counted: how long this session has lasted, whatever the machine's clock is set to."""
        return {} if self._sweep.budget.wall_time is None else {"elapsed": round(self._clock() - self._begun, 3)}

    # -- inside -------------------------------------------------------------------------------------------------

    def _to_repeat(self) -> Configuration | None:
        """The configuration that needs one more replicate."""
        if len(self.history.trials) >= self.history.budget:
            return None
        newest = self.history.configurations[-1:]
        for configuration in newest:
            if len(configuration.trials) < configuration.expected and configuration.state == RUNNING:
                return configuration
        seeds = self._sweep.seeds
        return promising(self.history, self._sweep.objectives, seeds.count) if seeds.adaptive else None

    def _suggested(self) -> Trial:
        number = len(self.history.configurations)
        config, params = self._sampler.ask(number)
        method = config.pop("method", self._sweep.methods[0])
        return self._new(number, method, config, params, self._sweep.seed)

    def _replicate(self, configuration: Configuration) -> Trial:
        first = configuration.first
        seed = first.seed + len(configuration.trials)
        return self._new(configuration.number, first.method, first.config, first.params, seed)

    def _new(self, configuration: int, method: str, config: Any, params: Any, seed: int) -> Trial:
        self._record(
            "trial",
            trial=len(self.history.trials),
            configuration=configuration,
            method=method,
            config=config,
            params=params,
            steps=self._sweep.budget.steps,
            seed=seed,
        )
        return self.history.trials[-1]

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
            reports=(*(s for s in self._reports if s < trial.steps), trial.steps),
            checkpoints=checkpoints,
            gpu=share(trial, self._sweep.resources.gpus),
        )

    def _make(self, comparison: Compare) -> None:
        """Compare replicates and record what comes of it."""
        assert self._compare is not None
        configuration = self.history.configurations[comparison.configuration]
        found = self._compare(configuration, comparison.step)
        metrics = {str(number): pack(dict(each)) for number, each in found.items()}
        self._record("compared", configuration=configuration.number, step=comparison.step, metrics=metrics)

    def _settle(self) -> None:
        """Record every ending that was decided, and tell the sampler of the configurations that have ended."""
        limits = constraints(self.history.sweep)
        while self._judge.pending:
            number, stop = next(iter(self._judge.pending.items()))
            trial = self.history.trials[number]
            reason = "; ".join([stop.reason, *([] if stop.state == FAIL else met(trial.metrics, limits))])
            more = {"condition": stop.condition} if stop.condition else {}
            self._record("end", trial=number, state=stop.state, reason=reason, step=trial.step, **more)
            self._live.pop(number, None)
            configuration = self.history.configuration(trial)
            if configuration.number in self._told:
                if self._sweep.seeds.adaptive:
                    self._sampler.correct(configuration)
            elif configuration.state != RUNNING:
                self._told.add(configuration.number)
                self._sampler.tell(configuration)

    def _record(self, kind: str, **fields: Any) -> Compare | None:
        return self._judge.add(self._ledger.append(kind, **fields))
