"""A ledger's rows as MLflow runs: what each run should hold.  Pure; knows no MLflow, no server and no files.

One parent run stands for the sweep, one child for each trial. A run's points (metric values) are a list that only
grows, and point N depends on nothing but the ledger's rows up to the one that made it; so publishing a growing ledger
in any number of steps ends where publishing it once does, and a repeated point is the same to the last bit. Values that
are not finite are left out: MLflow's databases hold no infinity. The tag ``nonfinite`` names them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from search.goals import Goal, goals
from search.history import COMPLETE, FAIL, PRUNED, RUNNING, History, Trial
from search.ledger import Row, unpack
from search.replicates import last, together
from search.report import description
from search.results import title
from search.row_check import require_names
from search.standings import Standing, constraints, ranking, standings, told_apart
from search.tracking.words import NAME, VALUE, flat, metric, milliseconds, text
from trainables.core.conditions import met

PARENT = -1
"""The key of the sweep's own run; trials have their numbers."""

STATUS = {COMPLETE: "FINISHED", PRUNED: "FINISHED", FAIL: "FAILED"}


class Point(NamedTuple):
    """One metric value.  ``time`` is in milliseconds since 1970, as the ledger has it."""

    name: str
    value: float
    time: int
    step: int


class Picture(NamedTuple):
    """One picture of a trial; ``path`` lies below the sweep's folder."""

    path: str
    time: int
    step: int


@dataclass(kw_only=True)
class Run:
    """All that one MLflow run grows by.  ``rows`` are the ledger rows that have not been published."""

    points: list[Point] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    rows: int = 0
    stale: bool = True


@dataclass(frozen=True, kw_only=True)
class Face:
    """What a run shows beside its points: replaced as the sweep goes on."""

    name: str
    status: str
    start: int
    end: int | None
    """Milliseconds; ``None`` unless the run has ended for good, because MLflow cannot take an end back."""
    params: Mapping[str, str]
    tags: Mapping[str, str]


