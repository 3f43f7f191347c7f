"""What may be tried: one file per method, of the same name as the method's file in ``trainables/``.

The directory is the registry: every plain module here is a method's space and has an attribute
``SPACE``. Importing this package imports the standard library alone; ``to_tune`` imports Ray where
it is called, and Optuna's trials are spoken to without importing it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

from spaces.core.domains import Choice, Domain, Float, Int, Ramp, nearest
from spaces.core.space import RAMP, Joint, Space


def names() -> tuple[str, ...]:
    """The methods that have a space, in alphabetical order."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.ispkg))


def load(name: str) -> Space:
    """The space of one method.  Raises ``ValueError`` for a name that has none."""
    if name not in names():
        raise ValueError(
            f"No space for {str(name)[:80]!r}; spaces exist for {', '.join(names())}" + nearest(str(name), names())
        )
    space = importlib.import_module(f"spaces.{name}").SPACE
    assert isinstance(space, Space), f"spaces/{name}.py must define SPACE"
    return space


def join(spaces: Mapping[str, Space]) -> Joint:
    """One conditional space over several methods."""
    return Joint(spaces)


__all__ = [
    "RAMP", "Choice", "Domain", "Float", "Int", "Joint", "Ramp", "Space", "join", "load", "names",
]  # fmt: skip
