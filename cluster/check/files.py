"""Is the storage one and the same for the driver and every node?  Each writes a file that the others read.

``look_at_files`` runs on the nodes: only the standard library at the top. A local folder is tried with plain files; an
object store with Teasel's own ``trainables.core.storage``, so a node without Teasel leaves that open.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

DRIVER = "driver"


def plant(storage: str, nonce: str) -> list[Path]:
    """Write the driver's file; the folders that were made for it, outermost first.  Raises ``OSError``."""
    from trainables.core.storage import place

    target = place(storage)
    made = [] if target.local is None else _missing(target.local)
    file = target / nonce / DRIVER
    try:
        file.write(nonce.encode())
        if file.read() != nonce.encode():
            raise OSError(f"{file.uri} was written, and something else is read")
    except OSError:
        _unmake(made)
        raise
    return made


def gather(storage: str, nonce: str, marks: Iterable[str], patience: float = 3.0) -> set[str]:
    """Those of ``marks`` whose files the driver reads; a network file system gets a moment to show them."""
    from trainables.core.storage import place

    left, deadline = set(marks), time.monotonic() + patience
    found: set[str] = set()
    while left:
        for mark in sorted(left):
            with suppress(OSError):
                if (place(storage) / nonce / mark).read() == nonce.encode():
                    found.add(mark)
        left -= found
        if not left or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    return found


def clear(storage: str, nonce: str, made: list[Path]) -> None:
    """Remove what the check wrote, and the folders that ``plant`` made."""
    from trainables.core.storage import place

    with suppress(OSError):
        (place(storage) / nonce).remove()
    _unmake(made)


def look_at_files(storage: str, nonce: str, mark: str) -> dict[str, Any]:
    """Read the driver's file and write one called ``mark``: ``{"reads": ..., "writes": ..., "fault": ...}``."""
    if storage.startswith("/"):
        return _on_disk(Path(storage), nonce, mark)
    try:
        from trainables.core.storage import place
    except ImportError:
        return {"fault": "Teasel is not there to try it"}
    answer: dict[str, Any] = {"reads": False, "writes": False, "fault": ""}
    try:
        folder = place(storage) / nonce
        answer["reads"] = (folder / DRIVER).read() == nonce.encode()
        (folder / mark).write(nonce.encode())
        answer["writes"] = True
    except FileNotFoundError:
        answer["fault"] = "the driver's file is not there"
    except Exception as error:
        # The store's own library is asked here, and a node must always answer.
        answer["fault"] = sentence(error)
    return answer


def _on_disk(storage: Path, nonce: str, mark: str) -> dict[str, Any]:
    answer: dict[str, Any] = {"reads": False, "writes": False, "fault": ""}
    folder = storage / nonce
    made = _missing(folder)
    try:
        answer["reads"] = (folder / DRIVER).read_bytes() == nonce.encode()
    except FileNotFoundError:
        pass
    except OSError as error:
        answer["fault"] = sentence(error)
    unfinished = folder / f".{mark}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(nonce.encode())
        os.replace(unfinished, folder / mark)
        answer["writes"] = True
    except OSError as error:
        answer["fault"] = sentence(error)
    finally:
        if not answer["reads"]:
            # A folder of this node's own: nobody else could clear it.
            with suppress(OSError):
                (folder / mark).unlink(missing_ok=True)
            _unmake(made)
    return answer


def _missing(folder: Path) -> list[Path]:
    return [path for path in (*reversed(folder.parents), folder) if not path.exists()]


def _unmake(made: list[Path]) -> None:
    for path in reversed(made):
        with suppress(OSError):
            path.rmdir()


def sentence(error: Exception) -> str:
    """What an error says, in one line."""
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(said.split())[:300]


def free(folders: Iterable[str]) -> dict[str, int]:
    """Free bytes where each folder lies or would lie."""
    found = {}
    for folder in folders:
        path = Path(folder).expanduser().absolute()
        there = next((p for p in (path, *path.parents) if p.exists()), Path("/"))
        with suppress(OSError):
            found[folder] = shutil.disk_usage(there).free
    return found
