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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests_chaos import recorded, views
from tests_chaos.recorded import ENDS, Rows, begun, essence, reports

__all__ = ["begun", "check", "counted", "essence", "reports", "spoken"]


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
    wrong = [*recorded.alone(rows, over), *recorded.folders(storage / name, rows)]
    if whole is None:
        wrong += recorded.repeated(rows)
    else:
        wrong += recorded.other(rows, views.rows(whole.read_bytes()))
    wrong += _tables(storage, name, rows, over)
    if mlflow is not None:
        wrong += _mlflow(views.runs(mlflow, name, begun(rows)), rows, over)
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
                if what == "csv" and not key.isprintable():
                    # What could command a terminal is not printed to one.
                    continue
                shown = metrics.get(key)
                same = shown in (None, "") if not math.isfinite(value) else _equal(shown, value)
                if not same:
                    trial = row["trial"]
                    yield f"I6: {key} of trial {trial} is {shown} in `teasel top --{what}`, {value!r} in the ledger"
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
            shown = run.tags.get("state")
            yield f"I6: run {run.trial} has the state {shown} in MLflow, {states[run.trial]} in the ledger"
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
