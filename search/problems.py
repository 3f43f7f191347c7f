"""What is wrong with a sweep, and where: every problem at once, said so that it can be mended.

Turns pydantic's errors into the project's words. Knows the shape of a sweep, and no file.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from spaces.core.domains import nearest, shown

Path = tuple[str | int, ...]
"""Where in a sweep: ``("objectives", 0, "metric")``."""

EXPECTED = {
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "dict_type": "a mapping of keys to values",
    "mapping_type": "a mapping of keys to values",
    "tuple_type": "a list",
    "string_type": "text",
    "float_type": "a number",
    "int_type": "a whole number",
    "finite_number": "a finite number",
}


LISTED = 25
"""Problems that are told at most."""

BOUNDS = {
    "greater_than_equal": "at least",
    "greater_than": "greater than",
    "less_than_equal": "at most",
    "less_than": "less than",
}
BOUND_KEYS = {
    "greater_than_equal": "ge",
    "greater_than": "gt",
    "less_than_equal": "le",
    "less_than": "lt",
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where."""

    path: Path
    message: str


class SweepError(ValueError):
    """A sweep that cannot run as it is written.  The text has one line for each problem, of many the first."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = tuple(lines)
        more = [f"... and {len(lines) - LISTED} more problems."] if len(lines) > LISTED else []
        super().__init__("\n".join([*self.lines[:LISTED], *more]))


def refuse(found: Iterable[Problem]) -> None:
    """Raise a ``ValidationError`` with every problem, inside a validator.

    Nothing found, nothing raised.
    """
    details = [
        InitErrorDetails(type=PydanticCustomError("sweep", "{text}", {"text": p.message}), loc=p.path, input=None)
        for p in found
    ]
    if details:
        raise ValidationError.from_exception_data("sweep", details)


def unknown(kind: str, given: Any, known: Iterable[str]) -> str:
    """``unknown dataset 'sprits'; datasets are digits, sprites; did you mean 'sprites'?``"""
    known = tuple(known)
    return f"unknown {kind} {shown(given)}; {kind}s are {', '.join(known)}" + nearest(str(given), known)


def problems(error: ValidationError, root: type[BaseModel]) -> tuple[Problem, ...]:
    """The problems in pydantic's error about a ``root``, in our words."""
    found = [Problem(entry["loc"], _message(entry, root)) for entry in error.errors(include_url=False)]
    return tuple(dict.fromkeys(found))


def _message(entry: Any, root: type[BaseModel]) -> str:
    kind, path, given = entry["type"], entry["loc"], entry["input"]
    if kind == "sweep":
        return entry["msg"]
    if kind == "value_error":
        return str(entry["ctx"]["error"])
    where = ".".join(str(part) for part in path)
    if kind == "extra_forbidden":
        keys = tuple(_model(root, path[:-1]).model_fields)
        inside = f" in {'.'.join(map(str, path[:-1]))}" if path[1:] else ""
        if path[:-1] in (("data",), ("data", "secondary")):
            inside += " (a dataset's own settings stand under options, which images are used under subset)"
        text = f"unknown key {shown(path[-1])}{inside}; keys are {', '.join(keys)}"
        return text + nearest(str(path[-1]), keys)
    if kind == "missing":
        about = _model(root, path[:-1]).model_fields[str(path[-1])].description or "it has no default"
        return f"{where} is missing: {about}."
    if kind in EXPECTED:
        return f"{where} is {shown(given)}; it must be {EXPECTED[kind]}."
    ctx = entry.get("ctx", {})
    if kind in BOUNDS:
        return f"{where} is {shown(given)}; it must be {BOUNDS[kind]} {ctx[BOUND_KEYS[kind]]}."
    if kind == "literal_error":
        return f"{where} is {shown(given)}; it must be {ctx['expected']}."
    return f"{where} is {shown(given)}: {entry['msg'][0].lower()}{entry['msg'][1:]}."


def _model(root: type[BaseModel], path: Path) -> type[BaseModel]:
    """The model that ``path`` leads to."""
    model = root
    for part in path:
        if isinstance(part, str):
            annotation = model.model_fields[part].annotation
            inner = [a for a in (annotation, *typing.get_args(annotation)) if isinstance(a, type)]
            model = next(a for a in inner if issubclass(a, BaseModel))
    return model
