"""The ledger's rows as sweeps and trials.  Pure: rows in, values out; knows no file, no Ray, no Optuna.

Kinds of rows, in the order in which they can come:
``sweep`` (first, once), ``session`` (a driver began), ``budget`` (the sweep was extended), ``trial`` (a configuration
was suggested), ``start`` (an attempt was handed out), ``report`` (metrics at a step), ``lost`` (an attempt ended
without an ending of the trial), ``end`` (COMPLETE, PRUNED or FAIL with its reason), ``close`` (a driver said goodbye).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from search.ledger import Row, unpack

COMPLETE, PRUNED, FAIL, RUNNING = "COMPLETE", "PRUNED", "FAIL", "RUNNING"
"""States of a trial, in Optuna's words."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a trial said at ``step``.  ``checkpoint`` and ``pictures`` are paths below the sweep's folder."""

    step: int
    attempt: int
    time: float
    metrics: Mapping[str, float]
    checkpoint: str | None = None
    pictures: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Trial:
    """One configuration and what became of it.  Grows with the ledger; never shrinks."""

    number: int
    method: str
    config: Mapping[str, Any]
    params: Mapping[str, Any]
    """What the sampler chose, by Optuna's parameter names; ``config`` adds the fixed values."""
    steps: int
    seed: int
    time: float
    attempts: int = 0
    started: float | None = None
    reports: list[Report] = field(default_factory=list)
    state: str = RUNNING
    reason: str = ""
    ended: float | None = None
    lost: list[str] = field(default_factory=list)

    @property
    def step(self) -> int:
        """The last reported step, 0 before the first report."""
        return self.reports[-1].step if self.reports else 0

    @property
    def metrics(self) -> Mapping[str, float]:
        """The last report's metrics."""
        return self.reports[-1].metrics if self.reports else {}

    @property
    def pictures(self) -> tuple[str, ...]:
        """Those of the last report that has any, the main one first."""
        return next((report.pictures for report in reversed(self.reports) if report.pictures), ())


@dataclass(kw_only=True)
class History:
    """A whole sweep as its ledger tells it."""

    sweep: Mapping[str, Any] = field(default_factory=dict)
    """The specification as written in the first row."""
    id: str = ""
    created: float = 0.0
    budget: int = 0
    """Number of trials, extensions included."""
    trials: list[Trial] = field(default_factory=list)
    sessions: list[tuple[float, float]] = field(default_factory=list)
    """Begin and last sign of life of each driver, seconds since 1970."""
    renewed: float = 0.0
    """``spent`` when the budget was last extended; a wall time counts from there."""
    closed: str | None = None
    """Why the last driver ended; ``None`` while it runs, or when it died without a word."""

    def add(self, row: Row) -> None:
        """Take in one more row."""
        kind, time = row["kind"], row["time"]
        if kind == "sweep":
            self.sweep, self.id, self.created = row["sweep"], row["id"], time
            self.budget = row["trials"]
        elif kind == "session":
            self.sessions.append((time, time))
            self.closed = None
        elif kind == "budget":
            self.budget, self.renewed = row["trials"], self.spent
        elif kind == "trial":
            assert row["trial"] == len(self.trials), "trial numbers are consecutive"
            self.trials.append(
                Trial(
                    number=row["trial"],
                    method=row["method"],
                    config=row["config"],
                    params=row["params"],
                    steps=row["steps"],
                    seed=row["seed"],
                    time=time,
                )
            )
        elif kind == "close":
            self.closed = row["reason"]
        else:
            self._advance(self.trials[row["trial"]], row)
        if self.sessions and kind != "budget":
            # An extension is written between two drivers.
            self.sessions[-1] = (self.sessions[-1][0], time)

    def _advance(self, trial: Trial, row: Row) -> None:
        kind = row["kind"]
        if kind == "start":
            trial.attempts = row["attempt"]
            trial.started = trial.started or row["time"]
        elif kind == "report":
            trial.reports.append(
                Report(
                    step=row["step"],
                    attempt=row["attempt"],
                    time=row["time"],
                    metrics=unpack(row["metrics"]),
                    checkpoint=row["checkpoint"],
                    pictures=tuple(row["pictures"]),
                )
            )
        elif kind == "lost":
            trial.lost.append(row["reason"])
        elif kind == "end":
            trial.state, trial.reason, trial.ended = row["state"], row["reason"], row["time"]
        else:
            raise ValueError(f"The ledger has a row of unknown kind {kind!r}; was it written by a newer Teasel?")

    @property
    def spent(self) -> float:
        """Seconds that drivers have run, all sessions together."""
        return sum(last - first for first, last in self.sessions)

    @property
    def finished(self) -> bool:
        """All trials of the budget have been suggested and have ended."""
        return len(self.trials) >= self.budget and all(t.state != RUNNING for t in self.trials)


def replay(rows: Iterable[Row]) -> History:
    """The history that a ledger's rows tell."""
    history = History()
    for row in rows:
        history.add(row)
    return history
