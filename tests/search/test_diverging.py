"""A trial that diverges is named with loss, step and last finite losses, in ledger, story and MLflow; never retried."""

import math
import re

import pytest
from tests_search import simulation
from tests_search.runs import content

from search.history import COMPLETE, FAIL, replay
from search.ledger import read
from search.run import Driver, create, loop, run_here
from search.story import story
from search.sweep_file import from_command_line
from search.tracking import publish

REASON = re.compile(r"vae \(nan\).* not finite at step (\d+); last finite, at step (\d+): vae \d.*, kl \d.*")


def test_a_diverging_trial_is_named_everywhere_and_tried_once(storage):
    sweep = from_command_line(
        ["beta_vae"],
        data="digits",
        objectives=["val/elbo"],
        trials=4,
        steps=20,
        storage=str(storage),
        name="absurd",
        sampler="random",
        sets=["lr=0.001,1e+30", "latents=2"],
    )
    place, ledger = create(sweep)
    with ledger:
        run_here(Driver(place, sweep, loop(ledger, sweep, concurrency=1)))
    rows = read(place.ledger)
    trials = replay(rows).trials
    assert {trial.state for trial in trials} == {COMPLETE, FAIL}
    outcome = publish(place.files)
    assert outcome.error is None
    shown = content(f"sqlite:///{storage / 'mlflow.db'}", "absurd")
    for trial in trials:
        assert (trial.state == FAIL) == (trial.config["lr"] > 1), trial.reason
        if trial.state == FAIL:
            (end,) = [row for row in rows if row["kind"] == "end" and row["trial"] == trial.number]
            assert REASON.fullmatch(end["reason"]) and end["condition"] == "diverged"
            assert trial.attempts == 1 and not trial.lost
            tags = shown[str(trial.number)]["tags"]
            assert (tags["reason"], tags["condition"]) == (end["reason"], "diverged")
            told = {part.title: part.lines for part in story(rows, sweep, trial.number)}["End"]
            assert end["reason"] in told[0]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_objective_that_is_no_number_says_what_it_was_before_and_what_the_losses_were(tmp_path, value):
    live = simulation.begin(simulation.sweep(tmp_path, trials=1), tmp_path / "ledger.jsonl")
    given = live.next()
    first, second, *_ = given.reports
    live.report(given.trial, given.attempt, first, {"score/mig": 0.25, "train/vae": 31.4})
    live.report(given.trial, given.attempt, second, {"score/mig": value, "train/vae": 1e30, "val/elbo": -3.0})
    (trial,) = live.history.trials
    assert trial.state == FAIL and trial.condition == "diverged"
    before = f"it was 0.25 at step {first}; mean losses up to then: vae 1e+30"
    assert trial.reason == f"score/mig is {value} at step {second}; {before}"
    live._ledger.ledger.close()
