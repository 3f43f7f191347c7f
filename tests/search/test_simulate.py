"""Sweeps in simulated time: what they cost, what they see, and that they are the sweeps that would run."""

import dataclasses
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests_search import recordings
from tests_search.simulation import begin
from typer.testing import CliRunner

from search import curves_file
from search.__main__ import app
from search.assignment import Assignment, Finished
from search.curves import Curves
from search.forecast import forecast
from search.history import PRUNED
from search.schedule import Continue
from search.simulate import Simulation, simulate, unstopped
from search.surrogate import NotRecorded, Surrogate


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """12 trials of two methods; β-VAE in its β form, which has no ramps."""
    return recordings.sweep(tmp_path_factory.mktemp("s"), schedule="asha", sets=["beta_vae.form=beta"])


@pytest.fixture(scope="module")
def curves(sweep):
    return recordings.curves(sweep, 60)


@pytest.fixture(scope="module")
def surrogate(sweep, curves):
    return Surrogate(sweep, curves)


def configs(history):
    return [(trial.method, dict(trial.config)) for trial in history.trials]


# -- time -----------------------------------------------------------------------------------------------------------


def test_one_worker_that_stops_nothing_takes_the_sum_of_seconds(sweep, curves):
    whole = sweep.replace(schedule={"name": "none"}, report_every=10)
    simulation = Simulation(whole, (surrogate := Surrogate(whole, curves)), workers=1)
    run = simulation.run()
    near = [surrogate.near(method, config).curves[0] for method, config in configs(simulation.history)]
    assert run.seconds == pytest.approx(math.fsum(s for curve in near for s in curve.seconds))
    assert run.busy == pytest.approx(run.seconds)
    assert (run.trials, run.complete, run.stopped, run.failed) == (12, 12, 0, 0)


def test_two_workers_report_in_the_order_of_time(sweep, curves):
    """β-VAE reports every 1.5 s and FactorVAE every 2.5 s: each worker's reports are its own sums."""
    whole = sweep.replace(schedule={"name": "none"}, report_every=10)
    simulation = Simulation(whole, Surrogate(whole, curves), workers=2)
    run = simulation.run()
    pace = {"beta_vae": 1.5, "factor_vae": 2.5}
    times = [row["time"] for row in simulation.ledger.rows]
    assert times == sorted(times)
    begun = {row["trial"]: row["time"] for row in simulation.ledger.rows if row["kind"] == "start"}
    for trial in simulation.history.trials:
        each = [report.time for report in trial.reports]
        assert each == pytest.approx([begun[trial.number] + pace[trial.method] * (i + 1) for i in range(9)])
    # Each trial but the first two begins when another one ends.
    ends = {trial.ended for trial in simulation.history.trials}
    assert sorted(begun.values())[:2] == [0.0, 0.0] and set(sorted(begun.values())[2:]) <= ends
    assert run.busy <= 2 * run.seconds


def test_a_wall_time_is_simulated_time(sweep, surrogate):
    limited = sweep.replace(budget={"trials": 500, "steps": 90, "wall_time": 60})
    run = simulate(limited, Surrogate(limited, recordings.curves(sweep, 60)), seed=0, workers=2)
    assert 60 <= run.seconds < 65 and 8 < run.trials < 60
    assert (
        simulate(sweep.replace(budget={"trials": 500, "steps": 90}), surrogate, seed=0, workers=2, until=60).seconds
        < 60
    )


# -- the sweep that would run ---------------------------------------------------------------------------------------


def test_the_same_twice_and_another_under_another_seed(sweep, surrogate):
    one, same, other = (simulate(sweep, surrogate, seed=seed, workers=2) for seed in (3, 3, 4))
    assert one == same
    assert one.seconds != other.seconds
    assert one.stopped > 0 and one.complete > 0


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_suggestions_are_those_of_a_real_loop_over_a_real_ledger(sweep, surrogate, tmp_path, sampler):
    """Whatever the surrogate says is reported, one trial at a time."""
    sweep = sweep.replace(sampler={"name": sampler, "seed": 5, **({"startup": 4} if sampler == "tpe" else {})})
    simulation = Simulation(sweep, surrogate, workers=1)
    simulation.run()
    loop = begin(sweep, tmp_path / "ledger.jsonl")
    while not isinstance(given := loop.next(), Finished):
        assert isinstance(given, Assignment)
        curve = surrogate.near(given.method, given.config).curves[0]
        for point in surrogate.points(curve, given.reports):
            if not isinstance(loop.report(given.trial, given.attempt, point.step, point.metrics), Continue):
                break
    loop._ledger.ledger.close()
    assert configs(simulation.history) == configs(loop.history)
    assert [t.state for t in simulation.history.trials] == [t.state for t in loop.history.trials]
    assert any(t.state == PRUNED for t in loop.history.trials)


