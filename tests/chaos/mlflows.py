"""MLflow for faults: sweeps to publish, one real server for all of them, and what may be done to either."""

from __future__ import annotations

import atexit
import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from tests_chaos import tries

from search.tracking import Outcome, publish, server


def trained(storage: Path, name: str = "chaos") -> Path:
    """The folder of a sweep that has ended; another one for every call, for a server tells sweeps by their begin."""
    tries.drive(tries.begin(tries.sweep(storage, name)))
    return storage / name


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Variables of this process for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)


class Beside:
    """A publisher that follows a sweep from a thread of this process."""

    def __init__(self, folder: Path, uri: str, **how: Any) -> None:
        self.outcome: Outcome | None = None
        self.raised: BaseException | None = None

        def work() -> None:
            try:
                self.outcome = publish(folder, uri, follow=True, **how)
            except BaseException as error:
                self.raised = error

        self._thread = threading.Thread(target=work)
        self._thread.start()

    def end(self) -> Outcome:
        """What it said last."""
        self._thread.join()
        if self.raised is not None:
            raise self.raised
        assert self.outcome is not None
        return self.outcome


class Server:
    """A real MLflow server that can be killed and started again on the same database."""

    def __init__(self, storage: Path) -> None:
        self._storage = storage
        self._port = server.free_port(random.randrange(20_000, 30_000))
        self._stack = ExitStack()
        storage.mkdir(parents=True, exist_ok=True)
        tries.empty_database(storage)
        self.uri = ""
        self.start()

    @property
    def database(self) -> Path:
        """What it writes to."""
        return self._storage / "mlflow.db"

    def start(self) -> None:
        """Until it answers."""
        log = self._storage / "server.log"
        self.uri = self._stack.enter_context(server.server(self._storage, self._port, log=log))

    def kill(self) -> None:
        """``kill -9`` of it and of all that it started."""
        for pid in _listening(self._storage):
            with suppress(ProcessLookupError):
                os.killpg(os.getpgid(pid), signal.SIGKILL)

    def end(self) -> None:
        self._stack.close()


def _listening(storage: Path) -> list[int]:
    """The processes whose command names the storage, but for this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if str(storage).encode() in path.read_bytes() and int(path.parent.name) != os.getpid():
                found.append(int(path.parent.name))
    return found


@cache
def real() -> Server:
    """One for this process: it takes up to half a minute to start."""
    made, owner = Server(tries.scratch() / "server"), os.getpid()
    atexit.register(lambda: made.end() if os.getpid() == owner else None)
    return made


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[None]:
    """Another process has the database for itself, for so long."""
    code = (
        "import sqlite3, sys, time; base = sqlite3.connect(sys.argv[1]); base.execute('BEGIN EXCLUSIVE');"
        "print('locked', flush=True); time.sleep(float(sys.argv[2]))"
    )
    import sys

    process = subprocess.Popen([sys.executable, "-c", code, path, str(seconds)], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"locked\n"
    try:
        yield
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def until(condition: Callable[[], Any], seconds: float) -> Any:
    """Wait for something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise TimeoutError("it did not happen")


def points(database: Path) -> int:
    """How many metric values an SQLite database holds."""
    with sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=30) as base:
        return int(base.execute("SELECT COUNT(*) FROM metrics").fetchone()[0])
