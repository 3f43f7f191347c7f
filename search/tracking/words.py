"""Names and texts that MLflow takes, without what nobody should read in them."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from posixpath import normpath
from typing import Any

from trainables.core.redaction import redacted

VALUE, TAG, NAME = 6000, 7900, 250
"""Characters of a parameter, a tag and a name at most."""


def milliseconds(seconds: float) -> int:
    """MLflow's unit of time."""
    return max(0, round(seconds * 1000))


def metric(name: str) -> str:
    """A name that MLflow takes, unchanged where it can be; otherwise with a checksum, so that two stay two."""
    fit = re.sub(r"[^/\w.\- :]", "_", name)[: NAME - 20]
    if not fit or normpath(fit) != fit or fit.startswith(("/", ".")):
        fit = fit.replace("/", "_").replace(".", "_") or "_"
    return fit if fit == name else f"{fit}-{zlib.crc32(name.encode('utf-8', 'replace')):08x}"


def text(value: Any, *, lines: bool = False) -> str:
    """``value`` as a tag or parameter: control characters shown as escapes, passwords and tokens blotted out."""
    kept = "\n\t" if lines else ""
    shown = str(value).encode("utf-8", "backslashreplace").decode()
    shown = "".join(c if c in kept or c.isprintable() else c.encode("unicode_escape").decode() for c in shown)
    shown = redacted(shown)
    return shown if len(shown) <= TAG else shown[: TAG - 1] + "…"


def flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """A specification as parameters: ``sampler.name``, ``budget.trials``.  The budget is a tag: it may be extended."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if (name, key) not in (("", "name"), ("", "storage"), ("budget", "trials")):
                yield from flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)) and any(isinstance(v, Mapping) for v in value):
        parts = [" ".join(map(str, v.values())) if isinstance(v, Mapping) else str(v) for v in value]
        yield metric(name), text(", ".join(parts))[:VALUE]
    elif value is not None and value not in ([], ()):
        shown = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
        yield metric(name), text(shown)[:VALUE]
