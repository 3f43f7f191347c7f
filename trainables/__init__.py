"""The methods: every plain module of this package is one; support lies in its sub-packages.

Listing and naming methods imports nothing heavy: torch comes with ``method``, Ray with ``load``.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from trainables.core import registry


def names() -> tuple[str, ...]:
    """The names of all methods, sorted."""
    return registry.names(sys.modules[__name__])


def method(name: str) -> ModuleType:
    """The module of the method ``name``.  Raises ``ValueError`` when there is none."""
    return registry.load(sys.modules[__name__], "method", name)


def load(name: str, **settings: Any) -> type:
    """The method ``name`` as a class for Ray Tune; see ``core.ray_trainable.trainable``."""
    method(name)
    from trainables.core import ray_trainable

    return ray_trainable.trainable(name, **settings)
