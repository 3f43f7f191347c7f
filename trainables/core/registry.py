"""The directory is the registry: the plain modules of a package, by name.

Serves methods, datasets and scores alike. Imports the standard library alone, so that listing names is quick.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable
from types import ModuleType


def names(package: ModuleType) -> tuple[str, ...]:
    """The names of a package's plain modules, sorted; its sub-packages are support and not listed."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.ispkg))


def load(package: ModuleType, kind: str, name: str) -> ModuleType:
    """The module ``name`` of a package of ``kind`` (``"method"``).  Raises ``ValueError`` when there is none."""
    known = names(package)
    if name not in known:
        shown = repr(name) if len(repr(name)) <= 80 else f"{repr(name)[:77]}..."
        raise ValueError(f"No {kind} {shown}{nearest(shown[1:-1], known)}; {kind}s are {', '.join(known)}.")
    return importlib.import_module(f"{package.__name__}.{name}")


def nearest(given: object, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)``, or nothing where no name is near."""
    close = difflib.get_close_matches(str(given), list(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""
