"""Ray on this machine, or a cluster that is joined: how a sweep's driver comes to it, and what it holds.

This module knows nothing of trials.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import ray

import search
from cluster import fresh
from cluster.address import LOCAL, named_cluster
from cluster.capacity import Capacity, capacity, groups
from search.sweep import Sweep
from trainables.core.memory import peak

HUGE_PAGES = "glibc.malloc.hugetlb=1"
"""For trial processes, before they start: a step goes through tens of megabytes, which as small pages cost it a tenth.

What else a trial wants of the C library it says itself (``trainables.core.allocator``).
"""


def worker() -> dict[str, str]:
    """The environment of trial processes, which keeps what this one's says to the C library."""
    said = os.environ.get("GLIBC_TUNABLES", "")
    tunables = said if "glibc.malloc.hugetlb" in said else ":".join(filter(None, (said, HUGE_PAGES)))
    return {"GLIBC_TUNABLES": tunables}


def connect(sweep: Sweep, address: str | None = None) -> int:
    """Start Ray on this machine, or join the cluster at ``address``; how many trials can run at once.

    Raises ``ValueError`` when nobody answers at ``address``, or when the cluster has not even the resources of one
    trial.
    """
    threads = str(max(1, int(sweep.resources.cpu)))
    # What the environment says of the cluster is refused before Ray is started.
    groups()
    if address and address not in ("auto", LOCAL):
        _reach(address)
    if not ray.is_initialized():
        # Left out, Ray would join whatever cluster was last started on this machine, dead or alive.
        joined = address or named_cluster() or LOCAL
        with _among_our_own():
            ray.init(
                address=joined,
                include_dashboard=False if joined == LOCAL else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={"env_vars": {**worker(), "OMP_NUM_THREADS": threads}},
            )
    found = capacity(wanted(sweep))
    if not found.most:
        raise ValueError(_too_much(wanted(sweep), found))
    return concurrency(sweep, found)


@contextmanager
def _among_our_own() -> Iterator[None]:
    """In the folder of Teasel's source.  Ray has its workers look for modules in the folder where it was started.

    There, a file of somebody else's that is called as a library's would be run.
    """
    if cache := os.environ.get("TEASEL_CACHE"):
        os.environ["TEASEL_CACHE"] = str(Path(cache).expanduser().absolute())
    with chdir(Path(search.__file__).resolve().parents[1]):
        yield


def wanted(sweep: Sweep) -> dict[str, float]:
    """What one trial of a sweep takes, in Ray's words."""
    return {"CPU": sweep.resources.cpu, "GPU": sweep.resources.gpus}


def concurrency(sweep: Sweep, found: Capacity) -> int:
    """Trials at once: those that fit and those that the cluster may grow to, and no more than the sweep allows.

    Trials beyond what fits wait for their node; that they wait is what makes an autoscaler add it.
    """
    return min(found.most, sweep.concurrency or found.most)


def _too_much(want: dict[str, float], found: Capacity) -> str:
    """What a trial asks for that no node has."""
    for name, amount in want.items():
        each = [node.get(name, 0) for node in found.there]
        if amount > sum(each):
            there = f"the whole cluster has {sum(each):g}"
        elif amount > max(each):
            there = f"no node has more than {max(each):g}"
        else:
            continue
        return (
            f"A trial asks for {amount:g} {name}; {there}. "
            "Ask for less under `resources`, or join a larger cluster with `--address`."
        )
    asked = " and ".join(f"{amount:g} {name}" for name, amount in want.items() if amount)
    return f"A trial asks for {asked}; no node has both. Ask for less under `resources`."


def _reach(address: str) -> None:
    """Ray itself tries a dead address for many minutes."""
    host, _, port = address.rpartition("://")[2].partition(":")
    try:
        socket.create_connection((host, int(port or 6379)), timeout=5).close()
    except (OSError, ValueError) as error:
        raise ValueError(
            f"No Ray cluster answers at {address!r} ({error}). It must be HOST:PORT of a running head "
            "(`ray start --head` prints it); without --address the sweep runs on this machine."
        ) from None


@contextmanager
def watched(gone: Callable[[], None], *, every: float = 4.0, patience: float = 40.0) -> Iterator[None]:
    """Call ``gone``, from another thread, when the cluster's head has been unreachable for ``patience`` seconds.

    Ray ends this very process after a minute of that, with words of its own.
    """
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    over = threading.Event()

    def watch() -> None:
        silent: float | None = None
        while not over.wait(every):
            try:
                socket.create_connection((host.strip("[]"), int(port)), timeout=every).close()
                silent = None
            except OSError:
                silent = silent or time.monotonic()
                if time.monotonic() - silent >= patience:
                    gone()
                    return

    thread = threading.Thread(target=watch, name="head", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def gpus() -> float:
    """How many GPUs the connected cluster offers, those that an autoscaler may add included."""
    return float(max(ray.cluster_resources().get("GPU", 0), capacity({"GPU": 1}).most))


def measure(sweep: Sweep, attempts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``trainables.core.memory.peak`` of each attempt, on the connected cluster; on a GPU each has a whole one.

    Raises ``ValueError`` for what cannot be measured.
    """
    needed = 1 if any(attempt["device"] != "cpu" for attempt in attempts) else 0
    return fresh.each(peak, attempts, cpu=sweep.resources.cpu, gpu=needed)


def disconnect() -> None:
    """Leave the cluster; a Ray that ``connect`` started ends."""
    ray.shutdown()
