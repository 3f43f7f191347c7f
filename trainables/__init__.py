"""The methods: every plain module of this package is one; support lies in its sub-packages.

Listing and naming methods imports nothing heavy: torch comes with ``method``, Ray with ``load``.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from types import ModuleType
from typing import Any


def names() -> tuple[str, ...]:
    """The names of all methods, sorted."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.ispkg))


def method(name: str) -> ModuleType:
    """The module of the method ``name``.  Raises ``ValueError`` when there is none."""
    if name not in names():
        nearest = difflib.get_close_matches(str(name), names(), n=1)
        raise ValueError(
            f"No method {name!r}; methods are {', '.join(names())}."
            + (f" Did you mean {nearest[0]!r}?" if nearest else "")
        )
    return importlib.import_module(f"{__name__}.{name}")


def load(name: str, **settings: Any) -> type:
    """The method ``name`` as a class for Ray Tune; see ``core.ray_trainable.trainable``."""
    method(name)
    from trainables.core import ray_trainable

    return ray_trainable.trainable(name, **settings)
