"""Sweeps with a real ledger, sampler, schedule and driver, whose training is made up: a thousand of them in minutes."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tests_chaos import invariants, tries, views
from tests_search import simulation

from search.assignment import Assignment, Wait
from search.folder import folder
from search.ledger import Ledger
from search.run import Driver, loop
from search.sweep import Sweep

NAME = "simulated"
FEW = {"random": {}, "tpe": {"startup": 3}, "nsga2": {}}


def sweep(storage: Path, *, sampler: str = "random", schedule: str = "asha", trials: int = 6, seeds: int = 1) -> Sweep:
    """A small one; TPE has a model from the fourth trial on."""
    made = simulation.sweep(storage, trials=trials, schedule=schedule, sampler=sampler, seeds=seeds)
    return made.replace(sampler={"name": sampler, "seed": 0, **FEW[sampler]})


def path(storage: Path) -> Path:
    """The ledger of the sweep in ``storage``."""
    return views.ledger_of(storage, NAME)


@cache
def whole(**kind: Any) -> Path:
    """The ledger of a sweep of this kind, one trial at a time, when nothing happens to it."""
    storage = Path(tempfile.mkdtemp(dir=tries.scratch()))
    simulation.play(simulation.begin(sweep(storage, **kind), path(storage)))
    found = invariants.check(storage, NAME)
    assert not found, found
    return path(storage)


def drive(
    storage: Path,
    made: Sweep,
    *,
    concurrency: int = 1,
    rng: random.Random | None = None,
    ready: Callable[[Ledger], None] = lambda ledger: None,
) -> Driver:
    """Begin a sweep, or go on with it, through the driver that Ray speaks to, until it ends or cannot write.

    ``ready`` is called with the ledger before the first row of this session.
    """
    place = folder(storage, NAME)
    if path(storage).exists():
        ledger = Ledger.open(path(storage))
    else:
        ledger = Ledger.create(path(storage))
        ledger.append("sweep", sweep=made.model_dump(mode="json"), id=made.id, trials=made.budget.trials)
    with ledger:
        ready(ledger)
        driver = Driver(place, made, loop(ledger, made, concurrency=concurrency, compare=simulation.compare))
        _work(driver, rng)
        if driver.broken is None:
            driver.loop.close("finished")
    return driver


def _work(driver: Driver, rng: random.Random | None) -> None:
    """Workers report until nothing is handed out any more; those that live when the driver stops are heard once."""
    live: list[simulation.Worker] = []
    while True:
        while isinstance(given := driver.next(), Assignment):
            done = int(given.checkpoints[0].rpartition("/")[2]) if given.checkpoints else 0
            live.append(simulation.Worker(given, [s for s in given.reports if s > done]))
        if not live:
            assert not isinstance(given, Wait), "waiting for nothing"
            return
        mine = live[rng.randrange(len(live)) if rng else 0]
        number, step = mine.assignment.trial, mine.steps.pop(0)
        said = {
            "step": step,
            "metrics": simulation.curve(mine.assignment, step),
            "checkpoint": (driver.place.trial(number) / str(step)).uri,
            "pictures": [],
        }
        if driver.take(mine.assignment, said) or driver.loop.stopping:
            live.remove(mine)
