"""Picking: which trial, under which seeds, and what is written down; with real Ray, MLflow and models."""

import json
import shutil

import pytest
import yaml
from mlflow import MlflowClient
from tests_search import simulation
from tests_search.command import teasel
from tests_search.simulation import begin, play

from search import pick
from search.folder import folder
from search.history import COMPLETE, FAIL, PRUNED, replay
from search.ledger import Ledger, read
from search.standings import ranking
from trainables.core import model_file


def played(tmp_path, failing=frozenset(), **changes):
    sweep = simulation.sweep(tmp_path, **changes)
    play(begin(sweep, tmp_path / "ledger.jsonl"), failing=failing)
    return sweep, replay(read(tmp_path / "ledger.jsonl"))


def of_state(history, state):
    return next(trial.number for trial in history.trials if trial.state == state)


# -- which trial ----------------------------------------------------------------------------------------------------


def test_the_rule_takes_the_first_of_the_ranking_and_says_how_sure_that_is(tmp_path):
    _, history = played(tmp_path)
    choice = pick.by_rule(history, None)
    assert choice.trial == ranking(history)[0].number and choice.by == "rule"
    assert "first of 12 by score/mig" in choice.because and "cannot be told apart" in choice.because
    assert pick.by_rule(history, "I like it").because == "I like it"


def test_the_rule_keeps_the_constraints(tmp_path):
    given = {"constraints": [{"condition": "dead_latents", "at_most": -1.0}]}
    _, history = played(tmp_path, **given)
    with pytest.raises(ValueError, match="no complete configuration that keeps the constraints"):
        pick.by_rule(history, None)


@pytest.mark.parametrize(
    ("value", "because"), [("", "tagged in MLflow"), ("true", "tagged in MLflow"), ("its β", "its β")]
)
def test_a_tag_is_a_choice_and_its_value_a_reason(tmp_path, value, because):
    _, history = played(tmp_path)
    done = of_state(history, COMPLETE)
    assert pick.by_tag(history, {done: value}, None) == pick.Choice(trial=done, because=because, by="tag")
    assert pick.by_tag(history, {}, None) is None


def test_tags_that_cannot_be_followed_are_said(tmp_path):
    _, history = played(tmp_path, failing={0})
    with pytest.raises(ValueError, match=r"several trials \(000, 001\).*teasel pick simulated TRIAL"):
        pick.by_tag(history, {0: "", 1: ""}, None)
    with pytest.raises(ValueError, match=r"Trial 000 .* it failed, because its loss.*carries the tag"):
        pick.by_tag(history, {of_state(history, FAIL): ""}, None)


def test_tags_on_replicates_of_one_configuration_mean_the_same(tmp_path):
    _, history = played(tmp_path, seeds=3, trials=9, schedule="none")
    assert pick.by_tag(history, {4: "", 3: "first"}, None).trial == 3


def test_what_was_stopped_can_be_picked_by_hand_and_what_failed_cannot(tmp_path):
    _, history = played(tmp_path, failing={0})
    assert pick.by_hand(history, of_state(history, PRUNED), None).because == "chosen by hand"
    with pytest.raises(ValueError, match="its loss is not finite"):
        pick.by_hand(history, 0, None)
    with pytest.raises(ValueError, match="no trial 12; trials are 0 to 11"):
        pick.by_hand(history, 12, None)


# -- the final training ---------------------------------------------------------------------------------------------


def test_the_final_sweep_trains_exactly_that_under_fresh_seeds_and_looks_once(tmp_path):
    sets = ["form=capacity", "capacity_ramp=0.25..0.5"]
    sweep, history = played(tmp_path, methods=["beta_vae"], sets=sets, seeds=3, trials=9, sampler="random")
    choice = pick.by_rule(history, None)
    final = pick.final_sweep(sweep, history, choice, seeds=4, steps=None)
    config = history.trials[choice.trial].config
    space = final.spaces()["beta_vae"]
    assert not space.searched and all(space.domains[key].fixed == value for key, value in config.items())
    assert final.seed == 3 and not {t.seed for t in history.trials} & set(range(final.seed, final.seed + 4))
    assert final.report_steps == (sweep.budget.steps,) and final.rungs == ()
    assert (final.budget.trials, final.seeds.count) == (4, 4)
    assert (final.picked.sweep, final.picked.trial) == (sweep.name, choice.trial)
    assert pick.final_sweep(sweep, history, choice, seeds=4, steps=None).id == final.id


