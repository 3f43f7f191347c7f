"""What a sweep of thousands of trials costs grows with their number and not with its square; and changes nothing."""

from types import SimpleNamespace

import numpy as np
import pytest
from tests_search import simulation
from tests_search.simulation import Killed, begin, play

from search import window
from search.goals import Goal
from search.history import replay
from search.ledger import read
from search.schedule import _cutoff, _Rung
from search.standings import standings


@pytest.mark.parametrize("factor", [1.5, 2, 2.5, 3, 4])
def test_the_cutoff_of_a_rung_is_rays_to_the_last_bit(factor):
    rng = np.random.default_rng(0)
    for count in (1, 2, 3, 4, 7, 50, 333):
        for values in (rng.normal(size=count), rng.integers(0, 3, count).astype(float)):
            rung = _Rung()
            for number, value in enumerate(values):
                rung[str(number)] = float(value)
            assert _cutoff(1 - 1 / factor, rung) == np.nanpercentile(list(rung.values()), (1 - 1 / factor) * 100)
    assert _cutoff(1 - 1 / factor, _Rung()) is None


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setattr(window, "LAST", 20)
    monkeypatch.setattr(window, "EVERY", 5)
    monkeypatch.setattr(window, "BEST", 10)


def configurations(path):
    return [trial.config for trial in replay(read(path)).trials]


def test_a_sweep_below_the_window_is_suggested_the_same(tmp_path, request):
    sweep = simulation.sweep(tmp_path, trials=40)
    play(begin(sweep, tmp_path / "whole.jsonl"))
    request.getfixturevalue("narrow")
    play(begin(sweep, tmp_path / "narrow.jsonl"))
    whole, narrow = configurations(tmp_path / "whole.jsonl"), configurations(tmp_path / "narrow.jsonl")
    assert whole[:25] == narrow[:25]
    assert whole[25:] != narrow[25:]


@pytest.mark.parametrize("objectives", [["score/mig"], ["score/mig", "val/reconstruction"]], ids=len)
def test_a_window_is_the_same_after_a_resume(tmp_path, narrow, objectives):
    sweep = simulation.sweep(tmp_path, trials=50, objectives=objectives, constraints=["dead_latents"])
    play(begin(sweep, tmp_path / "whole.jsonl"))
    for left in (330, 35):
        with pytest.raises(Killed):
            play(begin(sweep, tmp_path / "killed.jsonl", left=left))
    play(begin(sweep, tmp_path / "killed.jsonl"))
    assert configurations(tmp_path / "killed.jsonl") == configurations(tmp_path / "whole.jsonl")


def trial(state, value=None, steps=(), excess=0.0):
    constraints = {"limit": excess}
    values = None if value is None else [value]
    return SimpleNamespace(
        state=SimpleNamespace(name=state), values=values, intermediate_values=dict(steps), constraints=constraints
    )


def test_before_the_window_the_best_are_shown_and_what_has_not_ended(narrow):
    trials = [trial("COMPLETE", value) for value in range(8)]
    trials += [trial("FAIL"), trial("RUNNING"), trial("COMPLETE", 99.0, excess=1.0)]
    trials += [trial("PRUNED", steps={10: 5.0}), trial("PRUNED", steps={10: 1.0, 20: 0.1}), trial("PRUNED")]
    trials += [trial("COMPLETE", 0.5)] * 26
    seen = window.Window([Goal("score/mig", True)], trials.__getitem__)
    assert seen.shown(24) is None
    # Of 15 trials before the window: nine complete, then the one that came farthest; what runs still is shown, too.
    assert seen.shown(35) == [*range(8), 9, 12, 14, *range(15, 35)]
    trials[9] = trial("COMPLETE", 100.0)
    assert seen.shown(40) == [1, 2, 3, 4, 5, 6, 7, 9, 14, 15, *range(20, 40)]


@pytest.mark.parametrize("seeds", [1, 3])
def test_what_is_known_of_a_configuration_is_found_again_when_a_row_changes_it(tmp_path, seeds):
    objectives = ["score/mig"] if seeds == 1 else ["score/udr"]
    sweep = simulation.sweep(tmp_path, trials=12, seeds=seeds, objectives=objectives)
    play(begin(sweep, tmp_path / "ledger.jsonl"))
    rows = read(tmp_path / "ledger.jsonl")
    followed = replay([])
    for count, row in enumerate(rows, start=1):
        followed.add(row)
        assert standings(followed) == standings(replay(rows[:count]))
