"""The loop over a real ledger, sampler and schedule: killed anywhere, it goes on as if nothing had happened."""

import random

import pytest
from tests_search import invariants, simulation
from tests_search.simulation import Killed, begin, play

from search.history import COMPLETE, FAIL, PRUNED, replay
from search.ledger import read

SAMPLERS = ["tpe", "random", "gp", "qmc", "cmaes", "nsga2"]


def uninterrupted(sweep, path, **options):
    play(begin(sweep, path, **options))
    return replay(read(path))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_killed_and_resumed_equals_uninterrupted(tmp_path, sampler):
    methods = ["factor_vae"] if sampler in ("gp", "qmc", "cmaes") else ["beta_vae", "factor_vae"]
    sweep = simulation.sweep(tmp_path, sampler=sampler, methods=methods)
    whole = uninterrupted(sweep, tmp_path / "whole.jsonl")
    invariants.check(whole, sweep)
    rows = len(read(tmp_path / "whole.jsonl"))
    rng = random.Random(0)
    for attempt in range(8):
        path = tmp_path / f"{attempt}.jsonl"
        kills = 0
        while True:
            try:
                left = rng.randrange(1, rows) if kills < 3 else float("inf")
                play(begin(sweep, path, left=left, after=rng.random() < 0.5))
                break
            except Killed:
                kills += 1
        assert invariants.essence(replay(read(path))) == invariants.essence(whole)


def test_killed_at_every_row_equals_uninterrupted(tmp_path):
    sweep = simulation.sweep(tmp_path, sampler="random", trials=6)
    whole = uninterrupted(sweep, tmp_path / "whole.jsonl")
    rows = len(read(tmp_path / "whole.jsonl"))
    for after in (True, False):
        for left in range(1, rows):
            path = tmp_path / f"{left}-{after}.jsonl"
            with pytest.raises(Killed):
                play(begin(sweep, path, left=left - 1, after=after))
            play(begin(sweep, path))
            assert invariants.essence(replay(read(path))) == invariants.essence(whole)


@pytest.mark.parametrize("schedule", ["asha", "hyperband", "median", "none"])
def test_every_schedule_resumes(tmp_path, schedule):
    sweep = simulation.sweep(tmp_path, schedule=schedule, sampler="random", trials=20)
    whole = uninterrupted(sweep, tmp_path / "whole.jsonl")
    invariants.check(whole, sweep)
    states = {trial.state for trial in whole.trials}
    assert states == ({COMPLETE} if schedule == "none" else {COMPLETE, PRUNED})
    with pytest.raises(Killed):
        play(begin(sweep, tmp_path / "cut.jsonl", left=70))
    play(begin(sweep, tmp_path / "cut.jsonl"))
    assert invariants.essence(replay(read(tmp_path / "cut.jsonl"))) == invariants.essence(whole)


@pytest.mark.parametrize("seed", range(10))
def test_many_at_once_keep_the_invariants(tmp_path, seed):
    sweep = simulation.sweep(tmp_path, trials=15)
    path = tmp_path / "ledger.jsonl"
    rng = random.Random(seed)
    for _ in range(4):
        try:
            left = rng.randrange(10, 60)
            play(begin(sweep, path, left=left, concurrency=4), rng, failing={3}, losing={5})
        except Killed:
            continue
    play(begin(sweep, path, concurrency=4), rng, failing={3})
    history = replay(read(path))
    invariants.check(history, sweep)
    assert history.trials[3].state in (FAIL, PRUNED)


def test_extending_a_finished_sweep_equals_a_longer_one(tmp_path):
    long = simulation.sweep(tmp_path, trials=16)
    short = simulation.sweep(tmp_path, trials=10)
    whole = uninterrupted(long, tmp_path / "whole.jsonl")
    path = tmp_path / "extended.jsonl"
    uninterrupted(short, path)
    from search.ledger import Ledger

    with Ledger.open(path) as ledger:
        ledger.append("budget", trials=16)
    play(begin(short, path))
    assert invariants.essence(replay(read(path))) == invariants.essence(whole)


