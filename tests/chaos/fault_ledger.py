"""The ledger is torn at each of its last bytes; each of its writes and flushes fails, and each of a checkpoint's."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from tests_chaos import invariants, simulated, stock, tries, views
from tests_chaos.fault import Fault, Outcome
from tests_chaos.simulated import NAME

from search.assignment import Assignment
from trainables.core import checkpoint
from trainables.core.ray_trainable import SweepTrial

BYTES = 200
REASONS = (errno.EIO, errno.ENOSPC)


def torn(storage: Path, seed: int) -> Outcome:
    """The sweep was killed after some row, and of the ledger's end ``1 + seed`` bytes never reached the disk."""
    whole = simulated.whole(sampler="tpe")
    lines = whole.read_bytes().splitlines(keepends=True)
    content = b"".join(lines[: random.Random(seed).randrange(5, len(lines) + 1)])[: -1 - seed % BYTES]
    ledger = simulated.path(storage)
    ledger.parent.mkdir(parents=True)
    ledger.write_bytes(content)
    # It says itself what it can still be read as.
    rows = len(views.rows(content))
    wrong = [] if rows == content.count(b"\n") else [f"{rows} rows are read of {content.count(bytes([10]))}"]
    simulated.drive(storage, simulated.sweep(storage, sampler="tpe"))
    return tries.outcome(storage, NAME, wrong=wrong, before=content, whole=whole)


# -- the file under the ledger --------------------------------------------------------------------------------------


class Failing:
    """An unbuffered file whose N-th write or flush fails, and every one after it as long as it ``lasts``."""

    def __init__(self, file: Any, what: str, at: int, code: int, *, lasts: int = 1) -> None:
        self._file, self._what, self._at, self._code, self._lasts = file, what, at, code, lasts
        self.struck = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def due(self, what: str) -> bool:
        """Whether it is time to fail."""
        self._at -= what == self._what
        failing = what == self._what and self._at < 0 < self._lasts
        self._lasts -= failing
        self.struck |= failing
        return failing

    def fail(self) -> None:
        """Fail."""
        raise OSError(self._code, os.strerror(self._code))

    def write(self, data: bytes) -> int:
        """At its time it takes a half, and then nothing."""
        if self._what == "half" and len(data) > 1 and self.due("half"):
            self._what, self._at, self._lasts = "write", 0, 1
            return int(self._file.write(data[: len(data) // 2]))
        if self.due("write"):
            self.fail()
        return int(self._file.write(data))


@contextmanager
def _flushing(failing: list[Failing]) -> Iterator[None]:
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        if failing and descriptor == failing[0].fileno() and failing[0].due("flush"):
            failing[0].fail()
        sync(descriptor)

    os.fsync = fsync
    try:
        yield
    finally:
        os.fsync = sync


WAYS = ("write", "half", "flush")


@cache
def _rows() -> int:
    return simulated.whole(sampler="tpe").read_bytes().count(b"\n")


def failing(storage: Path, seed: int) -> Outcome:
    """Write or flush number N of the ledger fails, once or three times on end; two trials at once, or one."""
    several = seed % 2 == 1
    way, code, lasts = WAYS[seed % 3], REASONS[seed % 2], (1, 3)[seed // 6 % 2]
    made = simulated.sweep(storage, sampler="tpe")
    found: list[Failing] = []

    def ready(ledger: Any) -> None:
        ledger._file = Failing(ledger._file, way, seed // 3 % _rows(), code, lasts=lasts)
        found.append(ledger._file)

    with _flushing(found):
        rng = random.Random(seed) if several else None
        try:
            driver = simulated.drive(storage, made, concurrency=2 if several else 1, rng=rng, ready=ready)
            said = driver.broken
        except OSError as error:
            # The very first rows are written before there is a driver; the command refuses.
            said = error
    wrong = [] if not found[0].struck or (said and said.errno == code) else [f"I5: it ended with {said}"]
    wrong += invariants.check(storage, NAME, over=False)
    before = tries.recorded(storage, NAME)
    simulated.drive(storage, made, concurrency=2 if several else 1, rng=rng)
    return tries.outcome(
        storage, NAME, wrong=wrong, before=before, whole=None if several else simulated.whole(sampler="tpe")
    )


# -- the files of a checkpoint --------------------------------------------------------------------------------------

CALLS = ("open", "flush", "rename")


def unwritten(storage: Path, seed: int) -> Outcome:
    """The N-th opening, flush or rename of trial 1's first worker fails: it is tried again and is the same."""
    call, at = CALLS[seed % 3], seed // 3
    left = [at]

    def strike(name: str) -> None:
        left[0] -= name == call
        if name == call and left[0] == -1:
            code = REASONS[at % 2]
            raise OSError(code, os.strerror(code))

    def meddle(given: Assignment, worker: SweepTrial) -> None:
        if given.trial == 1 and given.attempt == 1:
            step = worker.step

            def failing_step() -> dict[str, Any]:
                with _striking(strike):
                    return step()

            worker.step = failing_step  # type: ignore[method-assign]

    driver = tries.begin(tries.sweep(storage, trials=2))
    tries.drive(driver, meddle=meddle)
    before, wrong = tries.recorded(storage), []
    if driver.broken is not None:
        # A full storage ends the sweep in order; when there is room again, it goes on.
        wrong += [] if driver.broken.errno == errno.ENOSPC else [f"I5: it ended with {driver.broken}"]
        wrong += invariants.check(storage, "chaos", over=False)
        tries.drive(tries.again(storage))
    lost = [row["reason"] for row in views.rows(tries.recorded(storage)) if row["kind"] == "lost"]
    if left[0] < 0 and not lost and driver.broken is None:
        wrong.append("I5: nothing says that it failed")
    return tries.outcome(storage, wrong=wrong, before=before, whole=tries.whole(trials=2))


@contextmanager
def _striking(strike: Callable[[str], None]) -> Iterator[None]:
    """``strike`` is called before each file of a checkpoint is opened, flushed and renamed."""

    def before(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            strike(name)
            return real(*given, **named)

        return call

    flush, sync, rename = checkpoint._flush, os.fsync, Path.rename
    checkpoint._flush, os.fsync = before("open", flush), before("flush", sync)
    Path.rename = before("rename", rename)  # type: ignore[method-assign]
    try:
        yield
    finally:
        checkpoint._flush, os.fsync, Path.rename = flush, sync, rename  # type: ignore[method-assign]


FAULTS = [
    Fault(
        number=23,
        title="the ledger torn at each of its last 200 bytes",
        times=BYTES,
        run=torn,
        short=4,
        stock=stock.torn,
    ),
    Fault(number=23, title="the N-th write or flush of the ledger fails", times=240, run=failing, short=4),
    Fault(number=23, title="the N-th file, flush or rename of a checkpoint fails", times=84, run=unwritten, short=2),
]
