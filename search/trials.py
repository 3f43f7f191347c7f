"""A trial, what it reported, and the configuration that its replicates share.  Pure; ``search.history`` makes them."""

from __future__ import annotations

from collections.abc import Mapping
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
    host: str = ""
    """The machine that it was made on."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """How long its parts took since the report before: ``training``, ``scores``, ``pictures``, ``writing``."""

    @classmethod
    def of(cls, row: Row) -> Report:
        """From a row ``report`` of the ledger."""
        return cls(
            step=row["step"],
            attempt=row["attempt"],
            time=row["time"],
            metrics=unpack(row["metrics"]),
            checkpoint=row["checkpoint"],
            pictures=tuple(row["pictures"]),
            host=row.get("host", ""),
            seconds=row.get("seconds", {}),
        )


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
    configuration: int = -1
    """The number of its configuration; trials of one configuration differ in their seed alone."""
    replicated: bool = False
    """Whether its configuration has or may get other seeds, so that the seed belongs to its name."""
    attempts: int = 0
    started: float | None = None
    reports: list[Report] = field(default_factory=list)
    state: str = RUNNING
    reason: str = ""
    ended: float | None = None
    condition: str = ""
    """The failure condition that ended it, where one did."""
    lost: list[str] = field(default_factory=list)
    gpu: float | None = None
    """Its share of a GPU, where that is no longer the sweep's: it ran out of memory once."""

    def __post_init__(self) -> None:
        if self.configuration < 0:
            self.configuration = self.number

    def take(self, row: Row) -> None:
        """Take in a row about this trial: ``start``, ``report``, ``lost`` or ``end``."""
        kind = row["kind"]
        if kind == "start":
            self.attempts = row["attempt"]
            self.started = self.started or row["time"]
        elif kind == "report":
            self.reports.append(Report.of(row))
        elif kind == "lost":
            self.lost.append(row["reason"])
            self.gpu = row.get("gpu", self.gpu)
        else:
            self.state, self.reason, self.ended = row["state"], row["reason"], row["time"]
            self.condition = row.get("condition", "")

    @property
    def step(self) -> int:
        """The last reported step, 0 before the first report."""
        return self.reports[-1].step if self.reports else 0

    def at(self, step: int) -> Report | None:
        """The report at ``step``."""
        return next((report for report in reversed(self.reports) if report.step == step), None)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The machines that it ran on, in the order in which it came to them."""
        return tuple(dict.fromkeys(report.host for report in self.reports if report.host))

    @property
    def metrics(self) -> Mapping[str, float]:
        """The last report's metrics."""
        return self.reports[-1].metrics if self.reports else {}

    @property
    def pictures(self) -> tuple[str, ...]:
        """Those of the last report that has any, the main one first."""
        return next((report.pictures for report in reversed(self.reports) if report.pictures), ())


@dataclass(kw_only=True)
class Configuration:
    """A point of the space with its replicates: trials that differ in their seed alone."""

    number: int
    expected: int = 1
    """How many replicates make it whole."""
    trials: list[Trial] = field(default_factory=list)
    known: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)  # what readers found so far

    @property
    def first(self) -> Trial:
        """The replicate that all others repeat."""
        return self.trials[0]

    @property
    def counted(self) -> list[Trial]:
        """Its first ``expected`` replicates, and any more that were trained to their end."""
        return [*self.trials[: self.expected], *(t for t in self.trials[self.expected :] if t.state == COMPLETE)]

    @property
    def state(self) -> str:
        """FAIL as soon as one replicate failed, RUNNING until the counted ones end; PRUNED if one was stopped."""
        if any(trial.state == FAIL for trial in self.trials):
            return FAIL
        states = {trial.state for trial in self.counted}
        if RUNNING in states:
            return RUNNING
        if PRUNED in states:
            return PRUNED
        return COMPLETE if len(self.trials) >= self.expected else RUNNING

    @property
    def step(self) -> int:
        """The last step that all counted replicates have reported, 0 where there is none."""
        return min(trial.step for trial in self.counted) if len(self.trials) >= self.expected else 0

    def reports(self, step: int) -> list[Report]:
        """The reports at ``step`` of those counted replicates that have one."""
        return [found for trial in self.counted if (found := trial.at(step)) is not None]
