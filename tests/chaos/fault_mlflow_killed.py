"""MLflow dies in the middle of writing: its server, and whoever writes to its database directly."""

from __future__ import annotations

import os
import random
import signal
import time
from functools import cache
from pathlib import Path

from tests_chaos import mlflows, stock, tries
from tests_chaos.apart import Apart
from tests_chaos.fault import Fault, Outcome
from tests_search.runs import proxy

from search.tracking import publish

# -- a server -------------------------------------------------------------------------------------------------------


def server_killed(folder: Path, seed: int) -> Outcome:
    """``kill -9`` while it works on a request, started again on the same database, with a publisher that follows."""
    chance = random.Random(seed)
    server = mlflows.real()
    with proxy(server.uri) as between:
        between.seconds, between.blow = chance.random() * 0.05, server.kill
        # The first requests look for the experiment and create runs; the later ones are batches.
        between.plan("strike", after=chance.randrange(4, 20), faults=1)
        driver = tries.begin(tries.sweep(folder, f"killed-{seed}"))
        beside = mlflows.Beside(folder / f"killed-{seed}", between.uri, patience=120.0)
        tries.drive(driver)
        mlflows.until(lambda: between.faults == 0, 60)
        time.sleep(0.2)
        begun = time.monotonic()
        server.start()
        found = beside.end()
        took = time.monotonic() - begun
    wrong = [f"it was not published: {found.error}"] if found.error else []
    return tries.outcome(
        folder, f"killed-{seed}", wrong=wrong, seconds=took, mlflow=server.database, whole=tries.whole()
    )


# -- a database without a server ------------------------------------------------------------------------------------


def _publishing(storage: Path, at: int) -> Apart:
    """A process that publishes to SQLite through MLflow's own store, and dies after its ``at``-th statement."""

    def work(tell):
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        done = [0]

        def count(*_):
            done[0] += 1
            if done[0] == at:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(Engine, "after_cursor_execute", count)
        found = publish(storage / "whole")
        tell({"statements": done[0], "error": found.error})

    return Apart(work)


@cache
def _statements() -> int:
    """How many statements publishing takes."""
    storage = tries.copied(tries.whole().parents[1], tries.scratch() / "statements")
    tries.empty_database(storage)
    process = _publishing(storage, 0)
    said = process.hear()
    assert process.end() == 0 and said["error"] is None, said
    return int(said["statements"])


def writer_killed(folder: Path, seed: int) -> Outcome:
    """``kill -9`` after some statement, mostly within a batch: what was not committed is written again."""
    tries.copied(tries.whole().parents[1], folder)
    tries.empty_database(folder)
    process = _publishing(folder, random.Random(seed).randrange(1, _statements() + 1))
    said, code = process.hear(), process.end()
    wrong = [] if code == -signal.SIGKILL else [f"it was not killed: {code}, {said}"]
    begun = time.monotonic()
    database = tries.published(folder, "whole")
    return tries.outcome(folder, "whole", wrong=wrong, seconds=time.monotonic() - begun, mlflow=database)


FAULTS = [
    Fault(
        number=12,
        title="MLflow's server killed in the middle of a batch",
        times=3,
        run=server_killed,
        stock=stock.server_killed,
    ),
    Fault(number=12, title="publisher killed in the middle of a batch", times=20, short=2, run=writer_killed),
]
