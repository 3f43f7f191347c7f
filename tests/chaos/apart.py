"""Processes of their own that can be killed at the N-th thing they write: workers, and whoever else is given a pipe.

They are forked, because starting Python and torch anew takes three seconds. What is written is seen by Python's own
audit events (opening for writing, renaming, removing, making folders) and by the calls of ``fsync`` and ``write``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from tests_chaos import tries

from search.assignment import Assignment, Finished
from search.run import Driver
from trainables import pictures
from trainables.core import checkpoint

EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree")


class Apart:
    """A forked process that runs ``work`` and says lines of JSON."""

    def __init__(self, work: Callable[[Callable[[Any], None]], None]) -> None:
        out, into = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(out)
            code = 1
            try:
                with os.fdopen(into, "wb", buffering=0) as pipe:
                    work(lambda said: _tell(pipe, said))
                code = 0
            finally:
                os._exit(code)
        os.close(into)
        self._said = os.fdopen(out, "rb")
        self.code: int | None = None

    def hear(self) -> Any:
        """What it says next; ``None`` when it has ended."""
        line = self._said.readline()
        return json.loads(line) if line.endswith(b"\n") else None

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def end(self) -> int:
        """Wait for its end: its exit code, or the negative number of the signal that ended it."""
        if self.code is None:
            self._said.close()
            _, status = os.waitpid(self.pid, 0)
            self.code = os.waitstatus_to_exitcode(status)
        return self.code


def _tell(pipe: BinaryIO, said: Any) -> None:
    pipe.write(json.dumps(said).encode() + b"\n")


class Writes:
    """Counts what this process writes below ``folder`` and calls ``strike`` before the N-th of it.

    There is no way back: an audit hook stays as long as its process.
    """

    def __init__(self, folder: Path, at: int, strike: Callable[[], None]) -> None:
        self.seen: list[str] = []
        self._folder, self._at, self._strike = str(folder), at, strike
        sys.addaudithook(self._heard)
        sync = os.fsync

        def fsync(descriptor: int) -> None:
            path = os.readlink(f"/proc/self/fd/{descriptor}")
            if path.startswith(self._folder):
                self.add(f"fsync {path}")
            sync(descriptor)

        os.fsync = fsync

    def _heard(self, event: str, given: tuple[Any, ...]) -> None:
        if event not in EVENTS or not str(given[0]).startswith(self._folder):
            return
        if event == "open" and not given[2] & (os.O_WRONLY | os.O_RDWR):
            return
        self.add(f"{event} {given[0]}")

    def add(self, what: str) -> None:
        """Something is about to be written."""
        self.seen.append(what)
        if len(self.seen) - 1 == self._at:
            self._strike()


def dies() -> None:
    """``kill -9`` of this very process."""
    os.kill(os.getpid(), signal.SIGKILL)


def mortal_worker(driver: Driver, given: Assignment, at: int | None, *, half: bool = False) -> Apart:
    """A worker that dies before the ``at``-th thing it writes; with ``half`` in the middle of the ``at``-th file.

    What it says last, if it lives, is what it has written.
    """
    folder = driver.place.path / "trials"

    def work(tell: Callable[[Any], None]) -> None:
        pictures.draw = tries._draw  # type: ignore[assignment]
        writes = None if half else Writes(folder, -1 if at is None else at, dies)
        if half:
            _tears(at or 0)
        worker = tries.worker(driver, given)
        while True:
            said = tries.report(worker)
            if writes is not None:
                writes.add("tell")
            tell(said)
            if "failed" in said or "lost" in said or said["step"] >= given.steps:
                break
        tell({"written": [] if writes is None else writes.seen})

    return Apart(work)


def _tears(at: int) -> None:
    """The ``at``-th file of a checkpoint is written half, and then the process dies."""
    flush, left = checkpoint._flush, [at]

    def torn(path: Path, content: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            path.write_bytes(content[: len(content) // 2])
            dies()
        flush(path, content)

    checkpoint._flush = torn


def drive(driver: Driver, worker: Callable[[Assignment], Apart]) -> list[str]:
    """Run a sweep to its end with workers in processes of their own; what those wrote that lived."""
    written: list[str] = []
    try:
        while not isinstance(given := driver.next(), Finished):
            assert isinstance(given, Assignment), given
            process = worker(given)
            over = False
            while (said := process.hear()) is not None:
                if "written" in said:
                    written += said["written"]
                else:
                    over = driver.take(given, said)
            if process.end() != 0 and not over:
                driver.lose(given, "its process died")
        driver.loop.close("finished")
    finally:
        tries.ledger_of(driver).close()
    return written
