"""Where sweeps keep their files: one folder each in the storage, with the ledger and the trials' checkpoints.

Imports nothing heavy, so that looking at a sweep is quick.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from search.history import History, replay
from search.ledger import LedgerError, read
from search.row_check import NAME, require_names
from trainables.core.storage import Place, Where, place

LEDGER, SEGMENTS = "ledger.jsonl", "ledger"
"""The ledger's name: of a file, and of the folder of its segments in an object store."""
DEFAULT = "results"
"""The storage where none is named."""


@dataclass(frozen=True)
class Folder:
    """The files of one sweep."""

    files: Place

    @property
    def name(self) -> str:
        return self.files.name

    @property
    def storage(self) -> Place:
        return self.files.parent

    @property
    def path(self) -> Path:
        """The folder, where it is on a disk."""
        assert self.files.local is not None, self.files
        return self.files.local

    @property
    def ledger(self) -> Place:
        return self.files / (SEGMENTS if self.files.local is None else LEDGER)

    @property
    def option(self) -> str:
        """What to add to a command for it to find this sweep."""
        return "" if self.storage == place(DEFAULT) else f" --storage {shlex.quote(self.storage.uri)}"

    @property
    def notes(self) -> Path:
        """Where processes of this machine leave each other word: in the folder, or in the cache for an object store."""
        if self.files.local is not None:
            return self.files.local
        from trainables.core.dataset import cache_folder

        notes = cache_folder() / "sweeps" / _as_path(self.files)
        notes.mkdir(parents=True, exist_ok=True)
        return notes

    def trial(self, number: int) -> Place:
        """Checkpoints and pictures of one trial."""
        return self.files / f"trials/{number:03d}"

    @property
    def begun(self) -> bool:
        """Whether the name is taken; a driver that died before its first row was whole has not taken it."""
        if (path := self.ledger.local) is None or not path.is_file():
            return self.ledger.exists()
        with path.open("rb") as file:
            return b"\n" in file.read(2**20)

    def require_own(self) -> None:
        """Raises ``LedgerError`` where trials lie behind links: going on would write, and free, what is not its own."""
        if self.files.local is None:
            return
        trials = self.files.local / "trials"
        linked = [trials] if trials.is_symlink() else []
        if not linked and trials.is_dir():
            linked = [Path(entry.path) for entry in os.scandir(trials) if entry.is_symlink()]
        if linked:
            raise LedgerError(f"{linked[0]} is a link; a sweep goes on only with folders of its own.")

    def history(self) -> History:
        """What the ledger tells, read without locking it.  Raises ``LedgerError`` when it is damaged or empty."""
        history = replay(read(self.ledger))
        if not history.sweep:
            raise LedgerError(f"{self.ledger} is empty: its sweep died before it began. Begin it again.")
        require_names(history.sweep)
        return history


def folder(storage: Where, name: str) -> Folder:
    """The folder of sweep ``name`` in ``storage``, whether it is there or not."""
    return Folder(place(storage) / name)


def existing(storage: Where, name: str) -> Folder:
    """The folder of a sweep that is there.  Raises ``LedgerError`` with the names of those that are."""
    where = place(storage)
    where.require()
    if NAME.fullmatch(name) and (found := folder(where, name)).ledger.exists():
        return found
    known = [each for each in where.names() if Folder(where / each).ledger.exists()]
    from spaces.core.domains import nearest, shown

    there = f"sweeps there are {', '.join(known)}{nearest(name, tuple(known))}" if known else "there is none yet."
    raise LedgerError(f"No sweep named {shown(name)} in {where}; {there}")


def beside(storage: Where) -> Path:
    """Where lies what must be on a disk, MLflow's own database: in the storage, or below ``results`` for another."""
    where = place(storage)
    return where.local or Path(DEFAULT).absolute() / _as_path(where)


def _as_path(where: Place) -> str:
    return where.uri.replace("://", "/")
