"""Replicates: judged together, compared, promoted; killed anywhere, as if nothing had happened."""

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests_search import invariants, simulation
from tests_search.simulation import Killed, begin, play

from search.assignment import Finished
from search.history import COMPLETE, FAIL, PRUNED, replay
from search.ledger import read
from search.replicates import over_seeds
from search.standings import standings, told_apart


def uninterrupted(sweep, path, **options):
    play(begin(sweep, path, **options))
    return replay(read(path))


SEEDED = {
    "mean": {"sets": [], "seeds": 3, "trials": 18},
    "udr": {"seeds": 3, "trials": 18, "objectives": ["score/udr"]},
    "adaptive": {"seeds": "adaptive", "trials": 24},
    "two objectives": {"seeds": 2, "trials": 16, "objectives": ["score/mig", "score/udr"]},
    "nsga2": {"seeds": 2, "trials": 16, "sampler": "nsga2"},
    "constrained": {"seeds": 2, "trials": 16, "constraints": [{"condition": "dead_latents", "at_most": 0.3}]},
}


@pytest.mark.parametrize("kind", SEEDED)
@pytest.mark.parametrize("concurrency", [1, 4])
def test_the_invariants_hold(tmp_path, kind, concurrency):
    sweep = simulation.sweep(tmp_path, **SEEDED[kind])
    history = uninterrupted(sweep, tmp_path / "ledger.jsonl", concurrency=concurrency)
    invariants.check(history, sweep)
    assert len(history.trials) == sweep.budget.trials and history.finished
    if not sweep.seeds.adaptive:
        assert {len(c.trials) for c in history.configurations} == {sweep.seeds.count}


@pytest.mark.parametrize("kind", SEEDED)
def test_killed_at_every_row_equals_uninterrupted(tmp_path, kind):
    sweep = simulation.sweep(tmp_path, **{**SEEDED[kind], "trials": 9, "steps": 30})
    whole = uninterrupted(sweep, tmp_path / "whole.jsonl")
    rows = len(read(tmp_path / "whole.jsonl"))
    for left in range(1, rows, 1 if kind in ("udr", "adaptive") else 3):
        path = tmp_path / f"{left}.jsonl"
        with pytest.raises(Killed):
            play(begin(sweep, path, left=left - 1, after=left % 2 == 0))
        play(begin(sweep, path))
        again = replay(read(path))
        assert invariants.essence(again) == invariants.essence(whole), f"killed at row {left}"
        invariants.check(again, sweep)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", ["udr", "adaptive", "mean"])
def test_many_at_once_killed_lost_and_failing(tmp_path, kind, seed):
    sweep = simulation.sweep(tmp_path, **SEEDED[kind])
    path, rng = tmp_path / "ledger.jsonl", random.Random(seed)
    for _ in range(4):
        try:
            play(begin(sweep, path, left=rng.randrange(10, 70), concurrency=4), rng, failing={4}, losing={6})
        except Killed:
            continue
    play(begin(sweep, path, concurrency=4), rng, failing={4})
    history = replay(read(path))
    invariants.check(history, sweep)
    for configuration in history.configurations:
        if any(t.state == FAIL for t in configuration.trials):
            assert configuration.state == FAIL
            assert all(t.state in (FAIL, PRUNED, COMPLETE) for t in configuration.trials)


def test_replicates_are_stopped_by_what_they_are_worth_together(tmp_path):
    sweep = simulation.sweep(tmp_path, **SEEDED["mean"])
    history = uninterrupted(sweep, tmp_path / "ledger.jsonl")
    stopped = [c for c in history.configurations if c.state == PRUNED]
    assert stopped
    for configuration in stopped:
        assert len({trial.reason for trial in configuration.trials}) == 1
        values = [report.metrics["score/mig"] for report in configuration.reports(configuration.step)]
        assert f"score/mig {statistics.fmean(values):.4g} at rung" in configuration.first.reason


def test_agreement_is_a_metric_of_each_replicate_and_the_objective(tmp_path):
    sweep = simulation.sweep(tmp_path, **SEEDED["udr"])
    loop = begin(sweep, tmp_path / "ledger.jsonl")
    play(loop)
    for configuration, frozen in zip(loop.history.configurations, loop._sampler.study.trials, strict=True):
        values = [trial.metrics["score/udr"] for trial in configuration.trials]
        assert frozen.value == pytest.approx(statistics.fmean(values))
        assert set(frozen.intermediate_values) == {s for s in (*sweep.rungs, 90) if s <= configuration.step}
    best = standings(loop.history)[0]
    assert best.values["score/udr"] == max(t.value for t in loop._sampler.study.trials if t.state.name == COMPLETE)


