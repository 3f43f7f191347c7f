"""YAML into plain values with the line of each, safely.  Knows nothing of sweeps.

Built on PyYAML's events rather than its constructors: no tags, no aliases, no recursion, and bounds
on size, depth and number of values. Scalars follow YAML 1.2's core schema, where ``1e-4`` is a
number and ``on`` is text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

BYTES, DEPTH, VALUES, DIGITS = 256 * 1024, 20, 20_000, 100
"""The most that a file may have; DIGITS is of one number."""

TAG = "tag:yaml.org,2002:"
TAGS = {None, "!", *(TAG + kind for kind in ("str", "int", "float", "bool", "null", "seq", "map"))}
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
INT = re.compile(r"[-+]?\d+(_\d+)*")
FLOAT = re.compile(r"[-+]?(\.\d+|\d+(_\d+)*(\.\d*)?)([eE][-+]?\d+)?")
SPECIAL = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    ".inf": float("inf"), "+.inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan"),
}  # fmt: skip
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")

Path = tuple[str | int, ...]


class YamlError(ValueError):
    """Why a text cannot be read, and in which line (from 1) and column."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line, self.column = line, column


@dataclass
class Document:
    """The values of a YAML text and the (line, column) of each, by its path."""

    value: Any
    places: dict[Path, tuple[int, int]]

    def place(self, path: Path) -> tuple[int, int]:
        """Where ``path`` stands, or the nearest part around it that is written down."""
        while path not in self.places and path:
            path = path[:-1]
        return self.places.get(path, (1, 1))


@dataclass
class _Open:
    """A collection that is being read; ``key`` waits for its value."""

    value: Any
    path: Path
    key: str | None = None
    keys: dict[str, int] = field(default_factory=dict)


def scalar(text: str) -> Any:
    """What an unquoted scalar means: null, true or false, a number, or text."""
    if text in SPECIAL:
        return SPECIAL[text]
    if len(text) > DIGITS:
        return text
    if INT.fullmatch(text):
        return int(text.replace("_", ""))
    if FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    return text


def read(raw: bytes) -> Document:
    """The one document in ``raw``.  Raises ``YamlError`` where it is no YAML or exceeds a bound."""
    if len(raw) > BYTES:
        raise YamlError(f"the file is larger than {BYTES // 1024} KB, which no sweep needs")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise YamlError(f"byte {raw[error.start]:#04x} is no UTF-8 text", line) from None
    if found := CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise YamlError(f"a control character ({found.group()!r}) is not possible", line)
    try:
        return _compose(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        lines = text.splitlines()
        tab = "\t" in lines[line - 1] if line <= len(lines) else False
        hint = "; this line has a tab, and YAML indents with spaces" if tab else ""
        about = f" ({error.context})" if error.context else ""
        raise YamlError(f"this is no YAML: {error.problem}{about}{hint}", line, column) from None
    except yaml.YAMLError as error:
        raise YamlError(f"this is no YAML: {error}") from None


def _compose(text: str) -> Document:
    root = _Open([], ())
    stack, values, documents = [root], 0, 0
    places: dict[Path, tuple[int, int]] = {}
    event: Any
    for event in yaml.parse(text, Loader=LOADER):
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise YamlError("a second document begins; a file holds one sweep", line, column)
        elif isinstance(event, yaml.AliasEvent):
            raise YamlError(f"the alias *{event.anchor} is not possible; write the value out", line, column)
        elif isinstance(event, yaml.CollectionEndEvent):
            stack.pop()
        elif isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)):
            values += 1
            if values > VALUES:
                raise YamlError(f"more than {VALUES} values, which no sweep needs", line, column)
            if event.tag not in TAGS:
                raise YamlError(f"the tag {str(event.tag)[:60]!r} is not possible; write a plain value", line, column)
            if inner := _place(stack[-1], event, places, (line, column)):
                stack.append(inner)
                if len(stack) - 1 > DEPTH:
                    raise YamlError(f"nested more than {DEPTH} deep, which no sweep needs", line, column)
    return Document(root.value[0] if root.value else None, places)


def _place(around: _Open, event: Any, places: dict[Path, tuple[int, int]], at: tuple[int, int]) -> _Open | None:
    """Put an event's value where it belongs; a collection that opens is returned."""
    is_scalar = isinstance(event, yaml.ScalarEvent)
    if isinstance(around.value, dict) and around.key is None:
        if not is_scalar:
            raise YamlError("a key must be a word, not a list or a mapping", *at)
        if event.value in around.keys:
            first = around.keys[event.value]
            raise YamlError(f"the key {event.value[:60]!r} is in line {first} already", *at)
        around.key, around.keys[event.value] = event.value, at[0]
        places[(*around.path, event.value)] = at
        return None
    if isinstance(around.value, dict):
        path: Path = (*around.path, around.key or "")
    else:
        path = (*around.path, len(around.value)) if around.path or places else ()
        places.setdefault(path, at)
    value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
    if is_scalar:
        quoted = event.tag in (None, "!") and not event.implicit[0]
        value = event.value if quoted or event.tag == f"{TAG}str" else scalar(event.value)
    if isinstance(around.value, dict):
        around.value[around.key] = value
        around.key = None
    else:
        around.value.append(value)
    return None if is_scalar else _Open(value, path)
