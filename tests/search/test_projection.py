"""What each run should hold, without any MLflow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name, _validate_tag
from tests_search import ledgers, simulation

from search.ledger import read
from search.tracking.projection import PARENT, Projection
from search.tracking.words import NAME, metric, text


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
    ranks = [made.face(n, alive=False).tags["rank"] for n in (4, 3, 7, 6, 0, 1, 5, 2)]
    assert ranks == [str(rank) for rank in range(1, 9)]
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


def test_replicates_share_their_rank_and_carry_the_interval_over_seeds(tmp_path):
    sweep = simulation.sweep(tmp_path, seeds=3, trials=9, objectives=["score/udr"], schedule="none")
    simulation.play(simulation.begin(sweep, tmp_path / "ledger.jsonl"))
    rows = read(tmp_path / "ledger.jsonl")
    growing, whole = Projection(), projected(rows)
    for row in rows:
        growing.add(row)
        for key, run in growing.runs.items():
            assert whole.runs[key].points[: len(run.points)] == run.points
    for configuration in whole.history.configurations:
        values = [trial.metrics["score/udr"] for trial in configuration.trials]
        for trial in configuration.trials:
            latest = {point.name: point.value for point in whole.runs[trial.number].points}
            assert latest["seeds/score/udr/mean"] == pytest.approx(sum(values) / 3)
            assert latest["seeds/score/udr/count"] == 3.0
            assert latest["final/score/udr"] == trial.metrics["score/udr"]
            tags = whole.face(trial.number, alive=False).tags
            assert tags["configuration"] == str(configuration.number)
            assert tags["rank"] == str(int(latest["rank"]))
    best = [point.value for point in whole.runs[PARENT].points if point.name == "best/score/udr"]
    assert len(best) == 3 and best == sorted(best)
    assert "95 % interval" in whole.face(PARENT, alive=False).tags["told_apart"]


def test_several_objectives_mark_the_pareto_front_and_conditions_are_said(tmp_path):
    sweep = simulation.sweep(tmp_path, objectives=["score/mig", "val/elbo"], constraints=["dead_latents"])
    simulation.play(simulation.begin(sweep, tmp_path / "ledger.jsonl"))
    made = projected(read(tmp_path / "ledger.jsonl"))
    faces = {t.number: made.face(t.number, alive=False).tags for t in made.history.trials}
    assert {tags["pareto"] for tags in faces.values()} == {"true", "false"}
    for trial in made.history.trials:
        dead = trial.metrics["condition/dead_latents"] > 0.5
        assert ("dead latents" in faces[trial.number].get("conditions", "")) == dead


def test_a_pick_is_a_tag_of_its_run_and_of_the_sweep(rows):
    made = projected([*rows, {"kind": "pick", "time": 1.0, "trial": 4, "because": "its heads are clean"}])
    assert made.face(4, alive=False).tags["picked"] == "its heads are clean"
    assert made.face(PARENT, alive=False).tags["picked"] == "004: its heads are clean"
    assert made.runs[4].stale