def test_a_configuration_that_fails_under_one_seed_is_given_up(tmp_path):
    sweep = simulation.sweep(tmp_path, **SEEDED["mean"])
    path = tmp_path / "ledger.jsonl"
    loop = begin(sweep, path, concurrency=2)
    first, second = loop.next(), loop.next()
    loop.failed(first.trial, 1, "its loss is not finite", "diverged")
    assert [t.state for t in loop.history.trials] == [FAIL, PRUNED]
    assert "trial 000 of its configuration failed: its loss" in loop.history.trials[1].reason
    assert loop.report(second.trial, 1, 10, {"score/mig": 1.0}).state == PRUNED
    assert loop._sampler.study.trials[0].state.name == "FAIL"
    assert loop.next().config != first.config
    loop._ledger.ledger.close()


def test_diverging_is_a_constraint_that_the_sampler_learns_from(tmp_path):
    sweep = simulation.sweep(tmp_path, constraints=["diverged", "dead_latents"], methods=["beta_vae"])
    loop = begin(sweep, tmp_path / "ledger.jsonl")
    first = loop.next()
    loop.failed(first.trial, 1, "a loss is not finite by step 64", "diverged")
    frozen = loop._sampler.study.trials[0]
    assert frozen.state.name == "PRUNED" and frozen.constraints["diverged"] > 0
    play(loop)
    for frozen, configuration in zip(loop._sampler.study.trials[1:], loop.history.configurations[1:], strict=True):
        dead = configuration.first.metrics["condition/dead_latents"]
        assert frozen.constraints == {"diverged": pytest.approx(0.0), "dead_latents": pytest.approx(dead - 0.5)}
    order = standings(loop.history)
    violated = [bool(s.violated) for s in order if s.configuration.state == COMPLETE]
    assert violated == sorted(violated), "those that keep the constraints come first"
    assert any("dead latents" in s.violated[0] for s in order if s.violated)


def test_met_conditions_stand_in_the_reason(tmp_path):
    history = uninterrupted(simulation.sweep(tmp_path), tmp_path / "ledger.jsonl")
    for trial in history.trials:
        dead = trial.metrics["condition/dead_latents"]
        assert ("dead latents" in trial.reason) == (dead > 0.5)


def test_adaptive_seeds_go_to_the_best_and_no_lucky_one_stays(tmp_path):
    sweep = simulation.sweep(tmp_path, seeds="adaptive", trials=45, methods=["beta_vae"])
    loop = begin(sweep, tmp_path / "ledger.jsonl")
    play(loop)
    history = loop.history
    repeated = [c for c in history.configurations if len(c.trials) > 1]
    assert sum(len(c.trials) - 1 for c in repeated) == pytest.approx(15, abs=1)
    assert standings(history)[0].configuration in repeated or len(repeated) > 2
    assert max(len(c.trials) for c in repeated) == 5
    for configuration, frozen in zip(history.configurations, loop._sampler.study.trials, strict=True):
        if configuration.state == COMPLETE:
            values = [trial.metrics["score/mig"] for trial in configuration.trials]
            assert frozen.value == pytest.approx(statistics.fmean(values))


def test_whether_first_and_second_can_be_told_apart(tmp_path):
    single = uninterrupted(simulation.sweep(tmp_path), tmp_path / "single.jsonl")
    assert "single seed" in told_apart(single)
    three = uninterrupted(simulation.sweep(tmp_path, seeds=3, trials=18, schedule="none"), tmp_path / "three.jsonl")
    said = told_apart(three)
    assert "95 % interval" in said
    first, second = (s.configuration.first.number for s in standings(three)[:2])
    assert f"({first:03d} and {second:03d})" in said


def test_the_wall_time_ends_replicates_that_wait(tmp_path):
    now = [0.0]
    sweep = simulation.sweep(tmp_path, seeds=3, trials=6, wall_time=100)
    loop = begin(sweep, tmp_path / "ledger.jsonl")
    loop._clock, loop._begun = (lambda: now[0]), 0.0
    given = loop.next()
    for step in [s for s in given.reports if s <= sweep.rungs[0]]:
        loop.report(0, 1, step, simulation.curve(given, step))
    assert loop._judge.waiting == {0}
    now[0] = 101
    assert isinstance(loop.next(), Finished)
    assert loop.history.trials[0].state == PRUNED and "wall time" in loop.history.trials[0].reason
    loop._ledger.ledger.close()


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=9))
def test_over_seeds(values):
    low, high = min(values), max(values)
    for how in ("mean", "median"):
        assert low - 1e-6 <= over_seeds(values, how, maximize=True) <= high + 1e-6
    mean = statistics.fmean(values)
    assert over_seeds(values, "lower_bound", maximize=True) <= mean + 1e-6
    assert over_seeds(values, "lower_bound", maximize=False) >= mean - 1e-6
    assert over_seeds(values[:1], "lower_bound", maximize=True) == values[0]


def test_the_lower_bound_is_students():
    # Mean 2, deviation 1, n = 3; t(0.95, 2) = 2.92.
    bound = over_seeds([1.0, 2.0, 3.0], "lower_bound", maximize=True)
    assert bound == pytest.approx(2 - 2.920 / math.sqrt(3), abs=1e-3)