def test_an_objective_over_models_needs_several(tmp_path):
    sweep, history = played(tmp_path, seeds=3, trials=9, objectives=["score/udr"], schedule="none")
    choice = pick.by_rule(history, None)
    assert pick.final_sweep(sweep, history, choice, seeds=2, steps=9).objectives[0].metric == "score/udr"
    with pytest.raises(ValueError, match="at least 2 --seeds"):
        pick.final_sweep(sweep, history, choice, seeds=1, steps=9)


# -- all of it ------------------------------------------------------------------------------------------------------


GIVEN = [
    "--data",
    "digits",
    "--set",
    "data.size=16",
    "--set",
    "network=mlp",
    "--set",
    "hidden=32",
    "--set",
    "form=beta",
]


@pytest.fixture(scope="module")
def picked(tmp_path_factory, ray_address, empty_database):
    """A real sweep of two trials, published, tagged in MLflow, and picked."""
    storage = tmp_path_factory.mktemp("picked")
    shutil.copy(empty_database, storage / "mlflow.db")
    place = ["--storage", storage, "--address", ray_address]
    teasel(
        "run", "beta_vae", *GIVEN, "--objective", "val/elbo", "--trials", 2, "--steps", 60, "--name", "small", *place
    )
    client = MlflowClient(tracking_uri=f"sqlite:///{storage / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("small").experiment_id
    (run,) = client.search_runs([experiment], "tags.`teasel.trial` = '1'")
    client.set_tag(run.info.run_id, "pick", "for its curves")
    said = teasel("pick", "small", "--seeds", 2, *place)
    return storage, place, said


def test_a_tagged_trial_becomes_a_registered_model(picked):
    storage, _, said = picked
    assert "Trial 001, for its curves" in said and "models:/small@pick" in said
    target = storage / "small-pick-001"
    record = yaml.safe_load((target / "pick.yaml").read_text())
    assert (record["sweep"], record["trial"], record["by"]) == ("small", 1, "tag")
    assert record["config"] == dict(folder(storage, "small").history().trials[1].config)
    final = folder(storage, "small-pick-001").history()
    assert record["seeds"] == [t.seed for t in final.trials] == [1, 2]
    values = [t.metrics["val/elbo"] for t in final.trials]
    assert record["test"]["elbo"]["mean"] == pytest.approx(sum(values) / 2)
    assert record["test"]["elbo"]["low"] < record["test"]["elbo"]["mean"] < record["test"]["elbo"]["high"]
    model = model_file.load(target / "model")
    assert model.sha256 == record["model"]["sha256"] and record["model"]["seed"] == 1
    card = (target / "README.md").read_text()
    assert "for its curves" in card and "once, on test images" in card and "models:/small@pick" in card
    assert folder(storage, "small").history().picks[-1].because == "for its curves"


def test_test_images_are_measured_once_and_all_of_them(picked):
    storage, _, _ = picked
    final = folder(storage, "small-pick-001").history()
    for trial in final.trials:
        assert [report.step for report in trial.reports] == [trial.steps]
        card = json.loads((storage / "small-pick-001" / trial.reports[0].checkpoint / "trial.json").read_text())
        assert (card["fit"], card["judged"]) == ("development", "test")


def test_mlflow_has_the_final_runs_beside_the_search_and_the_models_lineage(picked):
    storage, _, _ = picked
    uri = f"sqlite:///{storage / 'mlflow.db'}"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    version = client.get_model_version_by_alias("small", "pick")
    run = client.get_run(version.run_id)
    assert run.info.run_name == "pick of 001, seed 1"
    assert run.data.tags["pick_of"] == "small trial 001"
    assert run.info.experiment_id == client.get_experiment_by_name("small").experiment_id
    measured = {name for name in run.data.metrics if not name.startswith(("train/", "seeds/"))}
    assert "test/elbo" in measured and all(name.startswith("test/") for name in measured)
    (chosen,) = client.search_runs([run.info.experiment_id], "tags.picked = 'for its curves' and tags.rank = '2'") or [
        *client.search_runs([run.info.experiment_id], "tags.picked = 'for its curves' and tags.rank = '1'")
    ]
    assert chosen.data.tags["teasel.trial"] == "1"


def test_picking_again_trains_nothing_again(picked):
    storage, place, _ = picked
    before = (storage / "small-pick-001" / "ledger.jsonl").read_bytes()
    said = teasel("pick", "small", "1", "--seeds", 2, *place)
    assert "chosen by hand" in said
    assert (storage / "small-pick-001" / "ledger.jsonl").read_bytes() == before
    said = teasel("pick", "small", "1", "--seeds", 3, *place, code=2)
    assert "has been picked and trained otherwise" in said
    uri = f"sqlite:///{storage / 'mlflow.db'}"
    assert len(MlflowClient(tracking_uri=uri, registry_uri=uri).search_model_versions("name = 'small'")) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nothing"], "No sweep named 'nothing'"),
        (["small", "7"], "no trial 7; trials are 0 to 1"),
        (["small-pick-001"], "is itself the final training of trial 001 of small"),
        (["small", "0", "--mlflow", "ftp://x"], "no MLflow server"),
    ],
)
def test_what_cannot_be_picked_is_said_and_nothing_written(picked, words, says):
    storage, place, _ = picked
    before = (storage / "small" / "ledger.jsonl").read_bytes(), sorted(p.name for p in storage.iterdir())
    assert says in teasel("pick", *words, *place, code=2)
    assert ((storage / "small" / "ledger.jsonl").read_bytes(), sorted(p.name for p in storage.iterdir())) == before


