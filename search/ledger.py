"""The ledger: the append-only record of a sweep, one checksummed JSON row a line.

A line is ``<crc32 of the previous line's checksum and this row, 8 hex digits> <row as JSON>``. Chaining the checksums
makes a missing, changed or swapped row visible. One process writes (an advisory lock says which); any number read.
A row is flushed to the disk before ``append`` returns. This module knows nothing of what the rows mean.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

Row = dict[str, Any]


class LedgerError(ValueError):
    """The ledger cannot be used: damaged, missing, or held by another process."""


def _checksum(body: bytes, previous: int) -> int:
    return zlib.crc32(body, previous)


def _encode(row: Row) -> bytes:
    return json.dumps(row, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def pack(metrics: dict[str, float]) -> dict[str, float | str]:
    """Metrics as strict JSON: what is not finite becomes ``"nan"``, ``"inf"`` or ``"-inf"``."""
    return {k: float(v) if math.isfinite(v) else str(float(v)) for k, v in metrics.items()}


def unpack(metrics: dict[str, float | str]) -> dict[str, float]:
    """The inverse of ``pack``, bit for bit."""
    return {k: float(v) for k, v in metrics.items()}


class Reader:
    """Reads rows from where it last stopped; whole lines only, so it may run beside the writer.

    ``torn`` holds what stands after the last line break: a row that is being written, or was when its writer died.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        self.torn = b""
        self._previous = 0
        self._rows = 0

    def rows(self) -> Iterator[Row]:
        """Rows written since the last call.  Raises ``LedgerError`` naming the first damaged row."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                data = file.read()
        except FileNotFoundError:
            raise LedgerError(f"No ledger at {self.path}.") from None
        *lines, self.torn = data.split(b"\n")
        for line in lines:
            row, self._previous = self._parse(line)
            self.offset += len(line) + 1
            self._rows += 1
            yield row

    def _parse(self, line: bytes) -> tuple[Row, int]:
        where = f"{self.path}, row {self._rows + 1}"
        remedy = "The rows before it are whole; restore the file from a copy to go on."
        digits, _, body = line.partition(b" ")
        found = _checksum(body, self._previous)
        if digits != b"%08x" % found:
            raise LedgerError(f"The ledger is damaged: {where} does not match its checksum. {remedy}")
        try:
            row = json.loads(body)
        except ValueError as error:
            raise LedgerError(f"The ledger is damaged: {where} is not JSON ({error}). {remedy}") from None
        return row, found

    @property
    def state(self) -> tuple[int, int]:
        """Number of rows read and the checksum that the next row chains to."""
        return self._rows, self._previous


class Ledger:
    """The one writer of a ledger.  ``torn`` tells how many bytes of an unfinished last row were dropped."""

    def __init__(self, path: Path, file: BinaryIO, reader: Reader, rows: list[Row]) -> None:
        self.path = path
        self.rows = rows
        self.torn = len(reader.torn)
        self._file = file
        self._count, self._previous = reader.state

    @classmethod
    def create(cls, path: Path) -> Ledger:
        """A new, empty ledger.  Raises ``FileExistsError`` where one lies already."""
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("xb", buffering=0)
        _lock(file, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return cls(path, file, Reader(path), [])

    @classmethod
    def open(cls, path: Path) -> Ledger:
        """Open to read and go on writing.  An unfinished last row is cut off; any other damage is a ``LedgerError``."""
        if not path.exists():
            raise LedgerError(f"No ledger at {path}.")
        file = path.open("r+b", buffering=0)
        try:
            _lock(file, path)
            reader = Reader(path)
            rows = list(reader.rows())
            if reader.torn:
                file.truncate(reader.offset)
                os.fsync(file.fileno())
            file.seek(reader.offset)
        except BaseException:
            file.close()
            raise
        return cls(path, file, reader, rows)

    def append(self, kind: str, **fields: Any) -> Row:
        """Write one row and return it with its ``kind`` and ``time`` (seconds since 1970, UTC).

        If the row cannot be written whole (a full disk), the file is cut back to its last whole row and the
        ``OSError`` is raised; the ledger stays readable.
        """
        row = {"kind": kind, "time": round(time.time(), 3), **fields}
        body = _encode(row)
        checksum = _checksum(body, self._previous)
        line = b"%08x %s\n" % (checksum, body)
        start = self._file.tell()
        try:
            written = 0
            while written < len(line):
                written += self._file.write(line[written:])
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(start)
            self._file.seek(start)
            raise
        self._previous = checksum
        self._count += 1
        self.rows.append(row)
        return row

    def close(self) -> None:
        """Give the ledger free; closing twice is harmless."""
        self._file.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def read(path: Path) -> list[Row]:
    """All whole rows of a ledger, without locking it."""
    return list(Reader(path).rows())


def _lock(file: BinaryIO, path: Path) -> None:
    for _ in range(20):
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # A reader that asks whether a driver lives holds the lock for an instant.
            time.sleep(0.01)
    file.close()
    raise LedgerError(
        f"Another process is writing {path}: this sweep is running already. `teasel top {path.parent.name}` shows it."
    )