def test_a_lost_trial_is_handed_out_again_and_given_up_after_three(tmp_path):
    sweep = simulation.sweep(tmp_path, trials=1)
    loop = begin(sweep, tmp_path / "ledger.jsonl")
    first = loop.next()
    step = first.reports[0]
    loop.report(first.trial, 1, step, simulation.curve(first, step), checkpoint=f"x/{step}")
    for attempt in (1, 2, 3):
        loop.lost(0, attempt, "its node died")
        if attempt < 3:
            again = loop.next()
            assert (again.trial, again.attempt) == (0, attempt + 1)
            assert again.checkpoints == (f"x/{step}",)
            assert again.config == first.config
    loop._ledger.ledger.close()
    trial = loop.history.trials[0]
    assert trial.state == FAIL and "3 times" in trial.reason and "node died" in trial.reason
    assert trial.step == step


def test_a_report_of_an_old_attempt_or_an_old_step_is_not_recorded(tmp_path):
    loop = begin(simulation.sweep(tmp_path), tmp_path / "ledger.jsonl")
    first = loop.next()
    loop.lost(first.trial, 1, "its worker died")
    again = loop.next()
    rows = len(loop._ledger.rows)
    loop.report(first.trial, 1, 11, {"score/mig": 0.5})
    assert len(loop._ledger.rows) == rows
    loop.report(again.trial, 2, 11, {"score/mig": 0.5})
    loop.report(again.trial, 2, 11, {"score/mig": 0.5})
    loop._ledger.ledger.close()
    assert [r.step for r in loop.history.trials[0].reports] == [11]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), None])
def test_an_objective_that_is_no_number_fails_its_trial_alone(tmp_path, value):
    sweep = simulation.sweep(tmp_path)
    path = tmp_path / "ledger.jsonl"
    loop = begin(sweep, path)
    first = loop.next()
    metrics = {"val/elbo": -1.0} | ({} if value is None else {"score/mig": value})
    loop.report(first.trial, 1, first.reports[0], metrics)
    trial = loop.history.trials[0]
    assert trial.state == FAIL and "score/mig" in trial.reason
    play(loop)
    assert [t.state == FAIL for t in replay(read(path)).trials] == [True] + [False] * 11


def test_wall_time_ends_the_sweep_and_says_so(tmp_path):
    now = [0.0]
    from search.assignment import Finished
    from search.ledger import Ledger
    from search.loop import Loop
    from search.sampler import Sampler
    from search.schedule import schedule

    sweep = simulation.sweep(tmp_path, wall_time=100)
    with Ledger.create(tmp_path / "ledger.jsonl") as ledger:
        ledger.append("sweep", sweep={}, id="x", trials=12)
        ledger.append("session")
        loop = Loop(
            ledger,
            sweep,
            sampler=Sampler("tpe", sweep.search_space(), sweep.objectives),
            schedule=schedule(sweep.schedule, objectives=sweep.objectives, steps=90, rungs=sweep.rungs),
            concurrency=1,
            clock=lambda: now[0],
        )
        first = loop.next()
        now[0] = 101
        loop.report(first.trial, 1, 11, {"score/mig": 0.1})
        assert loop.history.trials[0].state == PRUNED
        assert "wall time" in loop.history.trials[0].reason
        assert isinstance(loop.next(), Finished)
    history = replay(
        [
            {"kind": "sweep", "time": 0.0, "sweep": {}, "id": "x", "trials": 12},
            {"kind": "session", "time": 0.0},
            {"kind": "close", "time": 100.0, "reason": "finished"},
            {"kind": "budget", "time": 500.0, "trials": 14},
            {"kind": "session", "time": 500.0},
            {"kind": "close", "time": 530.0, "reason": "interrupted"},
        ]
    )
    assert history.spent - history.renewed == 30.0, "an extension renews the wall time"


def test_no_trial_is_judged_before_its_ramp_has_ended(tmp_path):
    sweep = simulation.sweep(
        tmp_path,
        methods=["beta_vae"],
        sets=["form=capacity", "capacity_ramp=0.5..1.0"],
        sampler="random",
        trials=30,
    )
    history = uninterrupted(sweep, tmp_path / "ledger.jsonl")
    for trial in history.trials:
        assert trial.step >= min(sweep.judged_from(trial.config), trial.steps)


def test_several_objectives_are_told_at_the_end(tmp_path):
    sweep = simulation.sweep(tmp_path, objectives=["score/mig", "val/reconstruction"], sampler="nsga2", schedule="none")
    loop = begin(sweep, tmp_path / "ledger.jsonl")
    play(loop)
    values = [trial.values for trial in loop._sampler.study.trials]
    assert len(values) == 12 and all(len(v) == 2 for v in values)
