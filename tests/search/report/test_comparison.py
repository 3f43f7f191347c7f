"""Trials side by side: the table, the picture, and that bad input writes nothing."""

import pytest
from PIL import Image
from tests_search import ledgers, made_up, simulation
from typer.testing import CliRunner

from search.__main__ import app
from search.folder import Folder
from search.history import COMPLETE, PRUNED, replay
from search.ledger import read
from search.report.comparison import chosen, comparison
from trainables.core.storage import place


def teasel(*words, code=0):
    said = CliRunner().invoke(app, [str(word) for word in words])
    assert said.exit_code == code, (said.output, said.exception)
    return said.output


def history(folder):
    return replay(read(folder / "ledger.jsonl"))


def compared(folder, *numbers):
    found = history(folder)
    return comparison(found, chosen(found, numbers))


def named(lines):
    return {line.name: line for line in lines}


@pytest.fixture(scope="module")
def look(tmp_path_factory):
    """Eight trials as ledgers make them, of which 2 failed, 1 was stopped, and none has codes."""
    return ledgers.small(tmp_path_factory.mktemp("storage") / "look")


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """Six configurations under two seeds each, with models."""
    folder = tmp_path_factory.mktemp("storage") / "seeds"
    sweep = simulation.sweep(folder.parent, name="seeds", methods=["beta_vae"], seeds=2, trials=12, schedule="none")
    simulation.play(simulation.begin(sweep, folder / "ledger.jsonl"))
    made_up.furnish(Folder(place(folder)), trial_002=[-2, 1, 5])
    return folder


def test_what_differs_stands_above_what_is_the_same(look):
    found = compared(look, 0, 4)
    assert {name: line.cells for name, line in named(found.differing).items()} == {"beta": ("1", "2.333")}
    assert found.same == {"method": "beta_vae", "latents": "6", "lr": "0.001", "network": "burgess"}
    across = named(compared(look, 0, 3).differing)
    assert across["beta"].cells == ("1", "–") and across["gamma"].cells == ("–", "2")


def test_who_is_better_goes_by_the_direction(look):
    (line,) = compared(look, 0, 3).objectives
    assert line.name == "score/mig" and line.cells == ("0.1143", "0.4571") and line.better == 1
    assert named(compared(look, 4, 0).objectives)["score/mig"].better == 0
    facts = named(compared(look, 0, 3).facts)
    assert facts["state"].cells == ("complete", "complete") and facts["step"].cells == ("80/80", "80/80")
    same = compared(look, 0, 5)
    assert named(same.objectives)["score/mig at step 20"].better is None, "equal values: neither is better"


def test_trials_that_ended_early_are_compared_where_both_have_reported(look):
    found = compared(look, 3, 1)
    lines = named(found.objectives)
    assert lines["score/mig at step 20"].cells == ("0.1143", "0.05714") and lines["score/mig at step 20"].better == 0
    assert any("different steps" in note for note in found.notes)
    failed = compared(look, 0, 2)
    assert named(failed.facts)["state"].cells == ("complete", "failed")
    assert "\x1b" not in str(failed)


def test_a_trial_that_never_reported(tmp_path):
    made = ledgers.Builder(tmp_path / "look")
    made.whole(0)
    made.trial(1)
    made.ledger.close()
    found = compared(made.folder, 0, 1)
    assert found.objectives[0].cells[1] == "–" and found.objectives[0].better is None
    assert {"Nothing was reported by 001.", "Not all of them have ended."} <= set(found.notes)
    said = teasel("compare", "look", 0, 1, "--storage", tmp_path)
    assert "001: no traversals: it not finished" not in said
    assert "001: no traversals, nothing was reported." in said


def test_seeds_tell_configurations_apart_or_not(seeds):
    found = compared(seeds, 0, 2)
    over = named(found.objectives)["score/mig over seeds"]
    assert all("±" in cell for cell in over.cells)
    assert any("configurations 000 and 002" in note or "configurations 002 and 000" in note for note in found.notes)
    assert named(found.facts)["seeds of its configuration"].cells == ("0, 1", "0, 1")
    replicates = compared(seeds, 0, 1)
    assert not replicates.differing and any("nothing to choose" in note for note in replicates.notes)


def test_the_command_prints_and_draws(seeds, tmp_path):
    said = teasel("compare", "seeds", 0, 2, 1, "--storage", seeds.parent)
    assert "better" in said and "the same: method=beta_vae" in said and "score/mig over seeds" in said
    path = seeds / "compare-0-2-1.png"
    assert f"Picture: {path}" in said
    with Image.open(path) as picture:
        assert picture.format == "PNG" and picture.width > 3 * 300
        greys = {colour for _, colour in picture.convert("L").getcolors(picture.width * picture.height)}
    assert {0, 5, 10, 15, 25} <= greys, "the strips' own greys are in it"
    teasel("compare", "seeds", 0, 2, "--storage", seeds.parent, "-o", tmp_path / "a.png")
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_trials_without_codes_show_their_own_pictures(look, tmp_path):
    found = history(look)
    assert {found.trials[n].state for n in (0, 1)} == {COMPLETE, PRUNED}
    said = teasel("compare", "look", 0, 1, 2, "--storage", look.parent, "-o", tmp_path / "a.png")
    assert "000: its checkpoints keep no codes and strips to match; its own picture." in said
    assert "002: no traversals, it failed at step 10 before its first picture." in said
    assert (tmp_path / "a.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((0,), "A comparison takes 2 to 6 trials, not 1; look has trials 0 to 7."),
        ((0, 8), "There is no trial 8; look has trials 0 to 7."),
        ((3, 3), "Trial 3 is named twice"),
        (range(7), "A comparison takes 2 to 6 trials, not 7"),
        ((), "Missing argument"),
        (("a", "b"), "Invalid value"),
    ],
)
def test_bad_input_writes_nothing(look, words, message):
    before = sorted(look.rglob("*"))
    assert message in " ".join(teasel("compare", "look", *words, "--storage", look.parent, code=2).split())
    assert sorted(look.rglob("*")) == before


def test_a_sweep_that_is_not_there_or_has_no_trial(look, tmp_path):
    assert "No sweep named 'lock'" in teasel("compare", "lock", 0, 1, "--storage", look.parent, code=2)
    ledgers.Builder(tmp_path / "empty").ledger.close()
    assert "empty has no trial yet" in teasel("compare", "empty", 0, 1, "--storage", tmp_path, code=2)
