"""The driver on a real Ray is killed at random moments, also while it resumes, and told to stop by every signal."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path
from typing import Any

from tests_chaos import invariants, stock, tries
from tests_chaos.fault import Fault, Outcome
from tests_chaos.heads import Teasel, wait_for_rows

KILLS, TRIES = 4, 5
LONG: dict[str, Any] = {"sampler": "tpe", "trials": 6, "steps": 60}
WORDS = ["beta_vae", "--data", "digits", "--objective", "val/elbo", "--name", "chaos", "--concurrency", "1"]


def begun(storage: Path, *, mlflow: bool = False) -> Teasel:
    """``teasel run`` of the sweep that ``LONG`` means, or ``teasel resume`` where it has begun."""
    more = [] if mlflow else ["--mlflow", "none"]
    if tries.recorded(storage):
        return Teasel(storage, "resume", "chaos", *more)
    kind = ["--sampler", "tpe", "--schedule", "none", "--trials", "6", "--steps", "60"]
    sets = [word for text in tries.SETS for word in ("--set", text)]
    return Teasel(storage, "run", *WORDS, *kind, *sets, *more)


def killed(storage: Path, seed: int) -> Outcome:
    """Four kills at random moments after its start, mostly while it trains; then it goes on to its end."""
    rng = random.Random(seed)
    mlflow = seed == 0
    if mlflow:
        tries.empty_database(storage)
    before, seconds, changed = b"", [], 0
    for _ in range(KILLS):
        teasel = begun(storage, mlflow=mlflow)
        if rng.random() < 0.7:
            seconds.append(wait_for_rows(storage, before.count(b"\n"), teasel))
            time.sleep(rng.random() * 2)
        else:
            time.sleep(rng.random() * 5)
        teasel.kill()
        teasel.end()
        now = tries.recorded(storage)
        changed += not now.startswith(before[: before.rfind(b"\n") + 1])
        before = now
    wrong = [f"I1: {changed} resumes changed what was recorded"] if changed else []
    if mlflow:
        teasel = begun(storage, mlflow=True)
        wrong += invariants.spoken("", teasel.end(), expected=0)
        wrong += invariants.spoken(teasel.said, 0, expected=0, words=["Best: trial"])
        database = storage / "mlflow.db"
    else:
        tries.drive(tries.again(storage))
        database = tries.published(storage)
    return tries.outcome(
        storage,
        wrong=wrong,
        before=before,
        seconds=max(seconds, default=None),
        whole=tries.whole(**LONG),
        mlflow=database,
    )


def resuming(storage: Path, seed: int) -> Outcome:
    """A sweep that stands half-way is resumed and killed at a random moment of that, and then again."""
    tries.copied(tries.stopped(7), storage)
    before = tries.recorded(storage)
    teasel = Teasel(storage, "resume", "chaos", "--mlflow", "none")
    time.sleep(0.5 + 6.5 * random.Random(seed).random())
    teasel.kill()
    teasel.end()
    wrong = [] if tries.recorded(storage).startswith(before) else ["I1: it changed what was recorded"]
    tries.drive(tries.again(storage))
    return tries.outcome(storage, wrong=wrong, before=tries.recorded(storage), whole=tries.whole())


def told_at_once(storage: Path, seed: int) -> Outcome:
    """It is told to stop while it joins the cluster, or soon after."""
    teasel = begun(storage)
    time.sleep(1.5 + random.Random(seed).random() * 2)
    teasel.kill((signal.SIGINT, signal.SIGTERM)[seed % 2])
    code = teasel.end()
    # Before its own modules are there, Python's answer to SIGTERM is the kernel's.
    expected = code if code == -signal.SIGTERM and not tries.recorded(storage) else 130
    wrong = invariants.spoken(teasel.said, code, expected=expected)
    tries.drive(tries.again(storage) if tries.recorded(storage) else tries.begin(tries.sweep(storage, **LONG)))
    return tries.outcome(storage, wrong=wrong, whole=tries.whole(**LONG))


WAYS = ("SIGINT", "SIGINT twice", "SIGTERM", "SIGTERM twice", "SIGINT to all its processes")


def told(storage: Path, seed: int) -> Outcome:
    """One of the ways in which people and `ray job stop` stop a driver; then the sweep goes on to its end."""
    way = WAYS[seed % len(WAYS)]
    number = signal.SIGTERM if "TERM" in way else signal.SIGINT
    database = tries.empty_database(storage) if "all" in way else None
    teasel = begun(storage, mlflow=database is not None)
    wait_for_rows(storage, 1, teasel, kind=b"report")
    time.sleep(random.Random(seed).random())
    before = tries.recorded(storage)
    asked = time.monotonic()
    teasel.kill(number, group="all" in way)
    if "twice" in way:
        time.sleep(0.3)
        teasel.kill(number)
    code = teasel.end()
    seconds = time.monotonic() - asked
    words = [] if "twice" in way else ["teasel resume chaos"]
    wrong = invariants.spoken(teasel.said, code, expected=130, words=words)
    wrong += [f"I5: it took {seconds:.0f} s to stop"] if seconds > 30 else []
    wrong += invariants.check(storage, "chaos", over=False, mlflow=database)
    tries.drive(tries.again(storage))
    return tries.outcome(
        storage,
        wrong=[f"{way}: {each}" for each in wrong],
        before=before,
        seconds=seconds,
        whole=tries.whole(**LONG),
        mlflow=tries.published(storage),
    )


FAULTS = [
    Fault(
        number=4,
        title=f"kill -9 of the driver on Ray, {KILLS} times each",
        times=TRIES,
        run=killed,
        stock=stock.driver,
    ),
    Fault(number=5, title="kill -9 during resume, on Ray", times=4, run=resuming),
    Fault(number=8, title="SIGINT or SIGTERM while it begins", times=2, run=told_at_once),
    Fault(number=8, title="SIGINT once, twice, SIGTERM, `ray job stop`", times=len(WAYS), run=told),
]
