"""Whether an Arrow file holds anything but plain columns: looked up in its footer before Arrow unpacks it.

Arrow unpacks compressed columns when a batch is opened, to whatever size they claim. Ours are never compressed, so that
they can be mapped. The footer and messages are FlatBuffers (Format/Message.fbs and File.fbs of Arrow's specification).
"""

from __future__ import annotations

import struct
from pathlib import Path

MAGIC = b"ARROW1"
LARGEST = 4 * 2**20
"""Bytes of a footer or message at most."""
DICTIONARIES, BATCHES = 2, 3
"""Fields of the footer."""
HEADER, COMPRESSION = 2, 3
"""Fields of a message and of its record batch."""


def require_plain(path: Path) -> None:
    """Raises ``ValueError`` for a file with dictionaries, with compressed columns, or not of Arrow's format."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(0, end - 4 - len(MAGIC)))
            length, magic = struct.unpack(f"<i{len(MAGIC)}s", file.read(4 + len(MAGIC)))
            if magic != MAGIC or not 0 < length < min(end, LARGEST):
                raise ValueError("it has no footer of an Arrow file")
            file.seek(end - 4 - len(MAGIC) - length)
            footer = file.read(length)
            root = _at(footer, 0)
            if _blocks(footer, root, DICTIONARIES):
                raise ValueError("it has dictionaries")
            for offset, size in _blocks(footer, root, BATCHES):
                if not (0 <= offset < end and 0 < size <= LARGEST):
                    raise ValueError("its footer names places that it does not have")
                file.seek(offset)
                message = file.read(size)
                start = _at(message, 8 if message[:4] == b"\xff\xff\xff\xff" else 4)
                batch = _field(message, start, HEADER)
                if batch is None or _field(message, _at(message, batch), COMPRESSION) is not None:
                    raise ValueError("its columns are compressed")
    except struct.error:
        raise ValueError("its footer is damaged") from None


def _at(buffer: bytes, place: int) -> int:
    """Where the offset that stands at ``place`` leads."""
    return place + struct.unpack_from("<I", buffer, place)[0]


def _field(buffer: bytes, table: int, number: int) -> int | None:
    """Where a table's field lies; None where it has none."""
    fields = table - struct.unpack_from("<i", buffer, table)[0]
    if fields < 0 or 4 + 2 * number >= struct.unpack_from("<H", buffer, fields)[0]:
        return None
    found = struct.unpack_from("<H", buffer, fields + 4 + 2 * number)[0]
    return table + found if found else None


def _blocks(footer: bytes, table: int, number: int) -> list[tuple[int, int]]:
    """Offset and length of the messages that a field of the footer lists."""
    if (place := _field(footer, table, number)) is None:
        return []
    start = _at(footer, place)
    count = struct.unpack_from("<I", footer, start)[0]
    if count > len(footer) // 24:
        raise ValueError("its footer lists more than it holds")
    return [struct.unpack_from("<qi", footer, start + 4 + 24 * i) for i in range(count)]
