"""A worker is killed with SIGKILL before each thing that it writes, and in the middle of each file."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

from tests_chaos import apart, stock, tries
from tests_chaos.apart import Apart
from tests_chaos.fault import Fault, Outcome

from search.assignment import Assignment

MORTAL = 1
"""The trial whose first worker dies."""


@cache
def points() -> list[str]:
    """Everything that the worker of a second trial writes, if it lives."""
    driver = tries.begin(tries.sweep(tries.scratch() / "points", trials=2))
    written = apart.drive(driver, lambda given: apart.mortal_worker(driver, given, None))
    return [each for each in written if "/001" in each or each == "tell"][-POINTS:]


def killed(storage: Path, seed: int, *, half: bool = False) -> Outcome:
    """Trial 1's first worker dies at its ``seed``-th write; the second one goes on from what is whole."""
    driver = tries.begin(tries.sweep(storage, trials=2))
    died: list[float] = []
    before: list[bytes] = []

    def worker(given: Assignment) -> Apart:
        if given.trial == MORTAL and given.attempt == 2:
            died.append(time.monotonic())
            before.append(tries.recorded(storage))
        at = seed if given.trial == MORTAL and given.attempt == 1 else None
        return apart.mortal_worker(driver, given, at, half=half and at is not None)

    begun = time.monotonic()
    apart.drive(driver, worker)
    wrong = [] if died else ["it was not killed"]
    seconds = time.monotonic() - (died or [begun])[0]
    return tries.outcome(
        storage, wrong=wrong, before=(before or [b""])[0], seconds=seconds, whole=tries.whole(trials=2)
    )


def anywhere(storage: Path, seed: int) -> Outcome:
    """Before one of the things that it writes; the first few seeds are far from each other."""
    return killed(storage, 31 * seed % len(points()))


def in_a_file(storage: Path, seed: int) -> Outcome:
    """In the middle of file number ``seed`` of its checkpoints."""
    files = sum(each.startswith("open") for each in points())
    return killed(storage, seed % files, half=True)


POINTS, FILES = 75, 22
"""How many there are of both; a few more or less are no harm, for numbers are taken modulo what there is."""

FAULTS = [
    Fault(
        number=3,
        title="SIGKILL of a worker before each thing that it writes",
        times=POINTS,
        run=anywhere,
        short=3,
        stock=stock.worker,
    ),
    Fault(number=3, title="SIGKILL of a worker in the middle of each file", times=FILES, run=in_a_file),
]
