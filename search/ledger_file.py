"""A ledger as one file: rows are appended and flushed to the disk, an advisory lock says who writes."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from search.ledger import Ledger, Lines, Reader
from search.ledger_rows import LONGEST, LedgerError, Row
from trainables.core.storage import Disk, Place


class FileLines(Lines):
    """The lines of a file, from an offset on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0

    def after(self, count: int) -> Iterator[tuple[bytes, str]]:
        require_file(self.path)
        self.torn = b""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            while line := file.readline(LONGEST + 1):
                if not line.endswith(b"\n"):
                    if len(line) > LONGEST:
                        raise LedgerError(f"The ledger is damaged: {self.path} has a row of more than {LONGEST} bytes.")
                    self.torn = line
                    return
                yield line[:-1], str(self.path)

    def taken(self, line: bytes) -> None:
        self.offset += len(line) + 1

    def driven(self) -> bool:
        with self.path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False


class FileLedger(Ledger):
    """The one writer of a file."""

    def __init__(self, path: Path, file: BinaryIO, reader: Reader, rows: list[Row]) -> None:
        super().__init__(Disk(path), rows, reader.chain, len(reader.torn))
        self.path = path
        self._file = file

    @classmethod
    def create_file(cls, where: Place) -> FileLedger:
        path = _path(where)
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
    def open_file(cls, where: Place) -> FileLedger:
        path = _path(where)
        require_file(path)
        file = path.open("r+b", buffering=0)
        try:
            _lock(file, path)
            reader = Reader(path)
            rows = list(reader.rows())
            assert isinstance(reader.lines, FileLines)
            if reader.torn:
                file.truncate(reader.lines.offset)
                os.fsync(file.fileno())
            file.seek(reader.lines.offset)
        except BaseException:
            file.close()
            raise
        return cls(path, file, reader, rows)

    def _write(self, line: bytes) -> None:
        """On a full disk the file is cut back to its last whole row."""
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

    def close(self) -> None:
        self._file.close()


def require_file(path: Path) -> None:
    """Raises ``LedgerError`` unless an ordinary file is there: a ledger that is cut back must be no link to another."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        raise LedgerError(f"No ledger at {path}.") from None
    if not stat.S_ISREG(mode):
        raise LedgerError(f"{path} is a link or no ordinary file, and no ledger.")


def _path(where: Place) -> Path:
    assert where.local is not None
    return where.local


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
