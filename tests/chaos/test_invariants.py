"""The invariants see what they are there to see: each kind of loss, doubling and lie, in ledgers made for it."""

import json
import sqlite3
import zlib

import pytest
from tests_chaos import invariants, simulated, views
from tests_chaos.simulated import NAME


def write(storage, rows):
    """A ledger with these rows and right checksums."""
    path, checksum = simulated.path(storage), 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for row in rows:
            body = json.dumps(row).encode()
            checksum = zlib.crc32(body, checksum)
            file.write(b"%08x %s\n" % (checksum, body))


@pytest.fixture(scope="module")
def rows():
    return views.rows(simulated.whole().read_bytes())


def first(rows, kind, **having):
    return next(i for i, r in enumerate(rows) if r["kind"] == kind and having.items() <= r.items())


def without(rows, index):
    return [*rows[:index], *rows[index + 1 :]]


def changed(rows, index, **fields):
    return [*rows[:index], {**rows[index], **fields}, *rows[index + 1 :]]


def test_a_whole_sweep_has_nothing_wrong(rows, tmp_path):
    write(tmp_path, rows)
    assert invariants.check(tmp_path, NAME, whole=simulated.whole()) == []
    assert invariants.counted(tmp_path, NAME, before=simulated.path(tmp_path).read_bytes()) == (0, 0)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda rows: without(rows, first(rows, "report", trial=0)), "I2: trial "),
        (lambda rows: without(rows, first(rows, "end", trial=2)), "I4: trial 2 was never ended"),
        (lambda rows: changed(rows, first(rows, "end", trial=2), reason=""), "I4: trial 2 ended"),
        (lambda rows: changed(rows, first(rows, "start", trial=1), attempt=2), "I1: attempt 2"),
        (lambda rows: rows[: first(rows, "trial", trial=5)], "I1: 5 trials of a budget of 6"),
        (lambda rows: changed(rows, first(rows, "report", trial=0), metrics={"score/mig": 0.1}), "I3: the reports"),
        (lambda rows: changed(rows, first(rows, "trial", trial=3), params={}), "I3: the parameters of trial 3"),
    ],
)
def test_what_is_wrong_in_a_ledger_is_said(rows, tmp_path, damage, said):
    write(tmp_path, damage(rows))
    found = invariants.check(tmp_path, NAME, whole=simulated.whole())
    assert any(each.startswith(said) for each in found), found


def test_a_configuration_evaluated_twice_is_said(rows, tmp_path):
    config = rows[first(rows, "trial", trial=0)]["config"]
    method = rows[first(rows, "trial", trial=0)]["method"]
    write(tmp_path, changed(rows, first(rows, "trial", trial=1), config=config, method=method))
    assert any(each.startswith("I3: evaluated 2 times") for each in invariants.check(tmp_path, NAME))


def test_rows_that_are_gone_and_rows_that_are_twice_are_counted(rows, tmp_path):
    write(tmp_path, rows)
    before = simulated.path(tmp_path).read_bytes()
    write(tmp_path, rows[:-3])
    assert invariants.counted(tmp_path, NAME, before=before) == (3, 0)
    again = first(rows, "report", trial=1)
    write(tmp_path, [*rows[: again + 1], rows[again], *rows[again + 1 :]])
    assert invariants.counted(tmp_path, NAME)[1] == 1


def test_a_changed_byte_is_damage(rows, tmp_path):
    write(tmp_path, rows)
    path = simulated.path(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"seed"', b'"sead"', 1))
    assert "does not match its checksum" in invariants.check(tmp_path, NAME)[0]


def mlflow(path, rows, *, status="FINISHED", twice=False, value=0.0, runs=1):
    """A database as MLflow makes it, with as much as is read of it."""
    begun = str(invariants.begun(rows))
    with sqlite3.connect(path) as base:
        base.executescript(
            "CREATE TABLE experiments (experiment_id, name); INSERT INTO experiments VALUES (1, 'simulated');"
            "CREATE TABLE runs (run_uuid, experiment_id, status, lifecycle_stage);"
            "CREATE TABLE tags (run_uuid, key, value); CREATE TABLE params (run_uuid, key, value);"
            "CREATE TABLE metrics (run_uuid, key, step, timestamp, value);"
        )
        said = invariants.reports(rows)
        states = {row["trial"]: row["state"] for row in rows if row["kind"] == "end"}
        for number in (views.PARENT, *said):
            for copy in range(runs if number == 0 else 1):
                run = f"{number}-{copy}"
                base.execute(
                    "INSERT INTO runs VALUES (?, 1, ?, 'active')", [run, status if number == 0 else "FINISHED"]
                )
                tags = {"teasel.begun": begun, "state": states.get(number, "")}
                tags |= {} if number < 0 else {"teasel.trial": str(number)}
                base.executemany("INSERT INTO tags VALUES (?, ?, ?)", [(run, *tag) for tag in tags.items()])
                for step, metrics in said.get(number, {}).items():
                    for key, found in metrics.items():
                        points = [found + value * (number == 1), *([found] if twice and number == 1 else [])]
                        rows_of = [(run, key, step, time, point) for time, point in enumerate(points)]
                        base.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?)", rows_of)
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ({}, None),
        ({"status": "RUNNING"}, "I4: run 0 is RUNNING in MLflow"),
        ({"runs": 2}, "I1: MLflow has runs"),
        ({"twice": True}, "I2: score/mig of trial 1 at step"),
        ({"value": 1e-16}, "I6: "),
    ],
)
def test_what_is_wrong_in_mlflow_is_said(rows, tmp_path, kind, said):
    write(tmp_path, rows)
    database = mlflow(tmp_path / "mlflow.db", rows, **kind)
    found = invariants.check(tmp_path, NAME, mlflow=database)
    assert any(each.startswith(said) for each in found) if said else found == [], found
    lost, doubled = invariants.counted(tmp_path, NAME, mlflow=database)
    assert lost == 0 and (doubled > 0) == bool(kind.get("twice") or kind.get("runs"))


def test_exit_codes_words_and_secrets():
    assert invariants.spoken("all is well", 0, expected=0, words=["is well"], secrets=["canary"]) == []
    found = invariants.spoken(
        "canary\nTraceback (most recent call last)", 1, expected=2, words=["sorry"], secrets=["canary"]
    )
    assert len(found) == 4
