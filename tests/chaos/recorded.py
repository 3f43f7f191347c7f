"""What must hold of a ledger's rows by themselves, and beside those of the sweep that nothing happened to."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests_chaos import views

ENDS = ("COMPLETE", "PRUNED", "FAIL")
Rows = Sequence[Mapping[str, Any]]


def begun(rows: Rows) -> int:
    """When a ledger began, in MLflow's milliseconds."""
    return max(0, round(rows[0]["time"] * 1000))


def reports(rows: Rows) -> dict[int, dict[int, dict[str, float]]]:
    """Metrics by trial and step; those that replicates have only together belong to their step."""
    found: dict[int, dict[int, dict[str, float]]] = {r["trial"]: {} for r in rows if r["kind"] == "trial"}
    for row in rows:
        if row["kind"] == "report":
            found[row["trial"]][row["step"]] = views.values(row["metrics"])
        elif row["kind"] == "compared":
            for number, metrics in row["metrics"].items():
                found[int(number)].get(row["step"], {}).update(views.values(metrics))
    return found


# -- the ledger by itself -------------------------------------------------------------------------------------------


def alone(rows: Rows, over: bool) -> Iterator[str]:
    """Whether the rows can follow each other, and all has ended where the sweep is ``over``."""
    kinds = [row["kind"] for row in rows]
    if kinds[:1] != ["sweep"] or kinds.count("sweep") != 1:
        yield "I1: the ledger does not begin with its one sweep"
        return
    steps: dict[int, list[int]] = {}
    attempts: dict[int, int] = {}
    ends: dict[int, str] = {}
    budgets: dict[int, int] = {}
    for place, row in enumerate(rows, 1):
        kind, number = row["kind"], row.get("trial")
        if kind == "trial":
            if number != len(steps):
                yield f"I1: row {place} is trial {number} where {len(steps)} comes next"
            steps[number], attempts[number], budgets[number] = [], 0, row["steps"]
        elif kind in ("start", "report", "lost", "end"):
            if number not in steps:
                yield f"I1: row {place} speaks of trial {number} before it was suggested"
                return
            if number in ends:
                yield f"I1: row {place}, {kind}, comes after the end of trial {number}"
            if kind == "start" and row["attempt"] != attempts[number] + 1:
                yield f"I1: attempt {row['attempt']} of trial {number} follows {attempts[number]}"
            if kind == "start":
                attempts[number] = row["attempt"]
            if kind in ("report", "lost") and row["attempt"] != attempts[number]:
                yield f"I1: row {place} is of attempt {row['attempt']} of trial {number}, after {attempts[number]}"
            if kind == "report":
                steps[number].append(row["step"])
            if kind == "end":
                ends[number] = row["state"]
                if row["state"] not in ENDS or not row["reason"]:
                    yield f"I4: trial {number} ended as {row['state']!r} because of {row['reason']!r}"
    longest = max(steps.values(), key=len, default=[])
    for number, said in steps.items():
        if said != longest[: len(said)]:
            yield f"I2: trial {number} reported at {said}, others at {longest[: len(said)]}"
        if ends.get(number) == "COMPLETE" and said[-1:] != [budgets[number]]:
            yield f"I2: trial {number} is complete at {said[-1:]} of {budgets[number]} steps"
    if any(a >= b for a, b in pairwise(longest)):
        yield f"I2: steps are out of order: {longest}"
    if over:
        yield from (f"I4: trial {number} was never ended" for number in sorted(set(steps) - set(ends)))
        budget = [row["trials"] for row in rows if row["kind"] in ("sweep", "budget")][-1]
        said = rows[0]["sweep"]
        seeds = said.get("seeds") or {}
        each = 1 if seeds.get("adaptive") else seeds.get("count", 1)
        if not (said.get("budget") or {}).get("wall_time") and not 0 <= budget - len(steps) < each:
            yield f"I1: {len(steps)} trials of a budget of {budget}"


def folders(folder: Path, rows: Rows) -> Iterator[str]:
    """What Ray's workers wrote, against what the ledger says was handed out."""
    attempts = {row["trial"]: row["attempt"] for row in rows if row["kind"] == "start"}
    for trial in sorted((folder / "trials").glob("*")):
        for step in trial.glob("step-*-attempt-*"):
            attempt = int(step.name.rpartition("-")[2])
            if attempt > attempts.get(int(trial.name), 0):
                yield f"I1: {trial.name}/{step.name} is of an attempt that was never handed out"
    names = {row["trial"] for row in rows if row["kind"] == "end"}
    for unfinished in sorted((folder / "trials").glob("*/.*")):
        if int(unfinished.parent.name) in names:
            yield f"I4: trial {unfinished.parent.name} has ended and left {unfinished.name}"


def repeated(rows: Rows) -> Iterator[str]:
    """Configurations that were evaluated more than once under one seed."""
    told = Counter(_configuration(row) for row in rows if row["kind"] == "trial")
    yield from (f"I3: evaluated {count} times: {each}" for each, count in told.items() if count > 1)


def _configuration(row: Mapping[str, Any]) -> str:
    return repr((row["method"], sorted(row["config"].items()), row["seed"]))


# -- beside the sweep that nothing happened to ----------------------------------------------------------------------


def essence(rows: Rows) -> list[Any]:
    """Suggestions, reports and endings by trial, values to the last bit."""
    said, ends = reports(rows), {row["trial"]: row for row in rows if row["kind"] == "end"}
    return [
        (
            row["trial"],
            _configuration(row),
            row["params"],
            [(step, {k: v.hex() for k, v in metrics.items()}) for step, metrics in said[row["trial"]].items()],
            [ends.get(row["trial"], {}).get(key) for key in ("state", "reason", "step")],
        )
        for row in rows
        if row["kind"] == "trial"
    ]


def best(rows: Rows) -> int | None:
    """The complete trial with the best last value of the first objective."""
    goal = rows[0]["sweep"]["objectives"][0]
    done = {row["trial"] for row in rows if row["kind"] == "end" and row["state"] == "COMPLETE"}
    known = {n: list(said.values())[-1].get(goal["metric"], math.nan) for n, said in reports(rows).items() if n in done}
    worth = {n: v if goal["direction"] == "maximize" else -v for n, v in known.items() if math.isfinite(v)}
    return max(worth, key=lambda n: (worth[n], -n), default=None)


def other(rows: Rows, whole: Rows) -> Iterator[str]:
    """The first thing in which two ledgers of one sweep differ."""
    mine, theirs = essence(rows), essence(whole)
    if len(mine) != len(theirs):
        yield f"I3: {len(mine)} trials instead of {len(theirs)}"
    names = ("number", "suggestion", "parameters", "reports", "ending")
    for one, other in zip(mine, theirs, strict=False):
        for what, here, there in zip(names, one, other, strict=True):
            if here != there:
                yield f"I3: the {what} of trial {one[0]} is {str(here)[:300]} instead of {str(there)[:300]}"
                return
    if best(rows) != best(whole):
        yield f"I3: the best is {best(rows)} instead of {best(whole)}"
