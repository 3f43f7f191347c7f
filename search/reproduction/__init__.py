"""The reports' experiments, run again: every plain module of this package is one table, by its file's name.

A table has ``TITLE``, ``REPORT`` (where its figures come from), ``DIFFERENCE`` (what our protocol does otherwise),
``SEEDS``, ``experiments(plan)`` (what is trained and measured) and ``page(results, plan)`` (rows and claims). It may
have ``prepare(plan)``, which is called first. Listing the tables imports nothing heavy.
"""

from __future__ import annotations

import sys
from types import ModuleType

from trainables.core import registry


def names() -> tuple[str, ...]:
    """The names of all tables, sorted."""
    return registry.names(sys.modules[__name__])


def load(name: str) -> ModuleType:
    """The module of the table ``name``.  Raises ``ValueError`` when there is none."""
    return registry.load(sys.modules[__name__], "table", name)
