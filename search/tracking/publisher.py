"""Publishes a sweep's ledger: once, or for as long as the sweep runs.  Never raises because of a server.

What has been sent is remembered in a small file of the sweep's folder. That file saves time and nothing else: without
it everything is sent again and leaves the same behind.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from search.folder import Folder, beside
from search.ledger import LedgerError, Reader
from search.tracking import credentials, pages
from search.tracking.projection import PARENT, Point, Projection, Run
from search.tracking.store import Store, environment
from search.tracking.uri import address
from search.tracking.view import view
from search.tracking.words import text
from trainables.core.storage import Where, place

STATUS, CURSOR, LOCK = "publisher.json", "publisher-cursor.json", "publisher.lock"

UNREADABLE = 600.0
"""Seconds for which a storage that cannot be read is asked again."""
POLL = {True: 1.0, False: 5.0}
"""Seconds between two looks at the ledger: on a disk, and in an object store, where each look is paid for."""

ANSWERS = {
    "Connection refused": "no server there (connection refused)",
    "Name or service not known": "no such host",
    "timed out": "no answer in time",
    "too many 500": "the server fails (500)",
    "database is locked": "the database is locked by another process",
    "database or disk is full": "the database's disk is full",
}
"""What clients say at length, in few words."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Rows of the ledger that MLflow has, rows that it lacks, and why in one line."""

    published: int
    backlog: int
    error: str | None = None


def publish(
    folder: Where,
    uri: str | None = None,
    *,
    follow: bool = False,
    pause: float = 2.0,
    patience: float = 60.0,
) -> Outcome:
    """Bring MLflow up to date with the sweep in ``folder``; doing it twice changes nothing.

    ``follow`` goes on until the sweep ends, looking every ``pause`` seconds, and then tries for ``patience`` seconds
    more. Raises ``ValueError`` for a URI that cannot be used, and ``LedgerError``; never because of a server.
    """
    sweep = Folder(place(folder))
    server = address(uri, beside(sweep.storage))
    with environment():
        publisher = Publisher(sweep, server)
        if not follow:
            outcome = publisher.once()
            for _ in range(2):
                if outcome.error is None:
                    break
                time.sleep(min(pause, 1.0))
                outcome = publisher.once()
            if outcome.error is not None:
                where = f"{outcome.backlog} rows were not published to {outcome.error}"
                command = f"teasel publish {sweep.name} --storage {sweep.storage}"
                outcome = replace(outcome, error=f"{where}. `{command}` tries again.")
            return outcome
        return _follow(publisher, pause, patience)


def _follow(publisher: Publisher, pause: float, patience: float) -> Outcome:
    local = publisher.folder.files.local is not None
    poll, pause = POLL[local], pause if local else max(pause, POLL[local])
    wait, deadline = pause, None
    while True:
        # Asked before the pass, so that no row can come between the last pass and the end.
        over = not publisher.alive
        outcome = publisher.once()
        if over and outcome.error is None:
            return outcome
        if over and deadline is None:
            deadline = time.monotonic() + patience
        if deadline is not None and time.monotonic() >= deadline:
            return outcome
        wait = pause if outcome.error is None else min(2 * wait, 30.0)
        limit = wait if deadline is None else min(wait, max(0.0, deadline - time.monotonic()))
        until = time.monotonic() + limit
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, poll))
            if deadline is None and not publisher.alive:
                break


def sentence(uri: str, failure: Exception) -> str:
    """What went wrong with the server at ``uri``, in one line."""
    why = str(failure).strip().partition("\n")[0]
    if refused := credentials.refusal(str(failure)):
        return f"{uri}: {refused}"
    why = next((short for told, short in ANSWERS.items() if told in str(failure)), why)
    return f"{uri}: {text(why)[:200] or type(failure).__name__}"