class Projection:
    """Takes rows in and knows for each run what it should hold."""

    def __init__(self) -> None:
        self.history = History()
        self.runs: dict[int, Run] = {PARENT: Run()}
        self.rows = 0
        self._goals: tuple[Goal, ...] = ()
        self._standings: dict[int, Standing] = {}
        self._best: dict[str, float] = {}
        self._ended = 0

    def add(self, row: Row) -> None:
        """Take in one more row."""
        self.history.add(row)
        self.rows, kind = self.rows + 1, row["kind"]
        if kind == "sweep":
            require_names(self.history.sweep)
            self._goals = goals(self.history.sweep.get("objectives", ()))
        if kind == "trial":
            self.runs[row["trial"]] = Run()
        if kind == "session":
            # Those that a goodbye had shown as killed are alive again.
            self._touch(t.number for t in self.history.trials if t.state == RUNNING)
        run = self.runs[row.get("trial", PARENT)]
        run.rows += 1
        run.stale = self.runs[PARENT].stale = True
        if kind == "report":
            self._report(run, self.history.trials[row["trial"]], row)
        elif kind == "compared":
            self._compared(row)
        elif kind == "end":
            self._end(run, self.history.trials[row["trial"]])
        if kind in ("end", "close") and (kind == "end") == self.history.finished:
            self._rank(milliseconds(row["time"]))
        if kind == "close":
            self._touch(t.number for t in self.history.trials if t.state == RUNNING)

    @property
    def backlog(self) -> int:
        """Rows that have been read and not been published."""
        return sum(run.rows for run in self.runs.values())

    def _touch(self, keys: Iterator[int]) -> None:
        for key in keys:
            self.runs[key].stale = True

    def _report(self, run: Run, trial: Trial, row: Row) -> None:
        report = trial.reports[-1]
        self._values(run, report.metrics, milliseconds(row["time"]), report.step)
        self._best_so_far(run, trial, report.metrics, milliseconds(row["time"]))
        run.pictures.extend(Picture(path, milliseconds(row["time"]), report.step) for path in report.pictures)

    def _compared(self, row: Row) -> None:
        """Metrics that replicates have only together come after their reports, and after the end of some."""
        for number, metrics in row["metrics"].items():
            trial, run = self.history.trials[int(number)], self.runs[int(number)]
            found, time = unpack(metrics), milliseconds(row["time"])
            self._values(run, found, time, row["step"])
            self._best_so_far(run, trial, found, time)
            if trial.state not in (RUNNING, FAIL):
                self._final(run, found, time, row["step"])
            run.stale = True

    def _values(self, run: Run, metrics: Mapping[str, float], time: int, step: int) -> None:
        for name, value in metrics.items():
            if math.isfinite(value):
                run.points.append(Point(self._name(name), float(value), time, step))
            else:
                run.odd.append(f"{name} {value} at step {step}")

    def _best_so_far(self, run: Run, trial: Trial, fresh: Mapping[str, float], time: int) -> None:
        for goal in () if self.picked else self._goals:
            values = [r.metrics.get(goal.metric, math.nan) for r in trial.reports]
            known = [v for v in values if math.isfinite(v)]
            if known and math.isfinite(fresh.get(goal.metric, math.nan)):
                best = (max if goal.maximize else min)(known)
                run.points.append(Point(f"best/{metric(goal.metric)}", best, time, trial.step))

    def _final(self, run: Run, metrics: Mapping[str, float], time: int, step: int) -> None:
        for goal in () if self.picked else self._goals:
            value = metrics.get(goal.metric, math.nan)
            if math.isfinite(value):
                run.points.append(Point(f"final/{metric(goal.metric)}", value, time, step))

    def _end(self, run: Run, trial: Trial) -> None:
        self._ended += 1
        time = milliseconds(trial.ended or 0.0)
        if trial.state != FAIL:
            self._final(run, trial.metrics, time, trial.step)
        configuration = self.history.configuration(trial)
        if configuration.state == COMPLETE and not self.picked:
            # Of several seeds, what they are worth together.
            for name, value in together(last(configuration), self._goals).items():
                better = max if next(g.maximize for g in self._goals if g.metric == name) else min
                self._best[name] = better(self._best.get(name, value), value)
                point = Point(f"best/{metric(name)}", self._best[name], time, self._ended)
                self.runs[PARENT].points.append(point)

    def _rank(self, time: int) -> None:
        for standing in standings(self.history):
            for trial in standing.configuration.trials:
                if trial.state == RUNNING:
                    continue
                run = self.runs[trial.number]
                self._standings[trial.number], run.stale = standing, True
                if not self.picked:
                    run.points.append(Point("rank", float(standing.rank), time, trial.step))
                for name, found in standing.intervals.items():
                    known = {"mean": found.mean, "low": found.low, "high": found.high, "count": float(found.count)}
                    run.points.extend(
                        Point(f"seeds/{self._name(name)}/{key}", value, time, trial.step)
                        for key, value in known.items()
                        if trial.replicated and math.isfinite(value)
                    )

    # -- faces ------------------------------------------------------------------------------------------------------

    @property
    def picked(self) -> dict[str, Any]:
        """Of which trial of which sweep this one is the final training; empty where it is a search."""
        return dict(self.history.sweep.get("picked") or {})

    @property
    def experiment(self) -> str:
        """The name of the MLflow experiment: the sweep's, or that of the sweep from which it was picked."""
        return self.picked.get("sweep") or self.history.sweep.get("name") or ""

    def _title(self, trial: Trial) -> str:
        if self.picked:
            return text(f"pick of {self.picked['trial']:03d}, seed {trial.seed}")
        return text(title(trial))

    def _name(self, name: str) -> str:
        """A metric's name; one that was measured on test images says so."""
        if self.picked and not name.startswith("train/"):
            name = f"test/{name.removeprefix('val/')}"
        return metric(name)

    @property
    def tags(self) -> dict[str, str]:
        """What every run of this sweep carries, and no other sweep's: its id and when its ledger began."""
        begun = str(milliseconds(self.history.created))
        return {"teasel.sweep": re.sub(r"[^\w.-]", "_", self.history.id), "teasel.begun": begun}

    def face(self, key: int, *, alive: bool) -> Face:
        """What run ``key`` should show; ``alive``: somebody drives the sweep at this moment."""
        alive = alive and self.history.closed is None
        return self._parent(alive) if key == PARENT else self._child(key, alive)

    def _parent(self, alive: bool) -> Face:
        history = self.history
        over = all(t.state != RUNNING for t in history.trials)
        limit = (history.sweep.get("budget") or {}).get("wall_time")
        picked = history.picks[-1] if history.picks else None
        done = history.finished or (over and not alive and limit is not None and history.spent >= limit)
        status = "FINISHED" if done else ("RUNNING" if alive else "KILLED")
        end = max((t.ended or 0.0 for t in history.trials), default=0.0) if done else None
        tags = {
            **self.tags,
            "state": status.lower(),
            "reason": text(history.closed or ""),
            "trials": f"{self._ended}/{history.budget}",
            "told_apart": text(told_apart(history)),
            **({"pick_of": text(f"{self.picked['sweep']} trial {self.picked['trial']:03d}")} if self.picked else {}),
            **({"picked": text(f"{picked.trial:03d}: {picked.because}")} if picked else {}),
            "mlflow.source.name": "teasel",
            "mlflow.note.content": text(description(history, ranking(history)), lines=True),
        }
        return Face(
            name=text(history.sweep.get("name", "sweep"))[:NAME],
            status=status,
            start=milliseconds(history.created),
            end=None if end is None else milliseconds(end),
            params=dict(flat(history.sweep)),
            tags=tags,
        )

    def _child(self, key: int, alive: bool) -> Face:
        trial, run = self.history.trials[key], self.runs[key]
        free = [name.rpartition(".")[2] for name in trial.params if name != "method"]
        tags = {
            **self.tags,
            "teasel.trial": str(trial.number),
            "state": trial.state,
            "reason": text(trial.reason),
            "method": text(trial.method),
            "attempts": str(trial.attempts),
            "searched": text(", ".join(free)),
            "mlflow.source.name": "teasel",
        }
        tags |= {"host": text(", ".join(trial.hosts))} if trial.hosts else {}
        if trial.replicated:
            tags["configuration"] = str(trial.configuration)
        if self.picked:
            tags["pick_of"] = text(f"{self.picked['sweep']} trial {self.picked['trial']:03d}")
        elif (standing := self._standings.get(key)) is not None:
            tags["rank"] = str(standing.rank)
            if standing.pareto is not None:
                tags["pareto"] = str(standing.pareto).lower()
        if wrong := met(trial.metrics, constraints(self.history.sweep)):
            tags["conditions"] = text("; ".join(wrong))
        if trial.condition:
            tags["condition"] = trial.condition
        for pick in self.history.picks:
            if pick.trial == key:
                tags["picked"] = text(pick.because)
        if run.odd:
            more = f", and {len(run.odd) - 20} more" if len(run.odd) > 20 else ""
            tags["nonfinite"] = text(", ".join(run.odd[:20]) + more)
        data = self.history.sweep.get("data") or {}
        said = {
            **trial.config,
            "method": trial.method,
            "data": data.get("name", ""),
            **({"secondary": second.get("name", "")} if (second := data.get("secondary")) else {}),
            "seed": trial.seed,
        }
        return Face(
            name=self._title(trial)[:NAME],
            status=STATUS.get(trial.state, "RUNNING" if alive else "KILLED"),
            start=milliseconds(trial.started or trial.time),
            end=None if trial.ended is None else milliseconds(trial.ended),
            params={metric(k): text(v)[:VALUE] for k, v in {**said, "steps": trial.steps}.items()},
            tags=tags,
        )
