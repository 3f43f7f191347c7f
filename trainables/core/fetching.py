"""Originals of datasets that lie in an object store: brought into the cache of this machine, once.

An object store is laid out as a folder of originals on a disk is. What is fetched is the folder that bears the
dataset's name, or, where there is none, the files beside the folders. This module knows no dataset.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from trainables.core.arrays import DatasetError
from trainables.core.storage import Entry, Place, place

Root = str | os.PathLike[str]


def data_root(given: str) -> str:
    """A folder of originals as an absolute path, or the URI of one in an object store, as it is.

    Raises ``ValueError`` for what is neither, and for credentials in a URI, without repeating them.
    """
    return place(given).uri


def originals(root: Root, name: str, cache: Path) -> Path:
    """The folder of this machine with the originals of dataset ``name``: ``root`` itself, unless that is in a store.

    Raises ``DatasetError`` where a store cannot be read or has nothing of that name.
    """
    if (there := remote(root)) is None:
        return Path(root).expanduser().absolute()
    here = cache / "originals" / hashlib.sha256(there.uri.encode()).hexdigest()[:10]
    try:
        for entry in wanted(there, name):
            _bring(there / entry.name, here / entry.name, entry)
    except OSError as error:
        raise DatasetError(f"The originals of {name} could not be fetched: {error}.") from error
    return here


def remote(root: Root) -> Place | None:
    """``root`` as a place in an object store; ``None`` for a folder of this machine."""
    found = place(root)
    return found if found.local is None else None


def wanted(there: Place, name: str) -> list[Entry]:
    """What of a store belongs to dataset ``name``.  Raises ``DatasetError`` where nothing does."""
    entries = there.entries()
    plain = name.replace("_", "")
    # torchvision writes MNIST and FashionMNIST; others dsprites and jaffeimages.
    folders = [
        entry for entry in entries if entry.size is None and _plain(entry.name).removeprefix("d").startswith(plain)
    ]
    found = folders or [entry for entry in entries if entry.size is not None]
    if not found:
        has = ", ".join(f"{entry.name}/" for entry in entries[:10]) or "nothing"
        raise DatasetError(f"{name}: there is no folder {there.uri}/{name}, which should hold its originals; {has} is.")
    return found


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _bring(there: Place, here: Path, entry: Entry) -> None:
    if entry.size is None:
        for inner in there.entries():
            _bring(there / inner.name, here / inner.name, inner)
    elif not here.exists() or here.stat().st_size != entry.size:
        place(here).write(there.read())
