"""The ledger's rows as sweeps and trials.  Pure: rows in, values out; knows no file, no Ray, no Optuna.

Kinds of rows, in the order in which they can come:
``sweep`` (first, once), ``session`` (a driver began), ``budget`` (the sweep was extended), ``trial`` (a configuration
was suggested, or is to be trained under one more seed), ``start`` (an attempt was handed out), ``report`` (metrics at a
step), ``compared`` (metrics that replicates have only together), ``lost`` (an attempt ended without an ending of the
trial), ``end`` (COMPLETE, PRUNED or FAIL with its reason), ``pick`` (a configuration was chosen), ``close`` (a driver
said goodbye).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from search.ledger import LedgerError, Row, unpack
from search.row_check import fault

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


@dataclass(frozen=True, kw_only=True)
class Pick:
    """The configuration that a person or a rule chose, and why."""

    trial: int
    because: str
    time: float


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
    configurations: list[Configuration] = field(default_factory=list)
    picks: list[Pick] = field(default_factory=list)
    sessions: list[tuple[float, float]] = field(default_factory=list)
    """Begin and last sign of life of each driver, seconds since 1970."""
    lasted: list[float | None] = field(default_factory=list)
    """How long each driver has run by a clock that nobody sets, where it said so."""
    renewed: float = 0.0
    """``spent`` when the budget was last extended; a wall time counts from there."""
    closed: str | None = None
    """Why the last driver ended; ``None`` while it runs, or when it died without a word."""

    def __post_init__(self) -> None:
        for trial in self.trials:
            self._join(trial)

    @property
    def seeds(self) -> int:
        """How many replicates every configuration gets at once."""
        said = self.sweep.get("seeds") or {}
        return 1 if said.get("adaptive") else said.get("count", 1)

    def configuration(self, trial: Trial) -> Configuration:
        """The configuration that ``trial`` trains."""
        return self.configurations[trial.configuration]

    def _join(self, trial: Trial) -> None:
        if trial.configuration == len(self.configurations):
            self.configurations.append(Configuration(number=trial.configuration, expected=self.seeds))
        self.configurations[trial.configuration].trials.append(trial)
        self.configurations[trial.configuration].known.clear()
        trial.replicated = (self.sweep.get("seeds") or {}).get("count", 1) > 1

    def add(self, row: Row) -> None:
        """Take in one more row.  Raises ``LedgerError`` for one that cannot be, whoever wrote it."""
        if wrong := fault(row) or self._misplaced(row):
            raise LedgerError(f"The ledger has a row {wrong}")
        kind, time = row["kind"], row["time"]
        if kind == "sweep":
            self.sweep, self.id, self.created = row["sweep"], row["id"], time
            self.budget = row["trials"]
        elif kind == "session":
            self.sessions.append((time, time))
            self.lasted.append(None)
            self.closed = None
        elif kind == "budget":
            self.budget, self.renewed = row["trials"], self.spent
        elif kind == "trial":
            trial = Trial(
                number=row["trial"],
                configuration=row["configuration"] if "configuration" in row else row["trial"],
                method=row["method"],
                config=row["config"],
                params=row["params"],
                steps=row["steps"],
                seed=row["seed"],
                time=time,
            )
            self.trials.append(trial)
            self._join(trial)
        elif kind == "compared":
            self._compare(row)
        elif kind == "pick":
            self.picks.append(Pick(trial=row["trial"], because=row["because"], time=time))
        elif kind == "close":
            self.closed = row["reason"]
        else:
            self._advance(self.trials[row["trial"]], row)
            self.configuration(self.trials[row["trial"]]).known.clear()
        if self.sessions and kind not in ("budget", "pick"):
            # An extension and a pick are written between two drivers.
            self.sessions[-1] = (self.sessions[-1][0], time)
            self.lasted[-1] = row.get("elapsed", self.lasted[-1])

    def _misplaced(self, row: Row) -> str:
        """Why a row cannot come here, as the end of a sentence."""
        kind, known = row["kind"], len(self.trials)
        numbers = map(int, row["metrics"]) if kind == "compared" else [row["trial"]] if "trial" in row else []
        if kind == "trial":
            if row["trial"] != known:
                return f"(trial) with the number {row['trial']}, and the next one is {known}."
            if not 0 <= row.get("configuration", known) <= len(self.configurations):
                return f"(trial) of configuration {row['configuration']}; there are {len(self.configurations)} so far."
        elif any(number >= known for number in numbers):
            return f"({kind}) about a trial that is not there; there are {known} so far."
        return "(sweep) after the first." if kind == "sweep" and self.sweep else ""

    def _compare(self, row: Row) -> None:
        for number, metrics in row["metrics"].items():
            trial = self.trials[int(number)]
            self.configuration(trial).known.clear()
            for index, report in enumerate(trial.reports):
                if report.step == row["step"]:
                    trial.reports[index] = replace(report, metrics={**report.metrics, **unpack(metrics)})

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
                    host=row.get("host", ""),
                )
            )
        elif kind == "lost":
            trial.lost.append(row["reason"])
            trial.gpu = row.get("gpu", trial.gpu)
        else:
            trial.state, trial.reason, trial.ended = row["state"], row["reason"], row["time"]
            trial.condition = row.get("condition", "")

    @property
    def spent(self) -> float:
        """Seconds that drivers have run, all sessions together."""
        known = zip(self.sessions, self.lasted, strict=True)
        # Between two rows a clock may have been set back.
        return sum(max(0.0, last - first) if lasted is None else lasted for (first, last), lasted in known)

    @property
    def finished(self) -> bool:
        """All trials of the budget have been suggested and have ended."""
        if self.room or any(t.state == RUNNING for t in self.trials):
            return False
        return not any(c.state == RUNNING for c in self.configurations)

    @property
    def room(self) -> bool:
        """Whether the budget has a whole configuration left."""
        return len(self.trials) + self.seeds <= self.budget


def replay(rows: Iterable[Row]) -> History:
    """The history that a ledger's rows tell."""
    history = History()
    for row in rows:
        history.add(row)
    return history
