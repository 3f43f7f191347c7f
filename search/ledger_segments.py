"""A ledger in an object store: numbered segments of rows, each an object that is replaced whole as it grows.

A segment's name says which row it begins with and which writer wrote it: ``00000064-0002.jsonl`` begins with row 64,
by the ledger's second writer. A row is in the ledger when the object that holds it has been put. **A segment's rows end
where the next one begins**, and segments are taken in the order of their writers: so what a writer that lost its claim
(``search.lease``) still wrote at a place where its successor went on is not part of the ledger, whenever it arrives.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from search.lease import SECONDS, Lease, Watch
from search.ledger import Ledger, Lines, Reader
from search.ledger_rows import Chain, LedgerError, Row
from trainables.core.storage import Entry, Place

ROWS, BYTES = 64, 64_000
"""A segment is put anew with each row, so it must stay small: so many rows, or bytes, and the next one is begun."""
PATIENCE = 30.0
"""Seconds for which a row is tried to be put."""
SUFFIX = ".jsonl"


@dataclass(frozen=True, order=True)
class Segment:
    """Rows from ``first`` on, counted from 0, by one writer."""

    writer: int
    first: int

    @property
    def name(self) -> str:
        return f"{self.first:08d}-{self.writer:04d}{SUFFIX}"

    @classmethod
    def of(cls, name: str) -> Segment | None:
        first, _, writer = name.removesuffix(SUFFIX).partition("-")
        right = name.endswith(SUFFIX) and first.isdecimal() and writer.isdecimal()
        return cls(int(writer), int(first)) if right else None


def segments(entries: Sequence[Entry]) -> list[Segment]:
    """The segments that make up the ledger, in the order of their rows.

    A later writer's first segment takes the place of all that earlier ones wrote from there on.
    """
    kept: list[Segment] = []
    for segment in sorted(s for entry in entries if (s := Segment.of(entry.name)) is not None):
        kept = [other for other in kept if other.first < segment.first or other.writer == segment.writer]
        kept.append(segment)
    return kept


class SegmentLines(Lines):
    """The lines of all segments, as one ledger."""

    def __init__(self, where: Place) -> None:
        self.place = where
        self._writer = 0
        self._watch = Watch(where)
        self._last: tuple[Segment, int, list[bytes]] | None = None

    def after(self, count: int) -> Iterator[tuple[bytes, str]]:
        entries = self.place.entries()
        found = segments(entries)
        if not found:
            raise LedgerError(f"No ledger at {self.place}.")
        sizes = {entry.name: entry.size or 0 for entry in entries}
        self._same(found, count)
        self.torn = b""
        for segment, following in zip(found, [*found[1:], None], strict=True):
            if following is not None and following.first <= count:
                continue
            where = f"{self.place}/{segment.name}"
            *lines, rest = self._content(segment, sizes[segment.name])
            wanted = None if following is None else following.first - segment.first
            if wanted is not None and len(lines) < wanted:
                raise LedgerError(
                    f"The ledger is damaged: {where} ends with row {segment.first + len(lines)}, and the next segment "
                    f"begins with row {segment.first + wanted + 1}. The rows before it are whole; restore the object "
                    "from a copy to go on."
                )
            if following is None:
                self.torn = rest
            for line in lines[max(0, count - segment.first) : wanted]:
                self._writer = segment.writer
                yield line, where

    def _content(self, segment: Segment, size: int) -> list[bytes]:
        if self._last is None or self._last[:2] != (segment, size):
            content = (self.place / segment.name).read()
            self._last = (segment, len(content), content.split(b"\n"))
        return self._last[2]

    def _same(self, found: Sequence[Segment], count: int) -> None:
        """A reader that follows a writer may have read rows that its successor did not go on from."""
        later = min((s.first for s in found if s.writer > self._writer), default=count)
        if count and later < count:
            raise LedgerError(
                f"Another process took {self.place} over after row {later}; the rows read after that are not part of "
                "the ledger. Begin to read again."
            )

    def taken(self, line: bytes) -> None:
        """Nothing to do: how many rows were taken is enough to find the next."""

    def driven(self) -> bool:
        return self._watch.driven()


class SegmentLedger(Ledger):
    """The one writer, for as long as its lease holds."""

    def __init__(self, lease: Lease, reader: Reader, rows: list[Row], patience: float) -> None:
        super().__init__(lease.place, rows, reader.chain, len(reader.torn))
        self._lease = lease
        self._patience = patience
        self._failed: OSError | None = None
        self._begin(reader.chain)
        # From here on, whatever an earlier writer still puts is not part of the ledger.
        self._put(b"")

    @classmethod
    def create_segments(cls, where: Place, *, seconds: float = SECONDS, patience: float = PATIENCE) -> SegmentLedger:
        if segments(where.entries()):
            raise FileExistsError(f"There is a ledger at {where}.")
        lease = Lease.take(where, seconds=seconds)
        try:
            if segments(where.entries()):
                raise FileExistsError(f"There is a ledger at {where}.")
            return cls(lease, Reader(where), [], patience)
        except BaseException:
            lease.release()
            raise

    @classmethod
    def open_segments(cls, where: Place, *, seconds: float = SECONDS, patience: float = PATIENCE) -> SegmentLedger:
        if not segments(where.entries()):
            raise LedgerError(f"No ledger at {where}.")
        lease = Lease.take(where, seconds=seconds)
        try:
            reader = Reader(where)
            return cls(lease, reader, list(reader.rows()), patience)
        except BaseException:
            lease.release()
            raise

    def _begin(self, chain: Chain) -> None:
        self._segment = Segment(self._lease.number, chain.count)
        self._content, self._rows = b"", 0

    def _write(self, line: bytes) -> None:
        if self._failed is not None:
            # A put that failed may still arrive; what follows must not be told apart from it by luck.
            raise OSError(self._failed.errno, self._failed.strerror, self.place.uri)
        if self._rows and (self._rows >= ROWS or len(self._content) + len(line) > BYTES):
            self._begin(self._chain)
        try:
            self._put(line)
        except OSError as error:
            self._failed = error
            raise
        self._content += line
        self._rows += 1

    def _put(self, line: bytes) -> None:
        """Put the segment with one more line, and know that nobody else has taken the ledger over meanwhile."""
        deadline, pause = time.monotonic() + self._patience, 0.5
        while True:
            try:
                self._lease.hold()
                (self.place / self._segment.name).write(self._content + line)
                return self._lease.hold()
            except OSError:
                if self._lease.lost or time.monotonic() + pause > deadline:
                    raise
                time.sleep(pause)
                pause *= 2

    def close(self) -> None:
        self._lease.release()
