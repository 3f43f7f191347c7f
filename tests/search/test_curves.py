"""Learning curves from ledgers, and the file that holds them."""

import dataclasses
import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests_search import recordings

from search.curves import Curves, joined, recorded
from search.curves_file import CHECKSUM, KEY, LARGEST, CurvesError, _checksum, read, write
from search.history import FAIL
from search.ledger import Ledger
from search.recording import recording


@pytest.fixture
def some(tmp_path):
    return recordings.curves(recordings.sweep(tmp_path), 12, failing={3})


# -- from ledgers ---------------------------------------------------------------------------------------------------


def test_what_a_ledger_has_of_curves(tmp_path):
    """Complete trials and those that diverged; stopped ones are counted and left out, as other failures are."""
    found, left = recordings.played(recordings.sweep(tmp_path, schedule="asha"), tmp_path / "a.jsonl", failing={0})
    states = [curve.state for curve in found.curves]
    assert states.count(FAIL) == 0 and left.failed == 1
    assert left.stopped > 0 and left.stopped + left.failed + len(states) == 12
    first = next(c for c in found.curves if c.trial)
    assert first.steps == tuple(recordings.sweep(tmp_path).report_steps)
    assert set(first.metrics) == {"score/mig", "val/elbo", "val/reconstruction", "condition/dead_latents"}
    assert list(found.sweeps) == ["simulated"]


