"""The scores: every plain module of this package is one; arrays in, floats out.

A score module has ``score`` (its docstring gives the definition), ``GIVES``, what it can give, and ``WHEN``, when it is
computed if nobody asks for it. This module knows nothing about models; it and the scores import no torch.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

from trainables.core import registry

When = Literal["report", "end", "asked"]
"""At every report of a trial, which must cost little beside training; at its end alone; or only when asked for."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number that a score gives."""

    name: str
    """Full name, as ``score/mig``; after the slash comes the key of the score's result."""
    direction: Literal["maximize", "minimize"]
    points: int
    """The least number of rows (images) that the score accepts; fewer are refused with a ``ValueError``.

    Not what its definition asks for, which is usually 10,000.
    """
    needs: tuple[str, ...] = ()
    """What the dataset must have (``factors``, ``labels``) and what the method must give.

    A method gives ``posterior``, ``reconstruction``, ``classes``, ``secondary_classes``, or a group of latents by name.
    """
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
    return registry.names(sys.modules[__name__])


def load(name: str) -> ModuleType:
    """The module of the score ``name``.  Raises ``ValueError`` when there is none."""
    return registry.load(sys.modules[__name__], "score", name)


def metrics() -> dict[str, Metric]:
    """Every metric that some score gives, by its full name."""
    return {metric.name: metric for name in names() for metric in load(name).GIVES}
