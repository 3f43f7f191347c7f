"""Where sweeps keep their files: one folder each in the storage, with the ledger and the trials' checkpoints.

Imports nothing heavy, so that looking at a sweep is quick.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from search.history import History, replay
from search.ledger import LedgerError, read

LEDGER = "ledger.jsonl"


@dataclass(frozen=True)
class Folder:
    """The files of one sweep."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def ledger(self) -> Path:
        return self.path / LEDGER

    def trial(self, number: int) -> Path:
        """Checkpoints and pictures of one trial."""
        return self.path / "trials" / f"{number:03d}"

    def history(self) -> History:
        """What the ledger tells, read without locking it.  Raises ``LedgerError`` when it is damaged or empty."""
        history = replay(read(self.ledger))
        if not history.sweep:
            raise LedgerError(f"{self.ledger} is empty: its sweep died before it began. Remove {self.path}.")
        return history


def folder(storage: str | Path, name: str) -> Folder:
    """The folder of sweep ``name`` in ``storage``, whether it is there or not."""
    return Folder(Path(storage).expanduser().absolute() / name)


def existing(storage: str | Path, name: str) -> Folder:
    """The folder of a sweep that is there.  Raises ``LedgerError`` with the names of those that are."""
    place = folder(storage, name)
    if place.path.parent == Path(storage).expanduser().absolute() and place.ledger.exists():
        return place
    known = sorted(path.parent.name for path in Path(storage).glob(f"*/{LEDGER}"))
    from spaces.core.domains import nearest

    there = f"sweeps there are {', '.join(known)}{nearest(name, tuple(known))}" if known else "there is none yet"
    raise LedgerError(f"No sweep named {name!r} in {Path(storage).absolute()}; {there}.")
