"""MLflow that is never there, fails, lies, hangs, is written to twice, is locked, or has nowhere to put pictures."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests_chaos import invariants, mlflows, stock, tries
from tests_chaos.apart import Apart
from tests_chaos.fault import Fault, Outcome
from tests_search.runs import proxy

from search.tracking import publish
from search.tracking.publisher import CURSOR

ROOT = os.geteuid() == 0


def _refusals(found: object, *words: str) -> list[str]:
    """What is wrong with how a publisher said that it could not publish."""
    error, backlog = getattr(found, "error", None), getattr(found, "backlog", 0)
    if not error or not backlog:
        return [f"I5: nothing is said of a server that does not work: {found}"]
    wrong = [f"I5: {error!r} is no sentence"] if "\n" in error or "Traceback" in error else []
    return wrong + [f"I5: {error!r} does not say {word!r}" for word in words if word not in error]


# -- 10: never up ---------------------------------------------------------------------------------------------------


@contextmanager
def _nobody(seed: int) -> Iterator[tuple[str, str]]:
    """An address at which nothing answers, and what should be said of it."""
    if seed % 3 == 0:
        yield "http://127.0.0.1:9", "connection refused"
    elif seed % 3 == 1:
        yield "http://no-such-host.invalid:5000", ""
    else:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            yield f"http://127.0.0.1:{silent.getsockname()[1]}", "no answer in time"


def never_up(folder: Path, seed: int) -> Outcome:
    """The sweep ends as it would have; days later it is published."""
    begun = time.monotonic()
    with _nobody(seed) as (uri, said), mlflows.environment(MLFLOW_HTTP_REQUEST_TIMEOUT="1"):
        driver = tries.begin(tries.sweep(folder))
        beside = mlflows.Beside(folder / "chaos", uri, patience=1.0)
        tries.drive(driver)
        took = time.monotonic() - begun
        wrong = _refusals(beside.end(), said)
    before = tries.recorded(folder)
    wrong += [f"the sweep was held up for {took:.0f} s"] if took > 60 else []
    begun = time.monotonic()
    database = tries.published(folder)
    return tries.outcome(
        folder, before=before, wrong=wrong, seconds=time.monotonic() - begun, mlflow=database, whole=tries.whole()
    )


# -- 11: 500, reset, hanging ----------------------------------------------------------------------------------------


def unsteady(kind: str, faults: int, seconds: float = 2.0):
    """From some request on, so many answers are wrong."""

    def fault(folder: Path, seed: int) -> Outcome:
        made = mlflows.trained(folder, f"{kind}-{seed}")
        with proxy(mlflows.real().uri) as between:
            between.seconds = seconds
            between.plan(kind, after=random.Random(seed).randrange(25), faults=faults)
            first = publish(made, between.uri, pause=0.0)
            between.plan("none", after=0, faults=0)
            begun = time.monotonic()
            again = publish(made, between.uri)
            took = time.monotonic() - begun
            wrong = [f"I5: it was not published: {again.error}"] if again.error else []
            if first.error and faults > 100:
                wrong += _refusals(first)
        return tries.outcome(folder, made.name, wrong=wrong, seconds=took, mlflow=mlflows.real().database)

    return fault


# -- 13: three times, twice at once ---------------------------------------------------------------------------------


def thrice(folder: Path, seed: int) -> Outcome:
    """The second and third time change no byte; without the cursor no row is doubled."""
    tries.copied(tries.whole().parents[1], folder)
    database = tries.published(folder, "whole")
    first = database.read_bytes()
    for _ in range(2):
        tries.published(folder, "whole")
    wrong = [] if database.read_bytes() == first else ["publishing again changed the database"]
    (folder / "whole" / CURSOR).unlink()
    tries.published(folder, "whole")
    return tries.outcome(folder, "whole", wrong=wrong, mlflow=database)


def at_once(folder: Path, seed: int) -> Outcome:
    """From two machines, which do not see each other's locks."""
    storages = [tries.copied(tries.whole().parents[1], folder / name) for name in ("one", "two")]
    database = tries.empty_database(storages[0])

    def work(storage: Path):
        def publishes(tell):
            found = publish(storage / "whole", f"sqlite:///{database}", pause=0.2)
            tell({"error": found.error})

        return publishes

    processes = [Apart(work(storage)) for storage in storages]
    said = [process.hear() for process in processes]
    codes = [process.end() for process in processes]
    wrong = [] if codes == [0, 0] and all(said) else [f"a publisher ended with {codes}, saying {said}"]
    # One that met the other may say so; once more is enough.
    last = publish(storages[seed % 2] / "whole", f"sqlite:///{database}")
    wrong += [f"it cannot be published afterwards: {last.error}"] if last.error else []
    return tries.outcome(storages[0], "whole", wrong=wrong, mlflow=database)