def test_a_configuration_whose_curve_diverged_fails_when_it_did(sweep):
    surrogate = Surrogate(sweep, recordings.curves(sweep, 30, failing=set(range(0, 30, 2))))
    simulation = Simulation(sweep.replace(report_every=10), surrogate, workers=1)
    run = simulation.run()
    failed = [trial for trial in simulation.history.trials if trial.state == "FAIL"]
    assert failed and len(failed) == run.failed
    assert all(trial.condition == "diverged" and trial.step == 30 for trial in failed)
    first = failed[0]
    pace = 0.2 if first.method == "factor_vae" else 0.1
    assert first.ended - first.started == pytest.approx(30 * pace + 3 * 0.5 + 0.7)


def test_replicates_take_the_curves_of_their_seeds_and_wait_for_each_other(sweep):
    several = sweep.replace(seeds=2, budget={"trials": 12, "steps": 90})
    surrogate = Surrogate(several, recordings.curves(sweep.replace(seeds=2), 30, seeds=2))
    simulation = Simulation(several, surrogate, workers=3)
    run = simulation.run()
    assert run.trials == 12 and not [t for t in simulation.history.trials if t.state == "RUNNING"]
    for configuration in simulation.history.configurations:
        one, two = surrogate.near(configuration.first.method, configuration.first.config).curves
        assert (one.seed, two.seed) == (0, 1)
        for trial, curve in zip(configuration.trials, (one, two), strict=True):
            last = trial.reports[-1]
            (point,) = surrogate.points(curve, [last.step])
            assert last.metrics == point.metrics
    with pytest.raises(NotRecorded, match="under 2 seeds, and the curves of beta_vae that it can use have 1 of each"):
        Surrogate(several, recordings.curves(sweep, 10))


# -- what stands for a configuration --------------------------------------------------------------------------------


def test_a_recorded_configuration_stands_for_itself(surrogate, curves):
    for curve in curves.curves:
        found = surrogate.near(curve.method, curve.config)
        assert found.apart == 0.0 and found.curves == (curve,)


def test_near_is_near_on_the_spaces_own_scale(sweep, curves):
    """Of two, the one whose logarithm is nearer; and never one of another method."""
    base = next(c for c in curves.curves if c.method == "beta_vae")
    near, far = (
        dataclasses.replace(base, trial=i, config={**base.config, "lr": lr}) for i, lr in ((0, 1e-4), (1, 1e-2))
    )
    other = next(c for c in curves.curves if c.method == "factor_vae")
    surrogate = Surrogate(sweep, Curves(sweeps=curves.sweeps, curves=(near, far, other)), among=1)
    # 9e-4 is nearer to 1e-4 by difference as well; 2e-3 is so by difference alone.
    assert surrogate.near("beta_vae", {**base.config, "lr": 9e-4}).curves == (near,)
    assert surrogate.near("beta_vae", {**base.config, "lr": 2e-3}).curves == (far,)
    apart = surrogate.near("beta_vae", {**base.config, "lr": 1e-3}).apart
    assert apart == pytest.approx(math.sqrt((1 / 3) ** 2 / 3)), "a third of lr's range, of three hyperparameters"
    assert surrogate.near("factor_vae", {**other.config, "lr": 1e-5}).curves == (other,)


def test_of_the_nearest_the_nearer_stands_more_often(sweep, curves):
    surrogate = Surrogate(sweep, curves)
    alone = Surrogate(sweep, curves, among=1)
    drawn = list(recordings.drawn(sweep.replace(sampler={"name": "random", "seed": 1}), 300))
    pairs = [(surrogate.near(m, c), alone.near(m, c)) for m, c, _ in drawn]
    same = sum(one.curves == other.curves for one, other in pairs)
    assert 0.25 * 300 < same < 0.95 * 300
    assert all(one.apart >= other.apart for one, other in pairs)


@settings(max_examples=40)
@given(st.sets(st.integers(10, 89), max_size=12), st.integers(0, 39))
def test_points_keep_the_seconds_of_training_and_pass_through_what_was_recorded(surrogate, curves, steps, number):
    curve = curves.curves[number]
    points = surrogate.points(curve, sorted({*steps, 90}))
    assert math.fsum(p.seconds for p in points) == pytest.approx(math.fsum(curve.training) + 0.5 * len(points))
    for point in points:
        left, right = point.step // 10 - 1, min(8, -(-point.step // 10) - 1)
        for name, values in curve.metrics.items():
            low, high = sorted((values[left], values[right]))
            assert low - 1e-12 <= point.metrics[name] <= high + 1e-12
            if point.step % 10 == 0:
                assert point.metrics[name] == values[left]


# -- refused before any work ----------------------------------------------------------------------------------------

