"""Who may write what lies in an object store: a claim with a number that only grows, renewed while its owner lives.

A store gives no locks and, through pyarrow, no conditional writes; but whoever lists after a write sees it. So a
process writes its claim and then looks: if it sees another's, it steps back. Of two at once at most one goes on. A
claim that was not renewed for ``SECONDS``, by the store's own clock, is dead, and so is one whose process has ended on
this very machine. The owner trusts its claim for less time than others wait, and looks again when it was asleep for
longer: then it finds its successor's higher number, and stops. This module knows nothing of what is written.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import random
import secrets
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.ledger_rows import LedgerError
from trainables.core.storage import Entry, Place

SECONDS = 60.0
"""A claim that was not renewed for so long is dead."""
TRUST = 0.6
"""The share of that for which its owner relies on it without looking."""
HEAD, CLOCK = "writer-", "clock-"


@dataclass(frozen=True)
class Claim:
    """One process's word that it writes: its number, and the name that tells it from others."""

    number: int
    owner: str

    @property
    def name(self) -> str:
        return f"{HEAD}{self.number:04d}-{self.owner}"

    @classmethod
    def of(cls, name: str) -> Claim | None:
        number, _, owner = name.removeprefix(HEAD).partition("-")
        return cls(int(number), owner) if name.startswith(HEAD) and number.isdecimal() and owner else None


def claims(entries: Sequence[Entry]) -> dict[Claim, float]:
    """The claims in a folder, and when each was last renewed."""
    return {claim: entry.modified for entry in entries if (claim := Claim.of(entry.name)) is not None}


def written(entries: Sequence[Entry]) -> set[int]:
    """The numbers under which something has been written, which is named ``FIRST-NUMBER.jsonl``."""
    numbers = (name.rpartition("-")[2].partition(".")[0] for e in entries if (name := e.name).endswith(".jsonl"))
    return {int(number) for number in numbers if number.isdecimal()}


def highest(entries: Sequence[Entry]) -> int:
    """The highest number that has been claimed or written under."""
    return max([0, *(claim.number for claim in claims(entries)), *written(entries)])


class Lease:
    """A claim that is held and renewed by a thread until it is released or lost."""

    def __init__(self, where: Place, claim: Claim, seconds: float) -> None:
        self.place = where
        self.number = claim.number
        self.lost = False
        self._claim = claim
        self._seconds = seconds
        self._until = 0.0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    @classmethod
    def take(cls, where: Place, *, seconds: float = SECONDS) -> Lease:
        """Become the one writer.  Raises ``LedgerError`` where another one lives, and ``OSError``."""
        owner = secrets.token_hex(4)
        for _ in range(5):
            before = _living(where, owner, seconds)
            lease = cls(where, Claim(highest(where.entries()) + 1, owner), seconds)
            asked = _now()
            (where / lease._claim.name).write(_myself())
            listed = where.entries()
            # One that was taken for dead and has been renewed, or another process at this very moment.
            rivals = [c for c, time in claims(listed).items() if c != lease._claim and before.get(c) != time]
            if not rivals and lease.number not in written(listed):
                for dead in before:
                    (where / dead.name).remove()
                lease._until = asked + TRUST * seconds
                lease._thread.start()
                return lease
            (where / lease._claim.name).remove()
            time.sleep(random.uniform(0.2, 1.5))
        raise LedgerError(f"Several processes want to write {where} at once. Begin one of them again.")

    def hold(self) -> None:
        """Make sure that the claim stands.  Raises ``OSError`` when it is lost or the store cannot be asked."""
        if not self.lost and _now() >= self._until:
            self._renew()
        if self.lost:
            raise OSError(errno.EPERM, "another process has taken this sweep over", self.place.uri)

    def release(self) -> None:
        """Give it free; twice is harmless."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
            with suppress(OSError):
                # Left behind, it only makes the next writer wait.
                (self.place / self._claim.name).remove()

    def _keep(self) -> None:
        while not self._over.wait(self._seconds / 6) and not self.lost:
            # A store that does not answer now is asked again, and ``hold`` trusts no longer than it may.
            with suppress(OSError):
                self._renew()

    def _renew(self) -> None:
        with self._lock:
            asked = _now()
            (self.place / self._claim.name).write(_myself())
            found = self.place.entries()
            if highest(found) > self.number or any(c != self._claim and c.number == self.number for c in claims(found)):
                self.lost = True
                (self.place / self._claim.name).remove()
            else:
                self._until = asked + TRUST * self._seconds


class Watch:
    """Says whether some process holds a claim, without taking part."""

    def __init__(self, where: Place, seconds: float = SECONDS) -> None:
        self.place = where
        self._seconds = seconds
        self._seen: tuple[Claim, float] | None = None
        self._since = 0.0

    def driven(self) -> bool:
        """By this machine's own list of processes where the owner is here, else by whether the claim is renewed."""
        found = claims(self.place.entries())
        if not found:
            return False
        claim = max(found, key=lambda claim: claim.number)
        lives = _lives(_said(self.place / claim.name))
        if lives is not None:
            return lives
        now = time.monotonic()
        if self._seen != (claim, found[claim]):
            # At first sight there are only the two clocks to go by; later, that it has been renewed.
            self._since = now if self._seen else now - max(0.0, time.time() - found[claim])
            self._seen = (claim, found[claim])
        return now - self._since < self._seconds


def _living(where: Place, owner: str, seconds: float) -> dict[Claim, float]:
    """The claims that are there and dead.  Raises ``LedgerError`` for one that lives."""
    found = claims(where.entries())
    if not found:
        return {}
    probe = where / f"{CLOCK}{owner}"
    probe.write(b"")
    listed = where.entries()
    probe.remove()
    now = next(entry.modified for entry in listed if entry.name == probe.name)
    found = claims(listed)
    for claim, renewed in found.items():
        said = _said(where / claim.name)
        left = seconds - (now - renewed)
        if left > 0 and _lives(said) is not False:
            name, storage = where.parent.name, where.parent.parent
            raise LedgerError(
                f"Another process is writing {where}: this sweep is running already, on {said.get('host', '?')} as "
                f"process {said.get('pid', '?')}. `teasel top {name} --storage {storage}` shows it. If that process is "
                f"dead, its claim ends in {left:.0f} s."
            )
    return found


def _now() -> float:
    """A clock that nobody sets, and that goes on while a laptop sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


# -- which process on which machine ---------------------------------------------------------------------------------


def _machine() -> str:
    """The same for two processes only where each sees the other by its number."""
    with suppress(OSError):
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    return ""


def _started(pid: int) -> str:
    """When a process began, in the kernel's ticks; empty where there is none."""
    try:
        after = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    # A zombie has ended and waits for its parent to notice.
    return "" if after[0] in "ZX" else after[19]


def _myself() -> bytes:
    pid = os.getpid()
    said = {"host": platform.node(), "pid": pid, "machine": _machine(), "started": _started(pid)}
    return json.dumps({**said, "renewed": round(time.time(), 3)}).encode()


def _said(where: Place) -> dict[str, Any]:
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(where.read())
        return found if isinstance(found, dict) else {}
    return {}


def _lives(said: dict[str, Any]) -> bool | None:
    """Whether an owner's process is there; None where that cannot be seen from here."""
    if not said.get("machine") or said["machine"] != _machine() or not isinstance(said.get("pid"), int):
        return None
    return bool(said.get("started")) and _started(said["pid"]) == said["started"]
