"""What each run should hold, without any MLflow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name, _validate_tag
from tests_search import ledgers

from search.ledger import read
from search.tracking.projection import NAME, PARENT, Projection, metric, text


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return read(ledgers.small(tmp_path_factory.mktemp("storage") / "look") / "ledger.jsonl")


def projected(rows):
    made = Projection()
    for row in rows:
        made.add(row)
    return made


def test_points_of_every_prefix_are_a_prefix(rows):
    whole = projected(rows)
    growing = Projection()
    for row in rows:
        growing.add(row)
        for key, run in growing.runs.items():
            assert whole.runs[key].points[: len(run.points)] == run.points
    assert growing.runs == whole.runs


def test_points_are_the_reports_bit_for_bit_at_the_ledgers_times(rows):
    run = projected(rows).runs[4]
    reports = [r for r in rows if r["kind"] == "report" and r["trial"] == 4]
    for row in reports:
        for name, value in row["metrics"].items():
            assert (name, value, round(row["time"] * 1000), row["step"]) in run.points
    finals = [p for p in run.points if p.name == "final/score/mig"]
    assert [(p.value, p.step) for p in finals] == [(reports[-1]["metrics"]["score/mig"], 80)]


def test_what_is_not_finite_is_named_and_left_out(rows):
    made = projected(rows)
    names = {p.name for p in made.runs[2].points}
    assert "score/mig" in names and not names & {"train/kl", "train/loss"}
    assert made.face(2, alive=False).tags["nonfinite"] == "train/kl nan at step 10, train/loss inf at step 10"


def test_statuses_follow_the_sweep(rows):
    closed = next(i for i, row in enumerate(rows) if row["kind"] == "close") + 1
    begun = projected(rows[: closed - 1])
    assert begun.face(4, alive=True).status == begun.face(PARENT, alive=True).status == "RUNNING"
    assert begun.face(4, alive=False).status == begun.face(PARENT, alive=False).status == "KILLED"
    left = projected(rows[:closed])
    assert left.face(4, alive=True).status == left.face(PARENT, alive=True).status == "KILLED"
    again = projected(rows[: closed + 1])
    assert again.face(4, alive=True).status == again.face(PARENT, alive=True).status == "RUNNING"
    done = projected(rows)
    found = {key: done.face(key, alive=False).status for key in done.runs}
    assert found == {2: "FAILED", **dict.fromkeys((PARENT, 0, 1, 3, 4, 5, 6, 7), "FINISHED")}


def test_ranks_are_given_when_the_sweep_ends(rows):
    made = projected(rows)
    assert [made.runs[n].rank for n in (4, 3, 7, 6, 0, 1, 5, 2)] == list(range(1, 9))
    assert made.face(4, alive=False).tags["rank"] == "1"


def test_names_are_readable(rows):
    made = projected(rows)
    assert made.face(3, alive=False).name == "003 factor_vae γ=2 Z=9"
    assert made.face(PARENT, alive=False).name == "look"


def test_the_identity_tells_two_sweeps_of_one_specification_apart(tmp_path):
    one, other = ledgers.Builder(tmp_path / "a" / "look"), ledgers.Builder(tmp_path / "b" / "look")
    one.ledger.close(), other.ledger.close()
    first, second = (projected(read(b.folder / "ledger.jsonl")).tags for b in (one, other))
    assert first["teasel.sweep"] == second["teasel.sweep"] and first != second


@given(st.text(max_size=600))
def test_any_name_becomes_one_that_mlflow_takes(name):
    _validate_metric_name(metric(name))
    assert len(metric(name)) <= NAME


@pytest.mark.parametrize("name", ["score/mig", "train/kl 3", "val/elbo", "a.b-c:d", "β/γ"])
def test_good_names_stay(name):
    assert metric(name) == name


def test_bad_names_stay_apart():
    assert len({metric(n) for n in ("a\x1b", "a\x1c", "a?", "a_", "/a", "a/../b", "b", "..", "")}) == 9


@given(st.text())
def test_any_text_becomes_a_printable_tag(said):
    shown = text(said)
    assert shown.isprintable() and _validate_tag("key", shown).value == shown
    shown.encode()


@pytest.mark.parametrize(
    "said",
    [
        "cannot reach https://me:CANARY@host/path",
        "api_key=CANARY",
        "MLFLOW_TRACKING_TOKEN: CANARY, and more",
        '{"x": "password=CANARY"}',
    ],
)
def test_secrets_are_blotted_out(said):
    assert "CANARY" not in text(said) and "***" in text(said)
