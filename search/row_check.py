"""What a row of the ledger must be, so that a ledger which somebody else wrote is read or refused, and nothing else.

A checksum says that a row is whole, not who wrote it. Knows the kinds of rows of ``search.history`` by their fields;
whether a sweep's specification makes sense is ``search.sweep``'s to say.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from search.ledger_rows import LedgerError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
"""A sweep's name, which is also that of a folder and of an MLflow experiment."""
WHOLE = 2**63
"""Whole numbers are smaller than this, as tables and databases have them."""
DEPTH = 20
"""Collections in a value at most, one within the other."""
STATES = ("COMPLETE", "PRUNED", "FAIL")

Check = Callable[[Any], bool]


def text(value: Any) -> bool:
    return isinstance(value, str)


def whole(value: Any) -> bool:
    """A whole number from 0 on."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < WHOLE


def number(value: Any) -> bool:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < WHOLE


def plain(value: Any, depth: int = DEPTH) -> bool:
    """Text, numbers and collections of them, not too deep."""
    if isinstance(value, dict):
        return depth > 0 and all(plain(inner, depth - 1) for inner in value.values())
    if isinstance(value, list):
        return depth > 0 and all(plain(inner, depth - 1) for inner in value)
    return not isinstance(value, int) or isinstance(value, bool) or abs(value) < WHOLE


def mapping(value: Any) -> bool:
    return isinstance(value, dict) and plain(value)


def metrics(value: Any) -> bool:
    """Numbers by name; one that is not finite may be a word."""
    return isinstance(value, dict) and all(
        isinstance(v, float) or number(v) or v in ("nan", "inf", "-inf") for v in value.values()
    )


def below(value: Any) -> bool:
    """A path that leads nowhere but below the sweep's folder.  Pictures are asked where they are opened."""
    if not isinstance(value, str) or not 0 < len(value) <= 1000 or not value.isprintable() or "\\" in value:
        return False
    path = PurePosixPath(value)
    return not path.is_absolute() and ".." not in path.parts and str(path) == value


def _compared(value: Any) -> bool:
    return isinstance(value, dict) and all(
        len(key) < 10 and key.isdecimal() and metrics(found) for key, found in value.items()
    )


def _listed(check: Check) -> Check:
    return lambda value: isinstance(value, (list, tuple)) and all(check(inner) for inner in value)


def _having(**checks: Check) -> Check:
    """A mapping whose entries of these names, where it has them, are right."""
    return lambda value: (
        isinstance(value, Mapping)
        and all(check(value[key]) for key, check in checks.items() if value.get(key) is not None)
    )


def _needing(**checks: Check) -> Check:
    """A mapping that has these entries, and they are right."""
    return lambda value: _having(**checks)(value) and checks.keys() <= value.keys()


def _maybe(check: Check) -> Check:
    return lambda value: value is None or check(value)


def require_names(sweep: Mapping[str, Any]) -> None:
    """Raises ``LedgerError`` where the names in a specification cannot be those of folders and MLflow experiments."""
    for name in (sweep.get("name"), (sweep.get("picked") or {}).get("sweep", "a")):
        if not isinstance(name, str) or NAME.fullmatch(name) is None:
            raise LedgerError(f"The ledger is of a sweep called {_shown(name)}, and no sweep can be called that.")


SWEEP = _having(
    name=text,
    methods=_listed(text),
    objectives=_listed(lambda v: _needing(metric=text, direction=text)(v) and _having(over_seeds=text)(v)),
    constraints=_listed(_needing(condition=text, at_most=number)),
    budget=_having(trials=whole, steps=whole, wall_time=_maybe(number), disk=_maybe(number)),
    seeds=_maybe(_having(count=lambda v: whole(v) and 0 < v <= 1000)),
    data=_having(name=text, options=mapping, subset=mapping, secondary=_maybe(_having(name=text))),
    picked=_maybe(_needing(sweep=text, trial=whole)),
)
"""What of a specification is read without checking it whole."""

FIELDS: Mapping[str, Mapping[str, Check]] = {
    "sweep": {"sweep": lambda v: mapping(v) and SWEEP(v), "id": text, "trials": whole},
    "session": {},
    "budget": {"trials": whole},
    "trial": {"trial": whole, "method": text, "config": mapping, "params": mapping, "steps": whole, "seed": whole},
    "start": {"trial": whole, "attempt": whole},
    "report": {
        "trial": whole, "attempt": whole, "step": whole, "metrics": metrics,
        "checkpoint": _maybe(below), "pictures": _listed(text),
    },
    "compared": {"configuration": whole, "step": whole, "metrics": _compared},
    "lost": {"trial": whole, "reason": text},
    "end": {"trial": whole, "state": lambda v: v in STATES, "reason": text},
    "pick": {"trial": whole, "because": text},
    "close": {"reason": text},
}  # fmt: skip
"""The fields that each kind of row must have."""

OPTIONAL: Mapping[str, Check] = {
    "configuration": whole,
    "host": text,
    "gpu": _maybe(number),
    "condition": text,
    "by": text,
    "elapsed": number,
    "seconds": metrics,
}


def _shown(value: Any) -> str:
    # Of a huge collection not everything is made text.
    if isinstance(value, (dict, list)):
        return "this mapping" if isinstance(value, dict) else "this list"
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def fault(row: Any) -> str:
    """What is wrong with a row, as the end of a sentence; empty where nothing is."""
    if not isinstance(row, dict):
        return "that is no mapping."
    kind = row.get("kind")
    if not isinstance(kind, str) or kind not in FIELDS:
        return f"of unknown kind {repr(kind)[:60]}; was it written by a newer Teasel?"
    if not number(row.get("time")):
        return f"({kind}) whose time is {_shown(row.get('time'))}, which is no number."
    for name, check in FIELDS[kind].items():
        if name not in row:
            return f"({kind}) without {name}."
        if not check(row[name]):
            return f"({kind}) whose {name} cannot be {_shown(row[name])}."
    for name in OPTIONAL.keys() & row.keys():
        if not OPTIONAL[name](row[name]):
            return f"({kind}) whose {name} cannot be {_shown(row[name])}."
    return ""
