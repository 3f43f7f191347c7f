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
from search.trials import COMPLETE, FAIL, PRUNED, RUNNING, Configuration, Report, Trial

__all__ = ["COMPLETE", "FAIL", "PRUNED", "RUNNING", "Configuration", "History", "Pick", "Report", "Trial", "replay"]


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
            self.trials[row["trial"]].take(row)
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
