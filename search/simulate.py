"""A sweep in simulated time: the real loop, sampler, schedule and judge, while recorded curves stand for training.

Workers are events on a heap: a report comes when the seconds that it took when it was recorded have gone by. Nothing
is trained and nothing is written. Knows nothing of files or terminals.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from search.assignment import Assignment, Finished
from search.history import COMPLETE, FAIL, PRUNED, Configuration, History
from search.ledger import Ledger, Row
from search.ledger_rows import Chain
from search.loop import Loop
from search.run import loop
from search.schedule import Continue
from search.standings import standings
from search.surrogate import Point, Surrogate
from search.sweep import Sweep
from trainables.core.storage import place


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one simulated sweep came to."""

    seed: int
    """Of the sampler."""
    seconds: float
    """Simulated time until the last trial ended."""
    busy: float
    """Seconds that all workers together have trained and scored."""
    trials: int
    complete: int
    stopped: int
    failed: int
    found: tuple[tuple[float, float], ...]
    """When the first of the ranking changed, and what that one is worth."""
    apart: tuple[float, ...]
    """How far the recorded configuration was from each that was suggested: ``surrogate.Near.apart``."""

    def best(self, seconds: float) -> float | None:
        """What the first of the ranking was worth at a time; None before the first trial was complete."""
        return next((value for time, value in reversed(self.found) if time <= seconds), None)


class Memory(Ledger):
    """A ledger that is kept nowhere, and whose rows have the simulation's time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(place("."), [], Chain(), 0)
        self._clock = clock

    def append(self, kind: str, **fields: Any) -> Row:
        row = {"kind": kind, "time": self._clock(), **fields}
        self.rows.append(row)
        return row

    def _write(self, line: bytes) -> None:
        raise AssertionError("nothing is written")

    def close(self) -> None:
        """There is nothing to give free."""


@dataclass
class _Worker:
    """A live trial and what it has yet to say."""

    assignment: Assignment
    points: list[Point]


class Simulation:
    """One sweep, simulated.  ``run`` goes to its end, or to ``until`` seconds."""

    def __init__(self, sweep: Sweep, surrogate: Surrogate, *, workers: int, until: float = math.inf) -> None:
        self.now = 0.0
        self._sweep = sweep
        self._surrogate = surrogate
        self._workers = workers
        self._until = until
        self._order = 0
        self._events: list[tuple[float, int, _Worker]] = []
        self._busy = 0.0
        self._found: list[tuple[float, float]] = []
        self._worth: dict[int, float | None] = {}
        self.ledger = Memory(lambda: self.now)
        self.ledger.append("sweep", sweep=sweep.model_dump(mode="json"), id=sweep.id, trials=sweep.budget.trials)
        self.loop: Loop = loop(self.ledger, sweep, concurrency=workers, compare=_compared, clock=lambda: self.now)

    @property
    def history(self) -> History:
        return self.loop.history

    def run(self) -> Run:
        """Go to the end."""
        self._fill()
        while self._events and self._events[0][0] <= self._until:
            self.now, _, worker = heapq.heappop(self._events)
            if not self._said(worker):
                self._look()
            self._fill()
        states = [trial.state for trial in self.history.trials]
        return Run(
            seed=self._sweep.sampler.seed,
            seconds=self.now,
            busy=self._busy,
            trials=len(states),
            complete=states.count(COMPLETE),
            stopped=states.count(PRUNED),
            failed=states.count(FAIL),
            found=tuple(self._found),
            apart=tuple(self._near(c).apart for c in self.history.configurations),
        )

    def _fill(self) -> None:
        """Give every free worker a trial, as long as there is one."""
        while isinstance(given := self.loop.next(), Assignment):
            trial = self.history.trials[given.trial]
            curves = self._near(self.history.configuration(trial)).curves
            curve = curves[given.seed - self._sweep.seed]
            points = self._surrogate.points(curve, given.reports)
            self._wait(_Worker(given, [point for point in points if point.step > trial.step]))
        assert self._events or isinstance(given, Finished), "waiting for nothing"

    def _wait(self, worker: _Worker) -> None:
        seconds = worker.points[0].seconds
        self._busy += seconds
        heapq.heappush(self._events, (self.now + seconds, self._order, worker))
        self._order += 1

    def _said(self, worker: _Worker) -> bool:
        """Tell the loop what a worker has come to; whether its trial goes on."""
        point, given = worker.points.pop(0), worker.assignment
        if not point.metrics:
            self.loop.failed(given.trial, given.attempt, f"diverged before step {point.step}", "diverged")
            return False
        decision = self.loop.report(given.trial, given.attempt, point.step, point.metrics)
        if isinstance(decision, Continue):
            self._wait(worker)
            return True
        return False

    def _near(self, configuration: Configuration) -> Any:
        return self._surrogate.near(configuration.first.method, configuration.first.config)

    def _look(self) -> None:
        """Note what the first of the ranking is worth, where that is another one now."""
        first = standings(self.history)[0]
        if first.configuration.state != COMPLETE or first.violated:
            return
        number = first.configuration.number
        if number not in self._worth:
            self._worth[number] = self._surrogate.worth(self._near(first.configuration).curves)
        worth = self._worth[number]
        if worth is not None and (not self._found or self._found[-1][1] != worth):
            self._found.append((self.now, worth))


def _compared(configuration: Configuration, step: int) -> Mapping[int, Mapping[str, float]]:
    """What replicates have only together was recorded with their reports."""
    return {trial.number: {} for trial in configuration.trials}


def simulate(sweep: Sweep, surrogate: Surrogate, *, seed: int, workers: int, until: float = math.inf) -> Run:
    """One sweep from its first suggestion to its end, under a sampler's seed."""
    said = {**sweep.sampler.model_dump(), "seed": seed}
    return Simulation(sweep.replace(sampler=said), surrogate, workers=workers, until=until).run()


def unstopped(sweep: Sweep) -> Sweep:
    """The reference: random search with the same space, and every trial trained to its end, as long as time lasts."""
    return sweep.replace(
        sampler={"name": "random", "seed": sweep.sampler.seed},
        schedule={"name": "none"},
        budget={**sweep.budget.model_dump(), "trials": 10**6, "wall_time": None},
        report_every=sweep.report_every,
    )
