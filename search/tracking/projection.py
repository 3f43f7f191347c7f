"""A ledger's rows as MLflow runs: what each run should hold.  Pure; knows no MLflow, no server and no files.

One parent run stands for the sweep, one child for each trial. A run's points (metric values) are a list that only
grows, and point N depends on nothing but the ledger's rows up to the one that made it; so publishing a growing ledger
in any number of steps ends where publishing it once does, and a repeated point is the same to the last bit.

Values that are not finite are left out: MLflow's databases hold no infinity. The tag ``nonfinite`` names them.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from posixpath import normpath
from typing import Any, NamedTuple

from search.history import COMPLETE, FAIL, PRUNED, RUNNING, History, Trial
from search.ledger import Row
from search.report import description
from search.results import Goal, goals, ranking, title

PARENT = -1
"""The key of the sweep's own run; trials have their numbers."""

VALUE, TAG, NAME = 6000, 7900, 250
"""Characters of a parameter, a tag and a name at most."""

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
    rank: int | None = None
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
        self._best: dict[str, float] = {}
        self._ended = 0

    def add(self, row: Row) -> None:
        """Take in one more row."""
        self.history.add(row)
        self.rows += 1
        kind = row["kind"]
        if kind == "sweep":
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
        report, time = trial.reports[-1], milliseconds(row["time"])
        for name, value in report.metrics.items():
            if math.isfinite(value):
                run.points.append(Point(metric(name), float(value), time, report.step))
            else:
                run.odd.append(f"{name} {value} at step {report.step}")
        for goal in self._goals:
            values = [r.metrics.get(goal.metric, math.nan) for r in trial.reports]
            known = [v for v in values if math.isfinite(v)]
            if known and math.isfinite(values[-1]):
                best = (max if goal.maximize else min)(known)
                run.points.append(Point(f"best/{metric(goal.metric)}", best, time, report.step))
        run.pictures.extend(Picture(path, time, report.step) for path in report.pictures)

    def _end(self, run: Run, trial: Trial) -> None:
        self._ended += 1
        time = milliseconds(trial.ended or 0.0)
        for goal in self._goals:
            value = trial.metrics.get(goal.metric, math.nan)
            if trial.state == FAIL or not math.isfinite(value):
                continue
            name = metric(goal.metric)
            run.points.append(Point(f"final/{name}", value, time, trial.step))
            if trial.state == COMPLETE:
                before = self._best.get(name, value)
                self._best[name] = (max if goal.maximize else min)(before, value)
                point = Point(f"best/{name}", self._best[name], time, self._ended)
                self.runs[PARENT].points.append(point)

    def _rank(self, time: int) -> None:
        for place, trial in enumerate(ranking(self.history), 1):
            if trial.state != RUNNING:
                run = self.runs[trial.number]
                run.rank, run.stale = place, True
                run.points.append(Point("rank", float(place), time, trial.step))

    # -- faces ------------------------------------------------------------------------------------------------------

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
        done = history.finished or (over and not alive and limit is not None and history.spent >= limit)
        status = "FINISHED" if done else ("RUNNING" if alive else "KILLED")
        end = max((t.ended or 0.0 for t in history.trials), default=0.0) if done else None
        tags = {
            **self.tags,
            "state": status.lower(),
            "reason": text(history.closed or ""),
            "trials": f"{self._ended}/{history.budget}",
            "mlflow.source.name": "teasel",
            "mlflow.note.content": text(description(history, ranking(history)), lines=True),
        }
        return Face(
            name=text(history.sweep.get("name", "sweep"))[:NAME],
            status=status,
            start=milliseconds(history.created),
            end=None if end is None else milliseconds(end),
            params=dict(_flat(history.sweep)),
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
        if run.rank is not None:
            tags["rank"] = str(run.rank)
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
            name=text(title(trial))[:NAME],
            status=STATUS.get(trial.state, "RUNNING" if alive else "KILLED"),
            start=milliseconds(trial.started or trial.time),
            end=None if trial.ended is None else milliseconds(trial.ended),
            params={metric(k): text(v)[:VALUE] for k, v in {**said, "steps": trial.steps}.items()},
            tags=tags,
        )


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """A specification as parameters: ``sampler.name``, ``budget.trials``.  The budget is a tag: it may be extended."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if (name, key) not in (("", "name"), ("", "storage"), ("budget", "trials")):
                yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)) and any(isinstance(v, Mapping) for v in value):
        parts = [" ".join(map(str, v.values())) if isinstance(v, Mapping) else str(v) for v in value]
        yield metric(name), text(", ".join(parts))[:VALUE]
    elif value is not None and value not in ([], ()):
        shown = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
        yield metric(name), text(shown)[:VALUE]


# -- what MLflow accepts --------------------------------------------------------------------------------------------


def milliseconds(seconds: float) -> int:
    """MLflow's unit of time."""
    return max(0, round(seconds * 1000))


def metric(name: str) -> str:
    """A name that MLflow takes, unchanged where it can be; otherwise with a checksum, so that two stay two."""
    fit = re.sub(r"[^/\w.\- :]", "_", name)[: NAME - 20]
    if not fit or normpath(fit) != fit or fit.startswith(("/", ".")):
        fit = fit.replace("/", "_").replace(".", "_") or "_"
    return fit if fit == name else f"{fit}-{zlib.crc32(name.encode('utf-8', 'replace')):08x}"


SECRETS = (
    (re.compile(r"(\w+://)[^/\s@]*@"), r"\1***@"),
    (
        re.compile(r"(?i)\b([\w-]*(?:api[_-]?key|token|passw(?:or)?d|secret)\w*\s*[=:]\s*)[^\s,;&\"']+"),
        r"\1***",
    ),
)


def blot(shown: str) -> str:
    """Text without passwords and tokens, as far as they can be told."""
    for pattern, blotted in SECRETS:
        shown = pattern.sub(blotted, shown)
    return shown


def text(value: Any, *, lines: bool = False) -> str:
    """``value`` as a tag or parameter: control characters shown as escapes, passwords and tokens blotted out."""
    kept = "\n\t" if lines else ""
    shown = str(value).encode("utf-8", "backslashreplace").decode()
    shown = "".join(c if c in kept or c.isprintable() else c.encode("unicode_escape").decode() for c in shown)
    shown = blot(shown)
    return shown if len(shown) <= TAG else shown[: TAG - 1] + "…"
