"""Nodes that are lost, come back or do not answer, and a head that is lost, under a sweep on a cluster of several."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tests_chaos import invariants, stock, tries, views
from tests_chaos.fault import Fault, Outcome
from tests_chaos.heads import Teasel, wait_for_rows
from tests_chaos.nodes import Cluster

SWEEP: dict[str, Any] = {"trials": 6, "steps": 1500}
LONG: dict[str, Any] = {"trials": 4, "steps": 6000}
"""Lasts longer than a node is silent, or than it takes to be missed."""
RESULT = ["Best: trial"]
QUICK = {
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "4",
}
"""A head that takes a silent node for dead in about eight seconds; left alone, Ray waits for about half a minute."""


@cache
def _patient() -> Cluster:
    return Cluster(2)


@cache
def _impatient() -> Cluster:
    return Cluster(2, **QUICK)


def _begun(storage: Path, cluster: Cluster, sweep: dict[str, Any] = SWEEP) -> Teasel:
    """A sweep whose trials have all nodes, each with a report."""
    kind = [
        "--sampler",
        "random",
        "--schedule",
        "none",
        "--trials",
        str(sweep["trials"]),
        "--steps",
        str(sweep["steps"]),
    ]
    sets = [word for text in tries.SETS for word in ("--set", text)]
    words = ["beta_vae", "--data", "digits", "--objective", "val/elbo", "--name", "chaos", "--mlflow", "none"]
    teasel = Teasel(storage, "run", *words, *kind, *sets, at=cluster.head)
    wait_for_rows(storage, 2, teasel, kind=b"report")
    return teasel


def _ended(storage: Path, teasel: Teasel) -> list[str]:
    """What is wrong with how a sweep ended, and with which of its trials paid for a node."""
    code = teasel.end()
    wrong = invariants.spoken(teasel.said, code, expected=0, words=RESULT)
    ends = [row for row in views.rows(tries.recorded(storage)) if row["kind"] == "end"]
    return wrong + [f"trial {row['trial']} paid for it: {row['reason']}" for row in ends if row["state"] == "FAIL"]


def _count(storage: Path, kind: str) -> int:
    return sum(row["kind"] == kind for row in views.rows(tries.recorded(storage)))


def _recovered(storage: Path, since: float) -> float | None:
    """Seconds until a trial that was lost ``since`` then was handed out again."""
    rows = [row for row in views.rows(tries.recorded(storage)) if row["time"] >= since]
    lost = {row["trial"] for row in rows if row["kind"] == "lost"}
    return next((row["time"] - since for row in rows if row["kind"] == "start" and row["trial"] in lost), None)


def _most_at_once(content: bytes, before: bytes) -> int:
    """How many trials had a worker at once after ``before``."""
    live: set[int] = set()
    most = 0
    for place, row in enumerate(views.rows(content)):
        if row["kind"] == "start":
            live.add(row["trial"])
        elif row["kind"] in ("lost", "end"):
            live.discard(row["trial"])
        most = max(most, len(live)) if place >= before.count(b"\n") else most
    return most


# -- 6: a node is lost ----------------------------------------------------------------------------------------------

LOSSES = ("one of two", "one of two, a new one joins", "both, new ones join")


def lost(storage: Path, seed: int) -> Outcome:
    """Power off in the middle of a trial; it goes on from its last report on what is left, or on what comes."""
    way, cluster = LOSSES[seed % len(LOSSES)], _patient()
    cluster.complete(2)
    teasel = _begun(storage, cluster)
    time.sleep(random.Random(seed).random())
    before, since = tries.recorded(storage), time.time()
    for node in cluster.nodes[: 2 if "both" in way else 1]:
        cluster.lose(node)
    if "join" in way:
        cluster.complete(2)
        joined = tries.recorded(storage)
    wrong = _ended(storage, teasel)
    if "join" in way and _most_at_once(tries.recorded(storage), joined) < 2:
        wrong.append("the node that joined was not used")
    wrong += [] if _count(storage, "lost") else ["no trial was lost"]
    return _outcome(storage, way, wrong, before=before, seconds=_recovered(storage, since))


def _outcome(storage: Path, way: str, wrong: list[str], sweep: dict[str, Any] = SWEEP, **more: Any) -> Outcome:
    return tries.outcome(
        storage,
        wrong=[f"{way}: {each}" for each in wrong if each],
        whole=tries.whole(**sweep),
        mlflow=tries.published(storage),
        **more,
    )


# -- 7: the head is lost --------------------------------------------------------------------------------------------

HEADS = ("with its driver", "the driver lives on")


def headless(storage: Path, seed: int) -> Outcome:
    """The sweep is resumed on another cluster, while trials may still train on nodes that nobody leads any more."""
    way, cluster = HEADS[seed % len(HEADS)], Cluster(2)
    wrong: list[str] = []
    try:
        teasel = _begun(storage, cluster)
        time.sleep(random.Random(seed).random())
        cluster.lose_head()
        if "lives" in way:
            code = teasel.end()
            wrong += invariants.spoken(teasel.said, code, expected=1, words=["teasel resume chaos"])
        else:
            teasel.kill()
            teasel.end()
        before = tries.recorded(storage)
        again = Teasel(storage, "resume", "chaos", "--mlflow", "none")
        seconds = wait_for_rows(storage, before.count(b"\n"), again)
        wrong += _ended(storage, again)
        return _outcome(storage, way, wrong, before=before, seconds=seconds)
    finally:
        cluster.end()


# -- 21: a node does not answer -------------------------------------------------------------------------------------


def silent(cluster: Callable[[], Cluster], seconds: float | None, *, alone: bool = False, dies: bool = True):
    """A node answers nobody for so long, or for good; ``alone``: its trials go on and reach their storage."""

    def fault(storage: Path, seed: int) -> Outcome:
        there = cluster()
        there.complete(2)
        teasel = _begun(storage, there, LONG)
        time.sleep(random.Random(seed).random())
        before, since = tries.recorded(storage), time.time()
        node = there.nodes[seed % 2]
        node.signal(signal.SIGSTOP, alone=alone)
        try:
            if seconds is not None:
                time.sleep(seconds)
                node.signal(signal.SIGCONT)
            wrong = _ended(storage, teasel)
        finally:
            node.signal(signal.SIGCONT)
            if dies:
                there.lose(node)
        lost = _count(storage, "lost")
        wrong += [] if bool(lost) == dies else [f"{lost} trials were lost"]
        return _outcome(storage, "silent", wrong, LONG, before=before, seconds=_recovered(storage, since))

    return fault


FAULTS = [
    Fault(number=6, title="a node is lost, and a new one joins", times=3, run=lost, stock=stock.node(_patient)),
    Fault(number=7, title="the head is lost, a fresh cluster goes on", times=2, run=headless),
    Fault(number=21, title="a node is silent for 10 s", times=1, run=silent(_patient, 10, dies=False)),
    Fault(number=21, title="a node is silent for 20 s, and taken for dead", times=2, run=silent(_impatient, 20)),
    Fault(number=21, title="a node is silent for good", times=1, run=silent(_impatient, None)),
    Fault(
        number=21, title="a node is silent for 20 s, its trials go on", times=1, run=silent(_impatient, 20, alone=True)
    ),
]
