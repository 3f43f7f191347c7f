"""A trial's story, from simulated ledgers: its numbers are the ledger's."""

import pytest
from tests_search import simulation
from tests_search.simulation import begin, play

from search.history import PRUNED, replay
from search.ledger import read
from search.story import story


def told(tmp_path, **changes):
    """A played sweep: its history, and a function from a trial to its story by heading."""
    sweep = simulation.sweep(tmp_path, **changes)
    play(begin(sweep, tmp_path / "ledger.jsonl"), failing={2})
    rows = read(tmp_path / "ledger.jsonl")

    def of(number):
        parts = story(rows, sweep, number)
        return {part.title: "\n".join(part.lines) for part in parts[1:]} | {"head": parts[0].title}

    return replay(rows), of


def test_reports_and_decisions_are_the_ledgers(tmp_path):
    history, of = told(tmp_path, trials=20, startup=None)
    for trial in history.trials:
        said = of(trial.number)
        assert f"{trial.number:03d} {trial.method}" in said["head"]
        for report in trial.reports:
            assert f"{report.metrics['score/mig']:.4g}" in said["Reports"]
        if trial.state == PRUNED:
            decided, _, _ = trial.reason.partition("; ")
            assert f"step {trial.step}: stop. {decided}" in said["Decisions"]
        assert trial.reason in said["End"] and "stands" in said["End"]
    assert any("go on" in of(n)["Decisions"] for n in range(20))


def test_why_it_was_suggested(tmp_path):
    history, of = told(tmp_path, trials=20)
    assert "at random" in of(0)["Suggested"]
    late = of(19)["Suggested"]
    assert "By TPE" in late and "drew near the best 2" in late and "Beside trial" in late
    best = max(
        (t for t in history.trials[:19] if t.state == "COMPLETE"), key=lambda t: t.metrics["score/mig"], default=None
    )
    assert f"{best.number:03d} (" in late
    assert "as every third configuration is" in of(18)["Suggested"]


@pytest.mark.parametrize(
    ("changes", "number", "says"),
    [
        ({"sampler": "random"}, 7, "at random from the space"),
        ({"sampler": "qmc", "methods": ["beta_vae"]}, 7, "Point 7"),
        ({"sampler": "nsga2"}, 7, "NSGA-II"),
        ({"sampler": "gp", "methods": ["beta_vae"]}, 11, "Gaussian process over"),
        ({"seeds": 3}, 1, "again under seed 1 (seeds: 3)"),
    ],
)
def test_each_sampler_has_its_words(tmp_path, changes, number, says):
    _, of = told(tmp_path, **changes)
    assert says in of(number)["Suggested"]


def test_an_adaptive_seed_says_how_its_configuration_stood(tmp_path):
    history, of = told(tmp_path, seeds="adaptive", trials=24)
    repeated = next(t for t in history.trials if t.seed > 0)
    said = of(repeated.number)
    assert "stood 1. of" in said["Suggested"] and "not judged" in said["Decisions"]


def test_failing_lost_and_unfinished_trials(tmp_path):
    sweep = simulation.sweep(tmp_path, methods=["beta_vae"], sets=["form=capacity", "capacity_ramp=0.5"])
    loop = begin(sweep, tmp_path / "ledger.jsonl")
    first = loop.next()
    loop.report(0, 1, first.reports[0], simulation.curve(first, first.reports[0]))
    loop.lost(0, 1, "its node died")
    loop.next()
    loop._ledger.ledger.close()
    parts = {p.title: "\n".join(p.lines) for p in story(read(tmp_path / "ledger.jsonl"), sweep, 0)}
    assert "attempt 1 was lost: its node died" in parts["Attempts"] and "attempt 2 began from step" in parts["Attempts"]
    assert "has not ended" in parts["End"]
    assert "form = capacity   fixed" in parts["Configuration"]


def test_an_unknown_trial_is_said(tmp_path):
    sweep = simulation.sweep(tmp_path)
    play(begin(sweep, tmp_path / "ledger.jsonl"))
    with pytest.raises(ValueError, match="no trial 12; trials are 0 to 11"):
        story(read(tmp_path / "ledger.jsonl"), sweep, 12)
