"""What may be tried: one file per method, of the same name as the method's file in ``trainables/``.

The directory is the registry: every plain module here is a method's space and has an attribute
``SPACE``. It may also say what the method needs of the data (``NEEDS``) and what it gives to be scored
(``GIVES``), so that what cannot be is refused without loading the method. Importing this package
imports the standard library alone; ``to_tune`` imports Ray where it is called, and Optuna's trials
are spoken to without importing it.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType

from spaces.core.domains import Choice, Domain, Float, Int, Ramp, nearest
from spaces.core.space import RAMP, Joint, Space

VARIATIONAL = ("z", "posterior", "reconstruction")
"""What a variational autoencoder with one group of latents gives."""


def names() -> tuple[str, ...]:
    """The methods that have a space, in alphabetical order."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.ispkg))


def load(name: str) -> Space:
    """The space of one method.  Raises ``ValueError`` for a name that has none."""
    space = _module(name).SPACE
    assert isinstance(space, Space), f"spaces/{name}.py must define SPACE"
    return space


def needs(name: str) -> tuple[str, ...]:
    """What a method needs of the data: of ``labels``, ``identity`` and ``secondary`` (a second dataset).

    Raises ``ValueError`` for a name that has no space.
    """
    return tuple(getattr(_module(name), "NEEDS", ()))


def gives(name: str) -> tuple[str, ...]:
    """What a method gives to be scored: names of groups of latents, and capabilities.

    ``posterior`` (log-variances, so a KL), ``reconstruction``, ``classes`` (class probabilities),
    ``secondary_classes`` (of the second dataset's images too); and what failure conditions are about: ``capacity`` (a
    KL that should reach a capacity), ``class_free`` (a group that should not know the class) and ``discriminator``.
    Raises ``ValueError`` as ``needs``.
    """
    return tuple(getattr(_module(name), "GIVES", VARIATIONAL))


@functools.cache
def _module(name: str) -> ModuleType:
    # Each report of a sweep asks for its space, and the folder is not read for that again.
    if name not in names():
        raise ValueError(
            f"No space for {str(name)[:80]!r}; spaces exist for {', '.join(names())}" + nearest(str(name), names())
        )
    return importlib.import_module(f"spaces.{name}")


def join(spaces: Mapping[str, Space]) -> Joint:
    """One conditional space over several methods."""
    return Joint(spaces)


__all__ = [
    "RAMP", "VARIATIONAL", "Choice", "Domain", "Float", "Int", "Joint", "Ramp", "Space",
    "gives", "join", "load", "names", "needs",
]  # fmt: skip
