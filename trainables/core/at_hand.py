"""Does this machine have a dataset, or what it is made from?  Asked without making it.

This module knows nothing of clusters, nor of any particular dataset.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainables import data
from trainables.core import prepared
from trainables.core.arrays import DatasetError
from trainables.core.dataset import command, prepared_path
from trainables.core.fetching import remote, wanted


class _Begun(Exception):
    """Raised by the progress of a preparation that has found all it needs."""


def at_hand(
    name: str,
    options: Mapping[str, Any] | None = None,
    *,
    data_root: str | os.PathLike[str] | None = None,
    cache: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """``state``: ``prepared`` with its ``identity``, ``possible``, or ``missing`` with the ``reason``; a ``command``.

    ``possible`` means that the preparation was begun, found its originals whole and the room for its file, and was
    given up; of originals in an object store, that they are there. ``data_root`` and ``cache`` are as in
    ``prepare_dataset``.
    """
    try:
        checked = data.options(name, options)
    except (TypeError, ValueError) as error:
        return {"name": name, "state": "missing", "reason": str(error), "command": f"teasel data show {name}"}
    path = prepared_path(name, checked, cache=cache)
    answer = {"name": name, "command": command(name, checked)}
    if path.exists():
        try:
            file = prepared.read(path)
        except DatasetError as error:
            return {**answer, "state": "missing", "reason": str(error)}
        if file.metadata["options"] == dataclasses.asdict(checked):
            said = json.dumps(file.metadata["sha256"], sort_keys=True)
            return {**answer, "state": "prepared", "identity": hashlib.sha256(said.encode()).hexdigest()[:10]}
    root = data_root or os.environ.get("TEASEL_DATA_ROOT") or path.parent / "originals"
    try:
        module = data.load(name)
        _require_room(path, name, module.describe(checked).bytes)
        if (store := remote(root)) is None:
            module.prepare(checked, Path(root).expanduser().absolute(), download=False, progress=_enough)
        else:
            wanted(store, name)
    except _Begun:
        pass
    except (DatasetError, OSError) as error:
        return {**answer, "state": "missing", "reason": str(error)}
    return {**answer, "state": "possible"}


def _enough(done: int, total: int) -> None:
    if done:
        raise _Begun


def _require_room(path: Path, name: str, needed: int) -> None:
    """The same refusal as a preparation's, also where the cache's folder is not there yet."""
    there = next(folder for folder in path.parents if folder.exists())
    if not os.access(there, os.W_OK):
        raise DatasetError(
            f"{name} cannot be prepared: {path.parent} cannot be written to; set TEASEL_CACHE to a folder that can."
        )
    if shutil.disk_usage(there).free < needed:
        prepared.require_space(there / path.name, name, needed)
