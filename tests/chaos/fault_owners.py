"""The same sweep is begun by several processes at once, or while its driver sleeps; two sweeps share a storage."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests_chaos import tries
from tests_chaos.apart import Apart
from tests_chaos.fault import Fault, Outcome

from search.ledger import LedgerError
from search.run import Driver

SEVERAL = 4


def contender(make: Callable[[], Driver], gate: int) -> Apart:
    """A process that waits for the gate, wants the sweep, and runs it if it gets it."""

    def work(tell: Callable[[Any], None]) -> None:
        os.read(gate, 1)
        try:
            driver = make()
        except LedgerError as error:
            return tell(str(error))
        tell("mine")
        # Long enough for the others to come.
        time.sleep(0.5)
        tries.drive(driver)

    return Apart(work)


def at_once(storage: Path, seed: int) -> Outcome:
    """Four processes begin it, or resume it, in the same moment: one runs it, three are refused in a sentence."""
    before = b""
    if seed % 2:
        tries.copied(tries.stopped(6), storage)
        before = tries.recorded(storage)
    made = tries.sweep(storage)
    gate, opening = os.pipe()
    several = [
        contender((lambda: tries.again(storage)) if seed % 2 else (lambda: tries.begin(made)), gate)
        for _ in range(SEVERAL)
    ]
    begun = time.monotonic()
    os.write(opening, b"x" * SEVERAL)
    said = [process.hear() for process in several]
    seconds = time.monotonic() - begun
    ended = [process.end() for process in several]
    os.close(gate)
    os.close(opening)
    refusals = [each for each in said if each != "mine"]
    right = ("is running already", "exists already")
    wrong = [] if said.count("mine") == 1 and ended == [0] * SEVERAL else [f"I1: owners: {said}, {ended}"]
    wrong += [f"I5: {each!r}" for each in refusals if not any(word in str(each) for word in right)]
    return tries.outcome(storage, wrong=wrong, before=before, seconds=seconds, whole=tries.whole())


def asleep(storage: Path, seed: int) -> Outcome:
    """The owner is stopped in its tracks; another is refused; the owner wakes up and goes on."""
    tries.copied(tries.stopped(6), storage)
    gate, opening = os.pipe()
    owner = contender(lambda: tries.again(storage), gate)
    os.write(opening, b"xx")
    wrong = [] if owner.hear() == "mine" else ["it was not to be had"]
    owner.kill(signal.SIGSTOP)
    before = tries.recorded(storage)
    other = contender(lambda: tries.again(storage), gate)
    said = other.hear()
    other.end()
    wrong += [] if "is running already" in str(said) else [f"I1: beside a sleeping owner: {said}"]
    wrong += [] if tries.recorded(storage) == before else ["I1: written beside a sleeping owner"]
    owner.kill(signal.SIGCONT)
    wrong += [] if owner.end() == 0 else ["it did not go on"]
    os.close(gate)
    os.close(opening)
    return tries.outcome(storage, wrong=wrong, before=before, whole=tries.whole())


def side_by_side(storage: Path, seed: int) -> Outcome:
    """Two sweeps run at once in one storage, and publish to one database while the other one does."""
    names = ("one", "two")
    kinds: tuple[dict[str, Any], ...] = ({}, {"seed": 1})
    tries.empty_database(storage)

    def work(name: str, kind: dict[str, Any]) -> Callable[[Callable[[Any], None]], None]:
        def run(tell: Callable[[Any], None]) -> None:
            tries.drive(tries.begin(tries.sweep(storage, name, **kind)))
            tries.published(storage, name)

        return run

    both = [Apart(work(name, kind)) for name, kind in zip(names, kinds, strict=True)]
    ended = [process.end() for process in both]
    wrong = [] if ended == [0, 0] else [f"they ended with {ended}"]
    found = [
        tries.outcome(storage, name, whole=tries.whole(**kind), mlflow=storage / "mlflow.db")
        for name, kind in zip(names, kinds, strict=True)
    ]
    return Outcome(
        survived=not wrong and all(each.survived for each in found),
        lost=sum(each.lost for each in found),
        doubled=sum(each.doubled for each in found),
        note="; ".join([*wrong, *(each.note for each in found if each.note)]),
    )


FAULTS = [
    Fault(number=19, title="the same sweep begun or resumed four times at once", times=10, run=at_once, short=2),
    Fault(number=19, title="a second driver while the first one sleeps", times=3, run=asleep),
    Fault(number=20, title="two sweeps in one storage", times=3, run=side_by_side),
]
