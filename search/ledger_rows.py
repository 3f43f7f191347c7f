"""The rows of a ledger as lines of text, each with a checksum that chains it to the line before.

A line is ``<crc32 of the previous line's checksum and this row, 8 hex digits> <row as JSON>``, so that a missing,
changed or swapped row is seen. This module knows nothing of where lines are kept, nor of what the rows mean.
"""

from __future__ import annotations

import json
import math
import zlib
from typing import Any

Row = dict[str, Any]

LONGEST = 4 * 2**20
"""Bytes of a row at most; none that was ever written comes near."""


class LedgerError(ValueError):
    """The ledger cannot be used: damaged, missing, or held by another process."""


def pack(metrics: dict[str, float]) -> dict[str, float | str]:
    """Metrics as strict JSON: what is not finite becomes ``"nan"``, ``"inf"`` or ``"-inf"``."""
    return {k: float(v) if math.isfinite(v) else str(float(v)) for k, v in metrics.items()}


def unpack(metrics: dict[str, float | str]) -> dict[str, float]:
    """The inverse of ``pack``, bit for bit."""
    return {k: float(v) for k, v in metrics.items()}


class Chain:
    """How many rows there are so far, and the checksum that the next one chains to."""

    def __init__(self, count: int = 0, checksum: int = 0) -> None:
        self.count = count
        self.checksum = checksum

    def line(self, row: Row) -> tuple[bytes, Chain]:
        """A row as the next line, with its line break; and the chain once it is written."""
        body = json.dumps(row, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
        checksum = zlib.crc32(body, self.checksum)
        return b"%08x %s\n" % (checksum, body), Chain(self.count + 1, checksum)

    def parse(self, line: bytes, where: str) -> tuple[Row, Chain]:
        """The inverse of ``line``.  Raises ``LedgerError``, which says ``where``, for one that is not the next."""
        found = f"{where}, row {self.count + 1}"
        remedy = "The rows before it are whole; restore the file from a copy to go on."
        digits, _, body = line.partition(b" ")
        checksum = zlib.crc32(body, self.checksum)
        if digits != b"%08x" % checksum:
            raise LedgerError(f"The ledger is damaged: {found} does not match its checksum. {remedy}")
        try:
            row = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise LedgerError(f"The ledger is damaged: {found} is not JSON ({error}). {remedy}") from None
        return row, Chain(self.count + 1, checksum)