REFUSED = [
    (
        {"methods": ["class_conditional_vae"], "objectives": ["val/elbo"], "space": {}},
        "no curves of class_conditional_vae on this dataset; there are of beta_vae, factor_vae",
    ),
    ({"data": "digits", "objectives": ["val/elbo"]}, r"recorded on sprites; the sweep searches on digits"),
    ({"data": {"name": "sprites", "options": {"size": 16}}}, r"the sweep searches on sprites \(size=16\)"),
    ({"objectives": ["score/sap"]}, "score/sap was not recorded of every trial; what was is"),
    ({"objectives": ["score/mig", "val/elbo"]}, "follows one objective, and the sweep has 2"),
    ({"budget": {"trials": 4, "steps": 91}}, "trials have 91 steps, and the curves end at 90"),
    ({"report_every": 5}, "first report is at step 5, and the curves begin at 10"),
    (
        {"space": {"lr": {"low": 1e-6, "high": 1e-2}}},
        r"space.beta_vae.lr: the sweep has 1e-06 to 0.01, and recorded was 1e",
    ),
    ({"space": {"network": "mlp"}}, "space.factor_vae.network: the sweep has 'mlp', and recorded was 'burgess'"),
    ({"space": {"batch_size": [32, 64]}}, "batch_size: the sweep has 32, 64, and recorded was 64"),
    ({"space": {"beta_vae": {"form": "capacity"}}}, "beta_vae.form: the sweep has 'capacity', and recorded was 'beta'"),
]


@pytest.mark.parametrize(("changes", "match"), REFUSED, ids=lambda v: v if isinstance(v, str) else "")
def test_what_the_curves_cannot_tell_is_refused(sweep, curves, changes, match):
    if changes.get("space") and "beta_vae" not in changes["space"]:
        changes = {"space": {**changes["space"], "beta_vae": {"form": "beta"}}}
    with pytest.raises(NotRecorded, match=match):
        Surrogate(sweep.replace(**changes), curves)


def test_ramps_of_another_length_are_refused_and_narrower_ranges_are_not(sweep, tmp_path):
    ramped = recordings.sweep(tmp_path, methods=["beta_vae"])
    curves = recordings.curves(ramped, 20)
    with pytest.raises(NotRecorded, match="curves of 90 steps say nothing of trials of 60"):
        Surrogate(ramped.replace(budget={"trials": 4, "steps": 60}), curves)
    narrow = Surrogate(ramped.replace(space={"form": "beta", "lr": {"low": 1e-4, "high": 1e-3}}), curves)
    for (curve,) in narrow.groups:
        assert curve.config["form"] == "beta" and 1e-4 <= curve.config["lr"] <= 1e-3


def test_an_objective_that_the_last_report_has_alone_can_be_followed_but_not_stopped_by(sweep, curves):
    late = [
        dataclasses.replace(c, metrics={**c.metrics, "score/sap": (*[None] * 8, c.metrics["score/mig"][-1])})
        for c in curves.curves
    ]
    late = Curves(sweeps=curves.sweeps, curves=tuple(late))
    with pytest.raises(NotRecorded, match="no trial could be stopped by it"):
        Surrogate(sweep.replace(objectives=["score/sap"]), late)


# -- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(sweep, curves, tmp_path_factory):
    """A sweep file and a file of curves, as words."""
    from search.sweep_file import dump

    folder = tmp_path_factory.mktemp("files")
    (folder / "sweep.yaml").write_text(dump(sweep))
    curves_file.write(curves, folder / "curves.parquet")
    return folder


def simulated(files, *words, code=0):
    done = CliRunner().invoke(app, ["simulate", str(files / "sweep.yaml"), *words])
    assert done.exit_code == code, done.output
    return done.output


def test_the_command_says_what_a_budget_would_bring(files):
    words = ("--curves", str(files / "curves.parquet"), "--seeds", "3", "--workers", "2")
    said = " ".join(simulated(files, *words).split())
    assert "12 trials of 90 steps, 2 at once, simulated under 3 seeds on 60 configurations of curves.parquet" in said
    for word in ("Wall time:", "complete,", "stopped,", "regret", "random search, none stopped", "nearest recorded"):
        assert word in said
    found = json.loads(simulated(files, *words, "--json"))
    assert found == json.loads(simulated(files, *words, "--json"))
    assert found["trials"] == 12 and len(found["runs"]) == 3 and len(found["rows"]) == 8
    assert found["regret"]["mean"] == pytest.approx(found["best"] - found["value"]["mean"])
    assert json.loads(simulated(files, *words, "--json", "--trials", "30"))["trials"] == 30


def test_the_command_refuses_with_a_sentence_and_exit_code_2(files):
    assert "There is no file" in simulated(files, "--curves", str(files / "none"), code=2)
    assert "no file of curves" in simulated(files, "--curves", str(files / "sweep.yaml"), code=2)
    done = CliRunner().invoke(app, ["simulate", "first_look", "--curves", str(files / "curves.parquet")])
    assert done.exit_code == 2 and "the curves were recorded on sprites;" in done.output


def test_random_search_stops_nothing_and_is_no_worse_than_nothing(sweep, surrogate):
    runs = [simulate(sweep, surrogate, seed=seed, workers=2) for seed in range(3)]
    plain = [
        simulate(unstopped(sweep), surrogate, seed=seed, workers=2, until=8 * runs[0].seconds) for seed in range(3)
    ]
    assert all(run.stopped == 0 and run.complete > 12 for run in plain)
    found = forecast(runs, plain, metric="score/mig", maximize=True, best=surrogate.complete[0], workers=2)
    assert found.regret.mean >= 0 and 0 < found.busy <= 1
    assert [row.seconds for row in found.rows] == sorted(row.seconds for row in found.rows)
    assert found.rows[-1].random == found.random
