"""Datasets: every plain module of this folder is one, under its file's name.

Listing and describing datasets imports numpy and nothing heavier. How a dataset is stored and read
is in ``trainables.core.dataset``.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from trainables.core import registry

if TYPE_CHECKING:
    from trainables.core.arrays import Description


def names() -> tuple[str, ...]:
    """The names of all datasets, sorted."""
    return registry.names(sys.modules[__name__])


def load(name: str) -> ModuleType:
    """A dataset's module: ``Options``, ``describe``, ``prepare``. ``ValueError`` for others."""
    return registry.load(sys.modules[__name__], "dataset", name)


def options(name: str, values: Mapping[str, Any] | object | None = None) -> Any:
    """The checked ``Options`` of a dataset; what ``values`` leaves out has its default.

    Raises ``ValueError`` for an unknown dataset or option and for a value that is not possible.
    """
    kind = load(name).Options
    if values is None:
        return kind()
    if isinstance(values, kind):
        return values
    if not isinstance(values, Mapping):
        raise ValueError(f"{name}: options must be a mapping of names to values, not {values!r}.")
    known = [field.name for field in dataclasses.fields(kind)]
    for key in values:
        if key not in known:
            exist = f"its options are {', '.join(known)}" if known else "it has no options"
            raise ValueError(f"{name} has no option {key!r}{registry.nearest(key, known)}; {exist}.")
    return kind(**values)


def describe(name: str, values: Mapping[str, Any] | object | None = None) -> Description:
    """What the dataset is with these options, without any work. ``ValueError`` as ``options``."""
    return load(name).describe(options(name, values))
