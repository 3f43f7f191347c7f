"""The clock is set an hour forward or back, before, between and within sessions, and time zones change."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests_chaos import tries
from tests_chaos.fault import Fault, Outcome

from search.assignment import Assignment
from trainables.core.ray_trainable import SweepTrial

HOUR = 3600.0
JUMPS = (HOUR, -HOUR)
ZONES = ("UTC", "Asia/Kolkata", "America/St_Johns")


class Clock:
    """This process's clock of the day, which can be set; the one that only counts is left as it is."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def set(self, seconds: float, zone: str) -> None:
        """So far ahead of the true time, in that zone."""
        self.ahead = seconds
        os.environ["TZ"] = zone
        time.tzset()


@contextmanager
def _settable() -> Iterator[Clock]:
    clock, true, zone = Clock(), time.time, os.environ.get("TZ")
    time.time = lambda: true() + clock.ahead
    try:
        yield clock
    finally:
        time.time = true
        os.environ.pop("TZ", None)
        if zone is not None:
            os.environ["TZ"] = zone
        time.tzset()


def set_anew(storage: Path, seed: int) -> Outcome:
    """Set within a session (even seeds) or while the driver is dead; the sweep's wall time is less than an hour."""
    jump, zone = JUMPS[seed // 2 % 2], ZONES[1 + seed // 4 % 2]
    kind: dict[str, Any] = {"wall_time": 3000}
    seen: list[Assignment] = []
    with _settable() as clock:

        def meddle(given: Assignment, worker: SweepTrial) -> None:
            seen.append(given)
            if seed % 2 == 0 and given.trial == 1:
                clock.set(jump, zone)

        clock.set(0.0, ZONES[0])
        tries.drive(tries.begin(tries.sweep(storage, **kind)), meddle=meddle, reports=7)
        tries.published(storage)
        clock.set(jump if seed % 2 else 0.0, zone)
        before = tries.recorded(storage)
        tries.drive(tries.again(storage), reports=3)
        tries.published(storage)
        clock.set(0.0, ZONES[0])
        tries.drive(tries.again(storage))
        database = tries.published(storage)
    return tries.outcome(storage, before=before, whole=tries.whole(), mlflow=database)


FAULTS = [
    Fault(number=18, title="the clock an hour forward and back, two time zones", times=8, run=set_anew),
]
