"""The ledger: the append-only record of a sweep, one checksummed JSON row a line.

One process writes, any number read, and a row is kept for good before ``append`` returns. On a disk the ledger is one
file (``ledger_file``); in an object store, which cannot append, it is a row of numbered segments (``ledger_segments``).
This module knows nothing of what the rows mean.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from os import PathLike
from typing import Any

from search.ledger_rows import Chain, LedgerError, Row, pack, unpack
from trainables.core.storage import Place, place

__all__ = ["Ledger", "LedgerError", "Reader", "Row", "pack", "read", "unpack"]


class Ledger(ABC):
    """The one writer of a ledger."""

    def __init__(self, where: Place, rows: list[Row], chain: Chain, torn: int) -> None:
        self.place = where
        self.rows = rows
        self.torn = torn
        """Bytes of an unfinished last row that were dropped when it was opened."""
        self._chain = chain

    @staticmethod
    def create(where: PathLike[str] | Place) -> Ledger:
        """A new, empty ledger.  Raises ``FileExistsError`` where one lies already."""
        if (there := place(where)).local is not None:
            from search.ledger_file import FileLedger

            return FileLedger.create_file(there)
        from search.ledger_segments import SegmentLedger

        return SegmentLedger.create_segments(there)

    @staticmethod
    def open(where: PathLike[str] | Place) -> Ledger:
        """Open to read and go on writing.  An unfinished last row is cut off; any other damage is a ``LedgerError``."""
        if (there := place(where)).local is not None:
            from search.ledger_file import FileLedger

            return FileLedger.open_file(there)
        from search.ledger_segments import SegmentLedger

        return SegmentLedger.open_segments(there)

    def append(self, kind: str, **fields: Any) -> Row:
        """Write one row and return it with its ``kind`` and ``time`` (seconds since 1970, UTC).

        If the row cannot be written whole, an ``OSError`` is raised, and every row before it stays readable.
        """
        row = {"kind": kind, "time": round(time.time(), 3), **fields}
        line, chain = self._chain.line(row)
        self._write(line)
        self._chain = chain
        self.rows.append(row)
        return row

    @abstractmethod
    def _write(self, line: bytes) -> None:
        """Keep a line for good.  Raises ``OSError``."""

    @abstractmethod
    def close(self) -> None:
        """Give the ledger free; closing twice is harmless."""

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Lines(ABC):
    """What a reader sees of a ledger."""

    torn: bytes = b""
    """What stands after the last line break: a row that is being written, or was when its writer died."""

    @abstractmethod
    def after(self, count: int) -> Iterator[tuple[bytes, str]]:
        """The whole lines after the first ``count``, without their breaks, and where each was found.

        Raises ``LedgerError`` where there is no ledger.
        """

    @abstractmethod
    def taken(self, line: bytes) -> None:
        """A line was found good and will not be asked for again."""

    @abstractmethod
    def driven(self) -> bool:
        """A process is writing this ledger, as far as can be seen without disturbing it."""


class Reader:
    """Reads rows from where it last stopped; whole lines only, so it may run beside the writer."""

    def __init__(self, where: PathLike[str] | Place) -> None:
        self.place = place(where)
        self.lines = _lines(self.place)
        self.chain = Chain()

    @property
    def torn(self) -> bytes:
        return self.lines.torn

    def rows(self) -> Iterator[Row]:
        """Rows written since the last call.  Raises ``LedgerError`` naming the first damaged row."""
        for line, where in self.lines.after(self.chain.count):
            row, self.chain = self.chain.parse(line, where)
            self.lines.taken(line)
            yield row

    def driven(self) -> bool:
        """A process is writing this ledger."""
        return self.lines.driven()


def _lines(where: Place) -> Lines:
    if where.local is not None:
        from search.ledger_file import FileLines

        return FileLines(where.local)
    from search.ledger_segments import SegmentLines

    return SegmentLines(where)


def read(where: PathLike[str] | Place) -> list[Row]:
    """All whole rows of a ledger, without locking it."""
    return list(Reader(where).rows())
