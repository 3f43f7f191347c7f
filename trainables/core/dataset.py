"""Datasets: prepared once into a memory-mapped file, then opened by every process that trains.

``prepare_dataset`` renders or converts a dataset of ``trainables.data`` into the cache folder;
``open_dataset`` maps it; ``Dataset.split`` gives what batches are drawn from. Nothing here imports
torch. This module knows nothing about training, nor about the file's layout (``core.prepared``).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainables import data
from trainables.core import prepared
from trainables.core.arrays import PARTS, DatasetError, Description, Progress
from trainables.core.fetching import originals
from trainables.core.split import ALL, DEVELOPMENT, Split
from trainables.core.subset import Subset


def cache_folder(cache: str | os.PathLike[str] | None = None) -> Path:
    """Where prepared files lie: ``cache``, else ``$TEASEL_CACHE``, else ``~/.cache/teasel``."""
    chosen = cache or os.environ.get("TEASEL_CACHE") or Path.home() / ".cache" / "teasel"
    return Path(chosen).expanduser().absolute()


def prepared_path(name: str, options: Mapping[str, Any] | object | None = None, *, cache: Any = None) -> Path:
    """The file of a dataset, whether it is there or not. ``ValueError`` for bad options."""
    values = dataclasses.asdict(data.options(name, options))
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    return cache_folder(cache) / f"{name}-{digest[:10]}.arrow"


def prepare_dataset(
    name: str,
    options: Mapping[str, Any] | object | None = None,
    *,
    data_root: str | os.PathLike[str] | None = None,
    cache: str | os.PathLike[str] | None = None,
    download: bool = False,
    progress: Progress = None,
) -> Path:
    """Make the prepared file of a dataset, and return its path; a whole one is left as it is, a damaged one replaced.

    Originals are looked for in ``data_root``, a folder or the URI of one in an object store, else in
    ``$TEASEL_DATA_ROOT``, else in the folder ``originals`` of the cache, and downloaded only if ``download``. Several
    processes may call this
    at once: one works, the others wait. Raises ``DatasetError`` if originals are missing or damaged
    or the disk is full, ``ValueError`` for bad options.
    """
    checked = data.options(name, options)
    path = prepared_path(name, checked, cache=cache)
    if _whole(path):
        return path
    root = data_root or os.environ.get("TEASEL_DATA_ROOT") or path.parent / "originals"
    path.parent.mkdir(parents=True, exist_ok=True)
    with prepared.locked(path):
        if _whole(path):
            return path
        module = data.load(name)
        description = module.describe(checked)
        prepared.require_space(path, name, description.bytes)
        folder = originals(root, name, path.parent)
        arrays = module.prepare(checked, folder, download=download, progress=progress)
        prepared.write(path, name, dataclasses.asdict(checked), description, arrays)
    return path


def open_dataset(
    name: str,
    options: Mapping[str, Any] | object | None = None,
    *,
    data_root: str | os.PathLike[str] | None = None,
    cache: str | os.PathLike[str] | None = None,
    download: bool = False,
    progress: Progress = None,
) -> Dataset:
    """Map a prepared dataset; ``prepare_dataset`` makes its file first if that is missing.

    Raises ``DatasetError`` for a file that is there but damaged, naming the command that prepares
    it anew.
    """
    checked = data.options(name, options)
    path = prepared_path(name, checked, cache=cache)
    if not path.exists():
        prepare_dataset(name, checked, data_root=data_root, cache=cache, download=download, progress=progress)
    try:
        file = prepared.read(path)
        stored = (file.metadata["name"], file.metadata["options"])
        if stored != (name, dataclasses.asdict(checked)):
            raise DatasetError(f"{path} holds another dataset: {stored[0]} with {stored[1]}.")
    except DatasetError as error:
        raise DatasetError(f"{error} Prepare it anew: {command(name, checked)}") from error
    return Dataset(file)


def verify_dataset(name: str, options: Mapping[str, Any] | object | None = None, *, cache: Any = None) -> None:
    """Read a prepared file whole and compare its checksums.

    Raises ``DatasetError`` if it is missing or damaged.
    """
    path = prepared_path(name, options, cache=cache)
    try:
        prepared.verify(path)
    except DatasetError as error:
        again = command(name, data.options(name, options))
        raise DatasetError(f"{error} Delete it and prepare it anew: {again}") from error


def command(name: str, options: Any) -> str:
    """What to type to prepare a dataset with these options."""
    changed = [
        f" --set {field.name}={getattr(options, field.name)}"
        for field in dataclasses.fields(options)
        if getattr(options, field.name) != field.default
    ]
    return f"teasel data prepare {name}{''.join(changed)}"


def _whole(path: Path) -> bool:
    """Whether a prepared file is there with its checksums, which are looked at once a run and machine."""
    if not path.exists():
        return False
    try:
        prepared.verify(path)
    except DatasetError:
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class Source:
    """Which dataset, which of its images, and a second dataset beside it; plain values, for JSON and YAML."""

    name: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    subset: Subset = dataclasses.field(default_factory=Subset)
    secondary: Source | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Source:
        """From the mapping that ``dataclasses.asdict`` makes of one."""
        second = values.get("secondary")
        return cls(
            name=values["name"],
            options=dict(values.get("options") or {}),
            subset=Subset(**(values.get("subset") or {})),
            secondary=None if second is None else cls.of(second),
        )


def open_source(source: Source, **where: Any) -> Dataset:
    """``open_dataset`` of a source's dataset, restricted to its subset, with its second dataset.

    Raises as ``open_dataset``, and ``ValueError`` for a subset that the dataset cannot give.
    """
    opened = open_dataset(source.name, source.options, **where)
    if problem := source.subset.problem(source.name, opened.description):
        raise ValueError(problem)
    second = None if source.secondary is None else open_source(source.secondary, **where)
    return dataclasses.replace(opened, subset=source.subset, secondary=second)


def prepare_source(source: Source, **where: Any) -> None:
    """``prepare_dataset`` of a source's dataset and of its second one."""
    prepare_dataset(source.name, source.options, **where)
    if source.secondary is not None:
        prepare_source(source.secondary, **where)


def _map(path: Path, subset: Subset, secondary: Dataset | None) -> Dataset:
    return Dataset(prepared.read(path), subset, secondary)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A mapped dataset. It is pickled as its path, so another process maps the file too."""

    file: prepared.Prepared
    subset: Subset = dataclasses.field(default_factory=Subset)
    """Which of its images are used."""
    secondary: Dataset | None = None
    """The second dataset, for methods that train on two."""

    @property
    def name(self) -> str:
        return self.file.metadata["name"]

    @property
    def description(self) -> Description:
        return self.file.description

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.description.shape

    @property
    def factor_names(self) -> tuple[str, ...]:
        return tuple(self.description.factors)

    @property
    def factor_sizes(self) -> tuple[int, ...]:
        """How many values each factor takes."""
        return tuple(self.description.factors.values())

    @property
    def classes(self) -> tuple[str, ...]:
        """What the labels 0, 1, … mean; empty where there are none."""
        return self.description.classes

    def __len__(self) -> int:
        return self.description.images

    def __reduce__(self) -> tuple[Any, ...]:
        return _map, (self.file.path, self.subset, self.secondary)

    def split(self, part: str) -> Split:
        """The split ``"train"``, ``"validation"`` or ``"test"``, ``"development"`` (the first two), or ``"all"``.

        Raises ``ValueError`` for others.
        """
        if part not in (known := (*PARTS, DEVELOPMENT, ALL)):
            raise ValueError(f"No split {part!r}; splits are {', '.join(known)}.")
        return Split(self, part)