def test_tags_on_other_runs_are_told_apart(picked, tmp_path):
    from search.tracking import tagged

    storage, _, _ = picked
    assert tagged(storage / "small", None) == {1: "for its curves"}
    client = MlflowClient(tracking_uri=f"sqlite:///{storage / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("small").experiment_id
    runs = {run.info.run_name: run.info.run_id for run in client.search_runs([experiment])}
    client.set_tag(runs["pick of 001, seed 1"], "pick", "")
    assert tagged(storage / "small", None) == {1: "for its curves"}, "its own runs count"
    mine = next(run for name, run in runs.items() if name.startswith("001 beta_vae"))
    client.delete_tag(mine, "pick")
    with pytest.raises(ValueError, match="a run of another sweep"):
        tagged(storage / "small", None)
    client.delete_tag(runs["pick of 001, seed 1"], "pick")
    client.set_tag(runs["small"], "pick", "")
    with pytest.raises(ValueError, match="the sweep's own run"):
        tagged(storage / "small", None)
    client.delete_tag(runs["small"], "pick")
    assert tagged(storage / "small", None) == {}
    client.set_tag(mine, "pick", "for its curves")


def test_a_pick_without_mlflow_hands_the_model_out_all_the_same(picked, tmp_path):
    storage, _, _ = picked
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copytree(storage / "small", copy / "small")
    shutil.copytree(storage / "small-pick-001", copy / "small-pick-001")
    said = teasel("pick", "small", "1", "--seeds", 2, "--storage", copy, "--mlflow", "http://127.0.0.1:9", code=1)
    assert "Not registered in MLflow" in said and "no server there" in said
    assert model_file.load(copy / "small-pick-001" / "model").name == "beta_vae"
    with Ledger.open(copy / "small" / "ledger.jsonl"):
        assert "running already" in teasel("pick", "small", "0", "--storage", copy, "--mlflow", "none", code=2)
