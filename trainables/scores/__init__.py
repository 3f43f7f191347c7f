"""The scores: every plain module of this package is one; arrays in, floats out.

A score module has ``score`` (its docstring gives the definition) and ``GIVES``, what it can give.
This module knows nothing about models; it and the scores import no torch.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from dataclasses import dataclass
from types import ModuleType
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number that a score gives."""

    name: str
    """Full name, as ``score/mig``; after the slash comes the key of the score's result."""
    direction: Literal["maximize", "minimize"]
    needs: tuple[str, ...] = ()
    """What the dataset must have: ``factors`` or ``labels``."""
    ceiling: str = ""
    """The best value that the definition allows, in words, where there is one."""
    floor: str = ""
    """What noise gets, in words, where it is known."""

    @property
    def key(self) -> str:
        """Its key in the result of ``score``."""
        return self.name.rpartition("/")[2]


def names() -> tuple[str, ...]:
    """The names of all scores, sorted."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.ispkg))


def load(name: str) -> ModuleType:
    """The module of the score ``name``.  Raises ``ValueError`` when there is none."""
    if name not in names():
        nearest = difflib.get_close_matches(str(name), names(), n=1)
        raise ValueError(
            f"No score {name!r}; scores are {', '.join(names())}."
            + (f" Did you mean {nearest[0]!r}?" if nearest else "")
        )
    return importlib.import_module(f"{__name__}.{name}")


def metrics() -> dict[str, Metric]:
    """Every metric that some score gives, by its full name."""
    return {metric.name: metric for name in names() for metric in load(name).GIVES}
