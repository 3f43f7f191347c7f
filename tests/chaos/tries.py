"""Small sweeps of the real thing in this process: begun, stopped anywhere, gone on with, and what came of them.

Trials train on digits in the class that Ray starts, and are driven by the driver that Ray's searcher speaks to; only
the charts at the end of a trial are left out, for they take half a second each.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image
from tests_chaos import invariants, views
from tests_chaos.fault import Outcome

from search.assignment import Assignment, Finished
from search.ledger import Ledger
from search.run import Driver, attempt, create, loop, reopen
from search.sweep import Sweep
from search.sweep_file import from_command_line
from trainables import pictures
from trainables.core.ray_trainable import ATTEMPT, REPORT, SHARE, SweepTrial

SETS = ["data.size=16", "network=mlp", "hidden=16", "latents=4", "lr=1e-4..1e-2"]
Said = dict[str, Any]
Worker = Callable[[Driver, Assignment], Said]


class Died(BaseException):
    """The driver is gone, without a word."""


def sweep(storage: Path, name: str = "chaos", **changes: Any) -> Sweep:
    """Four trials of four reports; a second trains them all."""
    given: dict[str, Any] = {
        "data": "digits",
        "objectives": ["val/elbo"],
        "trials": 4,
        "steps": 4,
        "sampler": "random",
        "schedule": "none",
        "sets": SETS,
        "name": name,
        "storage": str(storage),
        **changes,
    }
    return from_command_line(given.pop("methods", ["beta_vae"]), **given)


# -- workers and drivers --------------------------------------------------------------------------------------------


def worker(driver: Driver, given: Assignment) -> SweepTrial:
    """What Ray starts for an assignment."""
    made = SweepTrial.__new__(SweepTrial)
    made.setup({ATTEMPT: attempt(driver, given), SHARE: given.gpu})
    return made


def report(worker: SweepTrial) -> Said:
    """What it says next."""
    said: Said = json.loads(worker.step()[REPORT])
    return said


def begin(sweep: Sweep, *, concurrency: int = 1) -> Driver:
    """A new sweep."""
    place, ledger = create(sweep)
    return Driver(place, sweep, loop(ledger, sweep, concurrency=concurrency))


def again(storage: Path, name: str = "chaos", *, concurrency: int = 1) -> Driver:
    """Go on with one, as `teasel resume` does."""
    place, ledger = reopen(storage, name)
    try:
        said = Sweep.model_validate({**ledger.rows[0]["sweep"], "storage": str(storage)})
        return Driver(place, said, loop(ledger, said, concurrency=concurrency))
    except BaseException:
        ledger.close()
        raise


def drive(
    driver: Driver,
    *,
    meddle: Callable[[Assignment, SweepTrial], None] = lambda given, worker: None,
    reports: float = float("inf"),
    ahead: bool = True,
) -> None:
    """Run a sweep to its end, or until so many ``reports``, when the driver dies.

    ``meddle`` may do something to an assignment's worker. ``ahead``: the worker has come to its next report by then.
    """
    draw = pictures.draw
    pictures.draw = _draw  # type: ignore[assignment]
    ledger = ledger_of(driver)
    try:
        while not isinstance(given := driver.next(), Finished):
            assert isinstance(given, Assignment), given
            trial = worker(driver, given)
            meddle(given, trial)
            while not driver.loop.stopping:
                if reports <= 0 and not ahead:
                    raise Died
                said = report(trial)
                if reports <= 0:
                    raise Died
                reports -= 1
                if driver.take(given, said):
                    break
        if driver.broken is None:
            driver.loop.close("interrupted" if driver.loop.stopping else "finished")
    except Died:
        pass
    finally:
        pictures.draw = draw
        ledger.close()


def ledger_of(driver: Driver) -> Ledger:
    """The ledger that a driver writes."""
    return driver.loop._ledger


def _draw(view: pictures.View) -> dict[str, Image.Image]:
    return {"traversal": Image.new("L", (8, 8), view.history[-1]["step"] % 256)}


# -- what came of it ------------------------------------------------------------------------------------------------


@cache
def scratch() -> Path:
    """A folder that lasts as long as this process."""
    folder = Path(tempfile.mkdtemp(prefix="teasel-chaos-"))
    owner = os.getpid()
    # A forked child that ends in order must not take it along.
    atexit.register(lambda: shutil.rmtree(folder, ignore_errors=True) if os.getpid() == owner else None)
    return folder


@cache
def whole(**changes: Any) -> Path:
    """The ledger of ``sweep`` when nothing happens to it."""
    storage = Path(tempfile.mkdtemp(dir=scratch()))
    drive(begin(sweep(storage, "whole", **changes)))
    found = invariants.check(storage, "whole")
    assert not found, found
    return views.ledger_of(storage, "whole")


@cache
def stopped(reports: int, ahead: bool = True, **changes: Any) -> Path:
    """A storage with the sweep ``chaos``, whose driver died when it had recorded so many reports."""
    storage = Path(tempfile.mkdtemp(dir=scratch()))
    drive(begin(sweep(storage, **changes)), reports=reports, ahead=ahead)
    return storage


def copied(storage: Path, to: Path) -> Path:
    """The same storage elsewhere: what is meddled with there stays there."""
    shutil.copytree(storage, to, dirs_exist_ok=True)
    return to


def recorded(storage: Path, name: str = "chaos") -> bytes:
    """What the ledger holds at this moment."""
    path = views.ledger_of(storage, name)
    return path.read_bytes() if path.exists() else b""


def outcome(
    storage: Path,
    name: str = "chaos",
    *,
    before: bytes = b"",
    wrong: Sequence[str] = (),
    seconds: float | None = None,
    **check: Any,
) -> Outcome:
    """What became of a sweep that should have come to its end; ``check`` is for ``invariants.check``."""
    found = [*wrong, *invariants.check(storage, name, **check)]
    lost, doubled = invariants.counted(storage, name, before=before, mlflow=check.get("mlflow"))
    return Outcome(
        survived=not found, lost=lost, doubled=doubled, seconds=seconds, note="; ".join(found)[:300] if found else ""
    )


def resumed(storage: Path, name: str = "chaos", *, before: bytes | None = None, **check: Any) -> Outcome:
    """Go on with a sweep to its end; the seconds are those until the first thing is recorded."""
    before = recorded(storage, name) if before is None else before
    begun = time.monotonic()
    driver = again(storage, name)
    seconds = time.monotonic() - begun
    drive(driver)
    return outcome(storage, name, before=before, seconds=seconds, **check)


def command(*words: str) -> tuple[int, str]:
    """``teasel`` in this process: its exit code, and what it printed."""
    from search.__main__ import app

    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = app(list(words), standalone_mode=False)
    return code or 0, said.getvalue()


@cache
def _database() -> Path:
    """It takes nine seconds to make."""
    from mlflow import MlflowClient

    path = scratch() / "empty.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


def empty_database(storage: Path) -> Path:
    """MLflow's database in a storage, made where there is none."""
    path = storage / "mlflow.db"
    if not path.exists():
        shutil.copy(_database(), path)
    return path


def published(storage: Path, name: str = "chaos") -> Path:
    """Publish a sweep; the database that it is in then."""
    from search.tracking import publish

    path = empty_database(storage)
    found = publish(storage / name)
    assert found.error is None and not found.backlog, found
    return path