# -- 14: locked -----------------------------------------------------------------------------------------------------


def locked(seconds: float):
    """Another process writes to the database for so long, while a sweep begins and ends."""

    def fault(folder: Path, seed: int) -> Outcome:
        database = tries.empty_database(folder)
        with mlflows.locked(database, seconds):
            freed = time.monotonic() + seconds
            driver = tries.begin(tries.sweep(folder))
            beside = mlflows.Beside(folder / "chaos", f"sqlite:///{database}", patience=seconds + 60)
            tries.drive(driver)
            wrong = [] if time.monotonic() < freed else ["the sweep waited for MLflow"]
            found = beside.end()
            took = time.monotonic() - freed
        wrong += [f"it was not published: {found.error}"] if found.error else []
        return tries.outcome(folder, wrong=wrong, seconds=max(0.0, took), mlflow=database, whole=tries.whole())

    return fault


# -- 15: no place for pictures --------------------------------------------------------------------------------------


@contextmanager
def _closed(artifacts: Path, seed: int) -> Iterator[None]:
    """The folder of artifacts is a file, or cannot be written."""
    if seed % 2 == 0:
        artifacts.write_text("no folder")
        yield
        artifacts.unlink()
        return
    artifacts.mkdir()
    if not ROOT:
        artifacts.chmod(0o500)
        yield
        artifacts.chmod(0o700)
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", artifacts], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", artifacts], check=True)


def closed(folder: Path, seed: int) -> Outcome:
    """Numbers arrive, what is missing is said, and pictures come later."""
    tries.copied(tries.whole().parents[1], folder)
    database, artifacts = tries.empty_database(folder), folder / "mlartifacts"
    try:
        with _closed(artifacts, seed):
            wrong = _refusals(publish(folder / "whole", pause=0.0))
            wrong += invariants.check(folder, "whole", mlflow=database)
    except subprocess.CalledProcessError as error:
        return Outcome(survived=True, note=f"skipped: {error.stderr.decode().strip()}")
    begun = time.monotonic()
    tries.published(folder, "whole")
    took = time.monotonic() - begun
    if len(list(artifacts.rglob("pictures/*/*.png"))) < 4:
        wrong.append("pictures are missing")
    shutil.rmtree(artifacts)
    return tries.outcome(folder, "whole", wrong=wrong, seconds=took, mlflow=database)


FAULTS = [
    Fault(
        number=10,
        title="MLflow never up: refused, no such host, silent",
        times=6,
        short=1,
        run=never_up,
        stock=stock.never_up,
    ),
    Fault(number=11, title="MLflow answers 500", times=3, run=unsteady("error", 10**6)),
    Fault(number=11, title="MLflow resets after it committed, always", times=3, run=unsteady("lost", 10**6)),
    Fault(number=11, title="MLflow resets after it committed, once", times=6, run=unsteady("lost", 1)),
    Fault(number=11, title="MLflow hangs for 30 s", times=1, run=unsteady("hang", 1, 30.0)),
    Fault(number=13, title="publishing three times", times=2, short=1, run=thrice),
    Fault(number=13, title="publishing twice at once", times=6, short=1, run=at_once),
    Fault(number=14, title="SQLite locked for 8 s", times=1, run=locked(8)),
    Fault(number=14, title="SQLite locked for 60 s", times=1, run=locked(60)),
    Fault(number=15, title="folder of artifacts a file, or read-only", times=4, run=closed),
]