def test_seconds_are_what_rows_say_else_what_went_by_within_an_attempt(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("search.ledger.time.time", lambda: now[0])
    ledger = Ledger.create(tmp_path / "ledger.jsonl")

    def row(after, kind, **fields):
        now[0] += after
        ledger.append(kind, **fields)

    said = recordings.sweep(tmp_path, trials=2).model_dump(mode="json")
    row(0, "sweep", sweep=said, id="0", trials=2)
    for trial in (0, 1):
        row(0, "trial", trial=trial, method="beta_vae", config={"lr": 0.1}, params={}, steps=90, seed=0)
    row(3, "start", trial=0, attempt=1, step=0)
    common = {"trial": 0, "metrics": {"score/mig": 0.5, "train/vae": 3.0}, "checkpoint": None, "pictures": []}
    row(5, "report", attempt=1, step=10, **common)
    row(50, "lost", trial=0, attempt=1, reason="its node")
    row(60, "start", trial=0, attempt=2, step=10)
    row(4, "report", attempt=2, step=20, **common)
    row(6, "report", attempt=2, step=90, seconds={"training": 4.0, "scores": 1.0, "pictures": 0.25}, **common)
    row(0, "end", trial=0, state="COMPLETE", reason="", step=90)
    row(0, "start", trial=1, attempt=1, step=0)
    row(7, "end", trial=1, state="FAIL", reason="", step=0, condition="diverged")
    _, (whole, diverged), _ = recorded(ledger.rows)
    ledger.close()
    assert whole.training == (5.0, 4.0, 4.0) and whole.reporting == (0.0, 0.0, 1.25) and whole.rest == 0.0
    assert set(whole.metrics) == {"score/mig"}
    assert diverged.steps == () and diverged.rest == 7.0


def test_a_recording_is_a_sweep_that_stops_nothing_and_reports_where_the_sweep_does(tmp_path):
    sweep = recordings.sweep(tmp_path, steps=4000, schedule="asha", seeds="adaptive", constraints=["collapsed"])
    sweep = sweep.replace(schedule={"name": "asha", "rungs": [1000, 2000]}, report_every=1000)
    made = recording(sweep, trials=12, reports=10)
    assert made.name == "simulated-curves" and made.rungs == () and made.sampler.name == "random"
    assert set(sweep.report_steps) <= set(made.report_steps) and 10 <= len(made.report_steps) <= 20
    assert not made.seeds.adaptive and made.budget.trials == 15, "whole configurations of five seeds"
    odd = recording(sweep.replace(schedule={"name": "asha", "rungs": [1, 999]}), trials=5, reports=10)
    assert len(odd.report_steps) == 10


def test_sweeps_of_one_name_or_without_curves_make_no_file(some):
    spec = next(iter(some.sweeps.values()))
    with pytest.raises(ValueError, match="Two of the sweeps are called simulated-curves"):
        joined([(spec, some.curves), (spec, some.curves)])
    with pytest.raises(ValueError, match="No trial of simulated-curves was trained to its end"):
        joined([(spec, [])])


# -- the file -------------------------------------------------------------------------------------------------------


def single(value):
    """A float as single precision has it."""
    return None if value is None else pa.scalar(value, pa.float32()).as_py()


def kept(curves):
    """Curves as a file keeps them."""
    return [
        dataclasses.replace(
            c,
            training=tuple(map(single, c.training)),
            reporting=tuple(map(single, c.reporting)),
            rest=single(c.rest),
            metrics={name: tuple(map(single, values)) for name, values in c.metrics.items()},
        )
        for c in curves
    ]


def test_a_file_holds_what_was_written(tmp_path, some):
    path = tmp_path / "curves.parquet"
    write(some, path)
    again = read(path)
    assert list(again.curves) == kept(some.curves)
    assert again.sweeps == some.sweeps


values = st.one_of(st.none(), st.floats(width=32, allow_nan=False))


@settings(max_examples=25)
@given(st.lists(values, min_size=9, max_size=9), st.text(max_size=5), st.booleans())
def test_any_values_are_kept(tmp_path_factory, found, text, flag):
    folder = tmp_path_factory.mktemp("kept")
    some = recordings.curves(recordings.sweep(folder), 1)
    (curve,) = some.curves
    curve = dataclasses.replace(curve, metrics={"score/mig": tuple(found)}, params={text: flag})
    write(Curves(sweeps=some.sweeps, curves=(curve,)), folder / "c.parquet")
    assert list(read(folder / "c.parquet").curves) == kept([curve])


def test_240_configurations_take_less_than_two_megabytes(tmp_path):
    rng = random.Random(0)
    some = recordings.curves(recordings.sweep(tmp_path), 240)
    noisy = [
        dataclasses.replace(c, metrics={f"score/{i}": tuple(rng.random() for _ in c.steps) for i in range(25)})
        for c in some.curves
    ]
    write(Curves(sweeps=some.sweeps, curves=tuple(noisy)), tmp_path / "c.parquet")
    assert (tmp_path / "c.parquet").stat().st_size < 2_000_000


def test_damage_is_seen_or_harmless(tmp_path, some):
    """A byte that is changed anywhere, or an end that is missing, leads to a sentence or to the same curves."""
    path, bad, rng = tmp_path / "c.parquet", tmp_path / "bad.parquet", random.Random(0)
    write(some, path)
    whole, content, refused = read(path), path.read_bytes(), 0
    places = [rng.randrange(len(content)) for _ in range(300)]
    for place in [*places, *(len(content) - n for n in range(1, 60))]:
        changed = bytearray(content)
        changed[place] ^= 1 << rng.randrange(8)
        bad.write_bytes(changed)
        try:
            assert read(bad).curves == whole.curves, place
        except CurvesError as error:
            refused += 1
            assert str(bad) in str(error) and "\n" not in str(error)
    for end in rng.sample(range(len(content)), 40):
        bad.write_bytes(content[:end])
        with pytest.raises(CurvesError, match=r"damaged|no file of curves"):
            read(bad)
    assert refused > 200


def rewritten(path, to, change=None, **metadata):
    """The same file with a change, and the checksum that somebody who means it would put there."""
    table = pq.read_table(path)
    said = {**table.schema.metadata, **{k.encode(): v for k, v in metadata.items()}}
    table = change(table) if change else table
    if said[KEY] is not None and CHECKSUM.decode() not in metadata:
        said[CHECKSUM] = _checksum(said[KEY], table.to_pylist())
    pq.write_table(table.replace_schema_metadata({k: v for k, v in said.items() if v is not None}), to)
    return to


def replaced(name, make):
    def change(table):
        return table.set_column(table.schema.get_field_index(name), name, pa.array(make(table[name].to_pylist())))

    return change


def test_foreign_files_are_refused_with_a_sentence(tmp_path, some):
    path, other = tmp_path / "c.parquet", tmp_path / "other.parquet"
    write(some, path)
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(LARGEST + 1)
    text = tmp_path / "text"
    text.write_text("time,value\n1,2\n")
    cases = {
        tmp_path / "none.parquet": "There is no file",
        tmp_path: "no file of at most",
        huge: "no file of at most",
        text: "damaged, or no file of curves",
    }
    for place, match in cases.items():
        with pytest.raises(CurvesError, match=match):
            read(place)

    def lengthened(rows):
        return [[*steps, steps[-1] + 1] for steps in rows]

    said = json.loads(pq.read_schema(path).metadata[KEY])
    made = [
        ("not one of curves", None, {KEY.decode(): None}),
        ("does not match its checksum", None, {CHECKSUM.decode(): b"0"}),
        ("no column trial", lambda t: t.drop_columns(["trial"]), {}),
        ("has a column 'more'", lambda t: t.append_column("more", t["trial"]), {}),
        ("column 'trial' holds", replaced("trial", lambda v: [str(each) for each in v]), {}),
        ("not as many seconds", replaced("step", lengthened), {}),
        ("steps that do not ascend", replaced("step", lambda v: [s[::-1] for s in v]), {}),
        ("lacks a value", replaced("method", lambda v: [None, *v[1:]]), {}),
        ("is not JSON", replaced("config", lambda v: ["{", *v[1:]]), {}),
        ("no mapping of plain values", replaced("config", lambda v: ['{"a": [1]}', *v[1:]]), {}),
        ("says nothing of", replaced("sweep", lambda v: ["x", *v[1:]]), {}),
        ("was 'PRUNED'", replaced("state", lambda v: ["PRUNED", *v[1:]]), {}),
    ]
    for match, change, metadata in made:
        with pytest.raises(CurvesError, match=match):
            read(rewritten(path, other, change, **metadata))
    for match, changed in [
        ("layout 2; this Teasel reads layout 1", {**said, "format": 2}),
        ("does not say which sweeps", {**said, "sweeps": {"../x": {}}}),
    ]:
        with pytest.raises(CurvesError, match=match):
            read(rewritten(path, other, **{KEY.decode(): json.dumps(changed).encode()}))
