"""What Optuna's study knows is what the ledger says."""

import optuna
import pytest
from tests_search import simulation
from tests_search.simulation import begin, play

from search.history import replay
from search.ledger import read
from search.sampler import Sampler, seed_of


def rebuilt(sweep, rows):
    sampler = Sampler(sweep.sampler.name, sweep.search_space(), sweep.objectives)
    sampler.rebuild(rows)
    return sampler.study


@pytest.mark.parametrize("name", ["tpe", "cmaes"])
def test_the_study_has_states_values_and_intermediates(tmp_path, name):
    sweep = simulation.sweep(tmp_path, sampler=name, methods=["factor_vae"])
    loop = begin(sweep, tmp_path / "ledger.jsonl")
    play(loop, failing={2})
    history = replay(read(tmp_path / "ledger.jsonl"))
    for study in (loop._sampler.study, rebuilt(sweep, read(tmp_path / "ledger.jsonl"))):
        assert len(study.trials) == 12
        for frozen, trial in zip(study.trials, history.trials, strict=True):
            assert frozen.state.name == trial.state
            assert frozen.params == trial.params
            expected = {r.step: r.metrics["score/mig"] for r in trial.reports}
            assert frozen.intermediate_values == expected
            if trial.state == "COMPLETE":
                assert frozen.value == trial.metrics["score/mig"]
            if trial.state == "PRUNED":
                assert frozen.value == expected[trial.step]


def test_a_live_trial_of_an_old_session_can_report_and_end(tmp_path):
    sweep = simulation.sweep(tmp_path)
    loop = begin(sweep, tmp_path / "ledger.jsonl")
    first = loop.next()
    loop.report(0, 1, first.reports[0], {"score/mig": 0.25}, checkpoint="x/11")
    loop._ledger.ledger.close()
    again = begin(sweep, tmp_path / "ledger.jsonl")
    assert again._sampler.study.trials[0].state == optuna.trial.TrialState.RUNNING
    play(again)
    assert again._sampler.study.trials[0].intermediate_values[first.reports[0]] == 0.25


def test_seeds_differ_by_trial_and_by_sweep():
    seeds = {seed_of(s, n) for s in range(20) for n in range(50)}
    assert len(seeds) == 1000
    assert seed_of(0, 0) == seed_of(0, 0)


def test_a_changed_space_is_said(tmp_path):
    sweep = simulation.sweep(tmp_path, methods=["factor_vae"])
    play(begin(sweep, tmp_path / "ledger.jsonl"))
    wider = simulation.sweep(tmp_path, methods=["factor_vae"], sets=["batch_size=search"])
    with pytest.raises(ValueError, match=r"Trial 0 .*batch_size.*space has changed"):
        rebuilt(wider, read(tmp_path / "ledger.jsonl"))


def test_a_stateful_sampler_whose_suggestions_changed_is_refused(tmp_path):
    sweep = simulation.sweep(tmp_path, methods=["factor_vae"], sampler="qmc")
    play(begin(sweep, tmp_path / "ledger.jsonl"))
    rows = read(tmp_path / "ledger.jsonl")
    changed = next(row for row in rows if row["kind"] == "trial" and row["trial"] == 4)
    changed["params"]["gamma"] = 2.0
    with pytest.raises(ValueError, match="no longer suggests"):
        rebuilt(sweep, rows)


def test_every_third_configuration_of_tpe_is_drawn_whatever_is_known(tmp_path):
    """The same sweep turned round: what it is after changes most suggestions, and none of these."""
    configs = []
    for direction in ("maximize", "minimize"):
        sweep = simulation.sweep(tmp_path, methods=["beta_vae"], trials=18, schedule="none", sets=["form=beta"])
        sweep = sweep.replace(objectives=[{"metric": "score/mig", "direction": direction}])
        play(begin(sweep, tmp_path / f"{direction}.jsonl"))
        rows = read(tmp_path / f"{direction}.jsonl")
        configs.append([row["config"] for row in rows if row["kind"] == "trial"])
    same = {number for number, (one, other) in enumerate(zip(*configs, strict=True)) if one == other}
    assert {0, 1, 2, 3, 4, 6, 9, 12, 15} <= same, "the first five, and every third"
    assert len(same) < 12
