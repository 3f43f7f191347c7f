"""The disk that a sweep's weights may take: the best ranked stay, and all else that was recorded."""

import pytest

from search.keeping import Keeper
from search.run import Driver, create, loop, reopen, run_here
from search.standings import ranking
from search.sweep import Sweep
from search.sweep_file import SweepError, from_command_line, loads
from trainables.core.trial import CARD, WEIGHTS

WORDS = {"data": "digits", "objectives": ["val/elbo"]}


def swept(storage, disk=None):
    """A sweep of four small trials that all run to their end: its folder and history."""
    sets = ["data.size=16", "discriminator_units=64", "lr=1e-4..1e-2"]
    sweep = from_command_line(
        ["factor_vae"], trials=4, steps=40, report_every=40, schedule="none", sets=sets, disk=disk,
        name="small", storage=str(storage),
        **WORDS,
    )  # fmt: skip
    place, ledger = create(sweep)
    with ledger:
        run_here(Driver(place, sweep, loop(ledger, sweep, concurrency=1)))
    return place, place.history()


def weights(place, history):
    """Bytes of the weights of each trial, best ranked first; 0 where they were freed."""
    folders = [place.files / trial.reports[-1].checkpoint for trial in ranking(history)]
    assert all((folder / CARD).exists() and (folder / "traversal.png").exists() for folder in folders)
    return [(folder / WEIGHTS).size() or 0 for folder in folders]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return swept(tmp_path_factory.mktemp("whole"))


def test_without_a_limit_all_stay(whole):
    assert all(weights(*whole))


def test_the_best_stay(tmp_path, whole):
    size = weights(*whole)[0]
    limit = 2.5 * size
    place, history = swept(tmp_path, disk=f"{limit / 1e3:.3f}kB")
    assert [bool(size) for size in weights(place, history)] == [True, True, False, False]
    assert [t.params for t in ranking(history)] == [t.params for t in ranking(whole[1])]

    # What comes later is measured against all that is there.
    sweep = Sweep.model_validate({**history.sweep, "storage": str(tmp_path)})
    place, ledger = reopen(str(tmp_path), "small", trials=2)
    with ledger:
        run_here(Driver(place, sweep, loop(ledger, sweep, concurrency=1)))
    best = {trial.number for trial in ranking(history)[:2]}
    history = place.history()
    kept = weights(place, history)
    stay = {trial.number for trial, size in zip(ranking(history), kept, strict=True) if size}
    assert len(kept) == 6 and kept[0] and 1 <= len(stay) <= 2 and stay <= best | {4, 5}


def test_the_first_stays_whatever_the_limit(tmp_path):
    kept = weights(*swept(tmp_path, disk="1kB"))
    assert kept[0] and not any(kept[1:])


def test_a_store_that_fails_is_asked_again(tmp_path, monkeypatch):
    place, history = swept(tmp_path)
    keeper = Keeper(place, lambda: history, 1e3)

    def fails(*words, **named):
        raise OSError("no answer")

    monkeypatch.setattr("trainables.core.trial.release", fails)
    keeper.tidy(0)
    assert all(weights(place, history))
    monkeypatch.undo()
    keeper.tidy(0)
    assert sum(map(bool, weights(place, history))) == 1


@pytest.mark.parametrize("said", ["20GB", "20 GB", "0.02TB", "20000MB"])
def test_sizes(said):
    made = from_command_line(["beta_vae"], disk=said, **WORDS)
    assert made.budget.disk == 20e9
    assert made.id == made.replace(budget={**made.budget.model_dump(), "disk": None}).id


@pytest.mark.parametrize(
    "said", ["20", "-1GB", "0GB", "GB", "20 gigabytes", "1e3GB", "nanGB", "9" * 20 + "GB", "20GiB", ""]
)
def test_no_sizes(said):
    with pytest.raises(SweepError) as caught:
        from_command_line(["beta_vae"], disk=said, **WORDS)
    assert "--disk" in str(caught.value)


@pytest.mark.parametrize("said", ["20", "1.5", "true", "[20GB]"])
def test_a_file_names_its_line(said):
    text = f"name: a\nmethods: [beta_vae]\ndata: digits\nobjectives: [val/elbo]\nbudget:\n  disk: {said}\n"
    with pytest.raises(SweepError, match=r"sweep.yaml:6: .* is no size; write 500MB"):
        loads(text)


def test_what_a_worker_writes_that_was_taken_for_dead(tmp_path):
    sets = ["data.size=16", "discriminator_units=64", "lr=1e-4..1e-2"]
    sweep = from_command_line(
        ["factor_vae"], trials=1, steps=40, report_every=20, schedule="none", sets=sets, name="small",
        storage=str(tmp_path), **WORDS,
    )  # fmt: skip
    place, ledger = create(sweep)
    with ledger:
        driver = Driver(place, sweep, loop(ledger, sweep, concurrency=1))
        driver.lose(driver.next(), "its node does not answer")
        run_here(driver)
        # The node comes back, and its worker is killed while it writes what nobody waits for.
        for name in ("step-000020-attempt-1", ".step-000040-attempt-1.77.partial"):
            (place.trial(0) / name / WEIGHTS).write(b"late")
        driver.tidy()
    assert not (place.trial(0) / "step-000020-attempt-1" / WEIGHTS).exists()
    assert [name for name in place.trial(0).names() if name.startswith(".")] == []
    assert all(weights(place, place.history()))
