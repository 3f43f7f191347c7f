"""The driver is killed between and within any two rows, a thousand times, without Ray; also while it resumes."""

from __future__ import annotations

import random
from pathlib import Path

from tests_chaos import invariants, simulated, tries, views
from tests_chaos.fault import Fault, Outcome
from tests_chaos.simulated import NAME
from tests_search.simulation import Killed, begin, play

KINDS = (
    {"sampler": "tpe"},
    {"sampler": "random"},
    {"sampler": "random", "schedule": "median"},
    {"sampler": "tpe", "seeds": 2},
    {"sampler": "nsga2", "schedule": "hyperband"},
)


def killed(storage: Path, seed: int) -> Outcome:
    """One to four kills; every third sweep runs three trials at once, some of which fail or lose their worker."""
    rng = random.Random(seed)
    kind = KINDS[seed % len(KINDS)]
    alone = seed % 3 != 0
    made, ledger = simulated.sweep(storage, **kind), simulated.path(storage)
    failing, losing = (frozenset(), frozenset()) if alone else (frozenset({1}), frozenset({2}))
    concurrency, turn = (1, None) if alone else (3, rng)
    lost = 0
    kills = 0
    for _ in range(rng.randrange(1, 5)):
        before = tries.recorded(storage, NAME)
        try:
            mortal = begin(made, ledger, left=rng.randrange(1, 25), after=rng.random() < 0.5, concurrency=concurrency)
            play(mortal, turn, failing, losing)
        except Killed:
            kills += 1
        now = tries.recorded(storage, NAME)
        lost += not now.startswith(before[: before.rfind(b"\n") + 1])
        if rng.random() < 0.3:
            # It died in the middle of a row.
            ledger.write_bytes(now + b'0a1b2c3d {"kind":"report","time":17'[: rng.randrange(1, 34)])
    before = tries.recorded(storage, NAME)
    play(begin(made, ledger, concurrency=concurrency), turn, failing)
    wrong = [f"I1: {lost} of {kills} resumes changed what was recorded"] if lost else []
    same = simulated.whole(**kind) if alone else None
    return tries.outcome(storage, NAME, wrong=wrong, before=before, whole=same)


def resuming(storage: Path, seed: int) -> Outcome:
    """The driver dies, and so does each of the next three soon after it has begun to resume."""
    kind = KINDS[seed % len(KINDS)]
    rows = simulated.whole(**kind).read_bytes().count(b"\n")
    made, ledger = simulated.sweep(storage, **kind), simulated.path(storage)
    rng = random.Random(seed)
    for left in (2 + 7 * seed % (rows - 4), seed % 4, rng.randrange(3), rng.randrange(3)):
        try:
            play(begin(made, ledger, left=left, after=rng.random() < 0.5))
        except Killed:
            continue
    before = tries.recorded(storage, NAME)
    play(begin(made, ledger))
    return tries.outcome(storage, NAME, before=before, whole=simulated.whole(**kind))


def unborn(storage: Path, seed: int) -> Outcome:
    """It died when its first row was not whole: the sweep is refused as one to resume, and is begun again."""
    path = views.ledger_of(storage, "chaos")
    path.parent.mkdir(parents=True)
    row = tries.whole().read_bytes().split(b"\n")[0]
    path.write_bytes(row[: len(row) * seed // 4])
    code, said = tries.command("resume", "chaos", "--storage", str(storage), "--mlflow", "none")
    wrong = invariants.spoken(said, code, expected=2, words=["died before it began"])
    tries.drive(tries.begin(tries.sweep(storage)))
    return tries.outcome(storage, wrong=wrong, whole=tries.whole())


FAULTS = [
    Fault(number=4, title="kill -9 of the driver, simulated", times=1000, run=killed, short=30),
    Fault(number=4, title="kill -9 of the driver in its first row", times=5, run=unborn),
    Fault(number=5, title="kill -9 during resume, simulated", times=100, run=resuming),
]
