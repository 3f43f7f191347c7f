"""What must hold of a sweep whatever died, hung, lied or was full; looked at from outside (``views``).

I1 trials are in the ledger, in what was handed out, in every table and in MLflow, each once. I2 each step of a trial is
recorded once, in order, without a gap. I3 with one trial at a time, suggestions, reports and best are those of the
sweep that nothing happened to; otherwise no configuration is evaluated twice. I4 nothing is left running. I5 exit code
and words are right and hold no secret (``spoken``). I6 values are equal to the last bit in all views.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests_chaos import views

ENDS = ("COMPLETE", "PRUNED", "FAIL")
Rows = Sequence[Mapping[str, Any]]


def check(
    storage: Path | str,
    name: str,
    *,
    mlflow: str | Path | None = None,
    whole: Path | None = None,
    over: bool = True,
) -> list[str]:
    """What is violated, in words; empty where all holds.

    ``mlflow`` is a database or a server to compare with. ``whole`` is the ledger of the same sweep, one trial at a
    time, that nothing happened to. ``over=False``: the sweep was stopped before its end.
    """
    storage = Path(storage)
    try:
        rows = views.rows(views.ledger_of(storage, name).read_bytes())
    except (OSError, ValueError) as error:
        return [f"ledger: {error}"]
    wrong = [*_ledger(rows, over), *_folders(storage / name, rows)]
    wrong += list(_repeated(rows)) if whole is None else list(_other(rows, views.rows(whole.read_bytes())))
    wrong += list(_tables(storage, name, rows, over))
    if mlflow is not None:
        wrong += list(_mlflow(views.runs(mlflow, name, begun(rows)), rows, over))
    return wrong


def counted(
    storage: Path | str, name: str, *, before: bytes = b"", mlflow: str | Path | None = None
) -> tuple[int, int]:
    """Rows lost and rows doubled, all views together.

    ``before`` is what the ledger held when the fault came; a row of it that is not where it was is lost, and so is one
    of the ledger that is not in the table or in MLflow.
    """
    content = views.ledger_of(Path(storage), name).read_bytes()
    then, now = before.split(b"\n")[:-1], content.split(b"\n")[:-1]
    lost = sum(i >= len(now) or now[i] != line for i, line in enumerate(then))
    rows = views.rows(content)
    keys = Counter((r["kind"], r["trial"], r.get("step")) for r in rows if r["kind"] in ("trial", "report", "end"))
    doubled = sum(n - 1 for n in keys.values())
    trials = {r["trial"] for r in rows if r["kind"] == "trial"}
    found = [Counter(r["trial"] for r in views.table(Path(storage), name))]
    if mlflow is not None:
        runs = views.runs(mlflow, name, begun(rows))
        found.append(Counter(run.trial for run in runs if run.trial != views.PARENT))
        for _, expected, points in _points(runs, rows):
            missing = {step for key, step in expected if (key, step) not in points}
            twice = {step for key, step in expected if len(points.get((key, step), ())) > 1}
            lost, doubled = lost + len(missing), doubled + len(twice)
    for each in found:
        lost += len(trials - set(each))
        doubled += sum(n - 1 for n in each.values())
    return lost, doubled


def spoken(
    said: str, code: int | None, *, expected: int, words: Sequence[str] = (), secrets: Sequence[str] = ()
) -> list[str]:
    """I5: what is wrong with how a command ended and with what it said."""
    wrong = [f"I5: it ended with {code} instead of {expected}"] if code != expected else []
    flat = " ".join(said.split())
    wrong += [f"I5: it does not say {word!r}" for word in words if word not in flat]
    wrong += ["I5: it shows a traceback"] if "Traceback (most recent" in said else []
    return wrong + ["I5: it tells a secret" for secret in secrets if secret in said]


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


def _ledger(rows: Rows, over: bool) -> Iterator[str]:
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
                yield f"I1: row {place} is of attempt {row['attempt']} of trial {number}, which is at {attempts[number]}"
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
    if any(a >= b for a, b in zip(longest, longest[1:], strict=False)):
        yield f"I2: steps are out of order: {longest}"
    if over:
        yield from (f"I4: trial {number} was never ended" for number in sorted(set(steps) - set(ends)))
        budget = [row["trials"] for row in rows if row["kind"] in ("sweep", "budget")][-1]
        said = rows[0]["sweep"]
        each = (said.get("seeds") or {}).get("count", 1)
        if not (said.get("budget") or {}).get("wall_time") and not 0 <= budget - len(steps) < each:
            yield f"I1: {len(steps)} trials of a budget of {budget}"


def _folders(folder: Path, rows: Rows) -> Iterator[str]:
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


def _repeated(rows: Rows) -> Iterator[str]:
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


def _other(rows: Rows, whole: Rows) -> Iterator[str]:
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


# -- beside the other views -----------------------------------------------------------------------------------------


def _tables(storage: Path, name: str, rows: Rows, over: bool) -> Iterator[str]:
    said, trials = reports(rows), [row["trial"] for row in rows if row["kind"] == "trial"]
    last = {n: list(found.values())[-1] if found else {} for n, found in said.items()}
    table = views.table(storage, name)
    for what, found in (
        ("json", table),
        ("csv", views.comma_table(storage, name)),
        ("parquet", views.arrow_table(storage, name)),
    ):
        numbers = sorted(int(row["trial"]) for row in found)
        if numbers != trials:
            yield f"I1: `teasel top --{what}` has trials {numbers}, the ledger {trials}"
            continue
        for row in found:
            metrics = row["metrics"] if what == "json" else row
            for key, value in last[int(row["trial"])].items():
                shown = metrics.get(key)
                same = shown in (None, "") if not math.isfinite(value) else _equal(shown, value)
                if not same:
                    yield f"I6: {key} of trial {row['trial']} is {shown} in `teasel top --{what}`, {value!r} in the ledger"
    ended = {row["trial"]: row for row in rows if row["kind"] == "end"}
    for row in table:
        end = ended.get(row["trial"])
        if end is not None and [row["state"], row["reason"]] != [end["state"], end["reason"]]:
            yield f"I6: trial {row['trial']} is {row['state']} in `teasel top`, {end['state']} in the ledger"
        if over and row["state"] not in ENDS:
            yield f"I4: trial {row['trial']} is {row['state']} in `teasel top`"


def _equal(shown: Any, value: float) -> bool:
    try:
        return float(shown).hex() == value.hex()
    except (TypeError, ValueError):
        return False


def _mlflow(runs: Sequence[views.Run], rows: Rows, over: bool) -> Iterator[str]:
    numbers = sorted(run.trial for run in runs)
    trials = [row["trial"] for row in rows if row["kind"] == "trial"]
    if numbers != [views.PARENT, *trials]:
        yield f"I1: MLflow has runs {numbers} ({views.PARENT} is the sweep), the ledger trials {trials}"
    states = {row["trial"]: row["state"] for row in rows if row["kind"] == "end"}
    for run in runs:
        if run.status in ("RUNNING", "SCHEDULED"):
            yield f"I4: run {run.trial} is {run.status} in MLflow"
        elif run.trial in states and (run.status == "FAILED") != (states[run.trial] == "FAIL"):
            yield f"I6: run {run.trial} is {run.status} in MLflow, {states[run.trial]} in the ledger"
        elif over and run.trial in states and run.tags.get("state") != states[run.trial]:
            yield f"I6: run {run.trial} has the state {run.tags.get('state')} in MLflow, {states[run.trial]} in the ledger"
    for number, expected, points in _points(runs, rows):
        for (key, step), value in expected.items():
            found = points.get((key, step), [])
            if len(found) != 1:
                yield f"I2: {key} of trial {number} at step {step} is {len(found)} times in MLflow"
            elif found[0].hex() != value.hex():
                yield f"I6: {key} of trial {number} at step {step} is {found[0]!r} in MLflow, {value!r} in the ledger"
        names = {key for key, _ in expected}
        more = sorted(key for key in points if key[0] in names and key not in expected)
        if more:
            yield f"I2: MLflow has points of trial {number} that the ledger has not: {more[:5]}"


Points = dict[tuple[str, int], list[float]]


def _points(runs: Sequence[views.Run], rows: Rows) -> Iterator[tuple[int, dict[tuple[str, int], float], Points]]:
    """For each trial the points that MLflow must hold, those whose names it takes as they are, and those it holds."""
    held: dict[int, Points] = {}
    for run in runs:
        mine = held.setdefault(run.trial, {})
        for key, step, _, value in run.points:
            mine.setdefault((key, step), []).append(value)
    for number, said in reports(rows).items():
        expected = {
            (key, step): value
            for step, metrics in said.items()
            for key, value in metrics.items()
            if math.isfinite(value) and re.fullmatch(r"[A-Za-z0-9_][\w/.\- ]{0,200}", key)
        }
        yield number, expected, held.get(number, {})
