"""Files that a command is asked to write: refused early where they cannot be, and written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def require_place(path: Path) -> None:
    """Raises ``ValueError`` for a file that could not be written, before any work is done."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name a file in it.")
    if not path.parent.is_dir():
        raise ValueError(f"There is no folder {path.parent} to write {path.name} to.")


def write_whole(path: Path, content: bytes | memoryview | Callable[[Path], object]) -> None:
    """Write bytes, or have them written by a function that is given a path.  Raises ``OSError``.

    A link is followed, and what is no file, such as ``/dev/stdout`` or a pipe, is written to and not replaced.
    """
    path = path.resolve() if path.is_symlink() and path.exists() else path
    if path.exists() and not path.is_file():
        with tempfile.TemporaryDirectory() as folder:
            whole = Path(folder) / path.name
            write_whole(whole, content)
            path.write_bytes(whole.read_bytes())
        return
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if callable(content):
            content(unfinished)
        else:
            unfinished.write_bytes(content)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
