"""Learning curves: what configurations reported at each step and how long that took, taken from sweeps' ledgers.

Only trials that were trained to their end, or that diverged on the way, have curves worth keeping: a stopped one does
not say what it would have become. Pure; the file that holds them is ``search.curves_file``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import trainables.scores
from search.history import COMPLETE, FAIL, Trial, replay
from search.ledger import Row
from trainables.core.conditions import CONDITIONS, PREFIX

KEPT = (COMPLETE, FAIL)
"""States of trials whose curves are kept; of failed ones those that diverged."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One configuration under one seed.  The tuples have an entry for each report."""

    sweep: str
    """The name of the sweep that it was recorded in."""
    trial: int
    method: str
    config: Mapping[str, Any]
    params: Mapping[str, Any]
    seed: int
    state: str
    steps: tuple[int, ...]
    training: tuple[float, ...]
    """Seconds of training since the report before."""
    reporting: tuple[float, ...]
    """Seconds that the report itself took: scores, pictures, writing, the driver; 0 where it is not known apart."""
    rest: float
    """Seconds from the last report to the trial's end, for one that diverged."""
    metrics: Mapping[str, tuple[float | None, ...]]
    """Each metric's values; None where a report has none."""

    @property
    def seconds(self) -> tuple[float, ...]:
        """What each report cost with the training before it."""
        return tuple(a + b for a, b in zip(self.training, self.reporting, strict=True))

    @property
    def key(self) -> tuple[str, str, tuple[tuple[str, Any], ...]]:
        """What replicates of one configuration have in common."""
        return self.sweep, self.method, tuple(sorted(self.config.items()))


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Curves of one or several sweeps, whose specifications they carry by name."""

    sweeps: Mapping[str, Mapping[str, Any]]
    curves: tuple[Curve, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Every metric that some report has."""
        return tuple(sorted({name for curve in self.curves for name in curve.metrics}))


@dataclass(frozen=True)
class LeftOut:
    """How many trials of a sweep have no curve worth keeping, by what they were."""

    stopped: int = 0
    failed: int = 0
    unfinished: int = 0


def recorded(rows: Sequence[Row]) -> tuple[Mapping[str, Any], list[Curve], LeftOut]:
    """A sweep's specification, its curves, and what has none, from its ledger's rows."""
    history = replay(rows)
    seconds = _seconds(rows)
    found, stopped, failed, unfinished = [], 0, 0, 0
    for trial in history.trials:
        diverged = trial.state == FAIL and trial.condition == "diverged"
        if trial.state == COMPLETE or diverged:
            found.append(_curve(str(history.sweep["name"]), trial, seconds))
        elif trial.state == FAIL:
            failed += 1
        else:
            stopped += trial.state == "PRUNED"
            unfinished += trial.state == "RUNNING"
    # Where it was recorded is nobody's business.
    said = {key: value for key, value in history.sweep.items() if key != "storage"}
    return said, found, LeftOut(stopped, failed, unfinished)


def joined(recordings: Iterable[tuple[Mapping[str, Any], Sequence[Curve]]]) -> Curves:
    """Several sweeps' curves together.  Raises ``ValueError`` where two have one name, or where there is none."""
    sweeps: dict[str, Mapping[str, Any]] = {}
    curves: list[Curve] = []
    for sweep, found in recordings:
        if sweep["name"] in sweeps:
            raise ValueError(f"Two of the sweeps are called {sweep['name']}; a file of curves tells sweeps by name.")
        sweeps[str(sweep["name"])] = sweep
        curves += found
    if not curves:
        raise ValueError(
            f"No trial of {', '.join(sweeps) or 'no sweep'} was trained to its end, so there is no curve to keep."
        )
    return Curves(sweeps=sweeps, curves=tuple(curves))


def _seconds(rows: Sequence[Row]) -> dict[tuple[int, int], tuple[float, float]]:
    """Seconds of each (trial, step): of training, and of the report itself; (trial, -1) has those up to its end.

    Where rows do not say them, all that went by since the attempt's row before counts as training.
    """
    found: dict[tuple[int, int], tuple[float, float]] = {}
    last: dict[int, float] = {}
    for row in rows:
        if row["kind"] not in ("start", "report", "end"):
            continue
        trial, time = row["trial"], row["time"]
        # A clock may have been set back.
        wall = max(0.0, time - last.get(trial, time))
        last[trial] = time
        said = dict(row.get("seconds") or {})
        if row["kind"] == "report":
            training = float(said.pop("training", wall))
            found[trial, row["step"]] = (training, math.fsum(said.values()))
        elif row["kind"] == "end":
            found[trial, -1] = (wall, 0.0)
    return found


def _curve(sweep: str, trial: Trial, seconds: Mapping[tuple[int, int], tuple[float, float]]) -> Curve:
    each = [seconds[trial.number, report.step] for report in trial.reports]
    wanted = trainables.scores.metrics().keys() | {PREFIX + name for name in CONDITIONS}
    names = sorted({name for report in trial.reports for name in report.metrics if name in wanted})
    return Curve(
        sweep=sweep,
        trial=trial.number,
        method=trial.method,
        config=trial.config,
        params=trial.params,
        seed=trial.seed,
        state=trial.state,
        steps=tuple(report.step for report in trial.reports),
        training=tuple(training for training, _ in each),
        reporting=tuple(reporting for _, reporting in each),
        rest=seconds[trial.number, -1][0] if trial.state == FAIL else 0.0,
        metrics={name: tuple(report.metrics.get(name) for report in trial.reports) for name in names},
    )


def fault(curve: Curve) -> str:
    """What is wrong with a curve that somebody else wrote, as the end of a sentence; empty where nothing is."""
    count = len(curve.steps)
    if any(len(each) != count for each in (curve.training, curve.reporting, *curve.metrics.values())):
        return "has not as many seconds and values as it has steps."
    if any(step <= before for before, step in zip((0, *curve.steps), curve.steps, strict=False)):
        return "has steps that do not ascend."
    if not all(math.isfinite(each) and each >= 0.0 for each in (*curve.training, *curve.reporting, curve.rest)):
        return "has seconds that are no times."
    if curve.state not in KEPT:
        return f"is of a trial that was {curve.state!r}; it can be {' or '.join(KEPT)}."
    if curve.state == COMPLETE and not count:
        return "is complete and has no report."
    return ""