class Publisher:
    """One process's view of one sweep and one server, from pass to pass."""

    def __init__(self, folder: Folder, uri: str) -> None:
        self.folder = folder
        self.notes = folder.notes
        self.uri = uri
        self.projection = Projection()
        self._reader = Reader(folder.ledger)
        self._store: Store | None = None
        self._cursor: dict[str, Any] = {}
        self._alive: bool | None = None
        self._read = time.monotonic()
        self._shown_alive: bool | None = None
        self._noted = time.monotonic()

    @property
    def alive(self) -> bool:
        """Somebody drives the sweep: its ledger is being written to and has not been closed."""
        try:
            for row in self._reader.rows():
                self.projection.add(row)
            self._alive = self.projection.history.closed is None and self._reader.driven()
            self._read = time.monotonic()
        except OSError:
            # An object store that does not answer now is asked again, for a while.
            if self._alive is None or time.monotonic() > self._read + UNREADABLE:
                raise
        return self._alive

    def once(self) -> Outcome:
        """One pass.  Raises ``LedgerError``; what a server does is in the outcome."""
        error = None
        alive = self.alive
        if self.projection.history.id:
            try:
                with self._locked():
                    error = self._pass(alive)
            except LedgerError:
                raise
            except Exception as failure:
                # Whatever a server, a network or a client library does must not reach the sweep.
                self._store = None
                error = sentence(self.uri, failure)
        backlog = self.projection.backlog
        outcome = Outcome(published=self.projection.rows - backlog, backlog=backlog, error=error)
        said = {"uri": self.uri, "pid": os.getpid(), "updated": round(time.time(), 3)}
        _write(self.notes / STATUS, {**asdict(outcome), **said})
        return outcome

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One publisher on this machine at a time; a second one waits for the first one's pass."""
        with (self.notes / LOCK).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _pass(self, alive: bool) -> str | None:
        projection = self.projection
        store = self._store or self._connect()
        if alive != self._shown_alive:
            for run in projection.runs.values():
                run.stale = True
        stale = [key for key, run in projection.runs.items() if run.stale]
        faces = {key: projection.face(key, alive=alive) for key in {PARENT, *stale}} if stale else {}
        store.ensure(faces)
        failed: list[str] = []
        unfiled: list[str] = []
        for key in sorted(stale, key=lambda key: (key == PARENT, key)):
            run = projection.runs[key]
            try:
                self._push(store, key, run, faces[key])
            except Exception as failure:
                # A run that the server refuses keeps no other from being published; a dead server stops the pass.
                failed.append(sentence(self.uri, failure))
                if len(failed) > 1:
                    break
            else:
                if self._filed(store, key, run, alive, unfiled):
                    run.rows, run.stale = 0, False
            if time.monotonic() > self._noted + 5:
                self._remember()
        self._remember()
        if failed := [*failed, *unfiled]:
            self._store = None
            return failed[0]
        self._shown_alive = alive
        return None

    def _push(self, store: Store, key: int, run: Run, face: Any) -> None:
        sent = self._sent(store, key, run)
        store.write(key, face, run.points[sent["points"] :])
        sent["points"] = len(run.points)
        if key == PARENT and not self.projection.picked:
            shown = view(self.projection.history)
            if sent.get("view") != shown:
                store.mark(shown)
                sent["view"] = shown

    def _filed(self, store: Store, key: int, run: Run, alive: bool, unfiled: list[str]) -> bool:
        """Bring a run's files up to date, unless two runs' files were refused: numbers arrive all the same."""
        if len(unfiled) > 1:
            return False
        try:
            self._file(store, key, run, alive)
        except Exception as failure:
            unfiled.append(sentence(self.uri, failure))
            return False
        return True

    def _file(self, store: Store, key: int, run: Run, alive: bool) -> None:
        sent = self._sent(store, key, run)
        if fresh := run.pictures[sent["pictures"] :]:
            store.pictures(key, self.folder.files, fresh)
            sent["pictures"] = len(run.pictures)
        if key == PARENT and not alive:
            files = pages.files(self.projection.history, self.folder)
            digest = hashlib.sha256(b"".join(files.values())).hexdigest()
            if sent.get("files") != digest:
                store.files(key, files)
                sent["files"] = digest

    # -- what has been sent -----------------------------------------------------------------------------------------

    def _connect(self) -> Store:
        name = self.projection.experiment or self.folder.name
        self._store = Store(self.uri, beside(self.folder.storage), name, self.projection.tags)
        self._cursor = {}
        if (parent := self._store.runs.get(PARENT)) is not None:
            found = read(self.notes / CURSOR).get(self._place(parent.id))
            self._cursor = found if isinstance(found, dict) else {}
        for run in self.projection.runs.values():
            run.stale = True
        return self._store

    def _place(self, parent: str) -> str:
        assert self._store is not None
        return f"{self.uri} {self._store.experiment} {parent}"

    def _sent(self, store: Store, key: int, run: Run) -> dict[str, Any]:
        """How much of a run the server has, as remembered; nothing, where what it shows disagrees."""
        known = store.runs[key]
        sent = self._cursor.setdefault(known.id, {"points": 0, "pictures": 0})
        if "checked" not in sent:
            latest: dict[str, Point] = {}
            for point in run.points[: sent["points"]]:
                last = latest.get(point.name, point)
                latest[point.name] = max(last, point, key=lambda p: (p.step, p.time, p.value))
            whole = sent["points"] <= len(run.points) and sent["pictures"] <= len(run.pictures)
            if not whole or any(known.latest.get(n) != p.value for n, p in latest.items()):
                sent.update(points=0, pictures=0, files=None)
            sent["checked"] = True
        return sent

    def _remember(self) -> None:
        assert self._store is not None
        kept = read(self.notes / CURSOR)
        runs = {run: {k: v for k, v in sent.items() if k != "checked"} for run, sent in self._cursor.items()}
        kept[self._place(self._store.runs[PARENT].id)] = runs
        _write(self.notes / CURSOR, kept)
        self._noted = time.monotonic()


def read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, said: Mapping[str, Any]) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(json.dumps(said))
        os.replace(unfinished, path)
    except OSError:
        # These files only save time or inform; a full disk must not end the publisher.
        unfinished.unlink(missing_ok=True)
