"""A sweep's wishes about hyperparameters, applied to the spaces of its methods.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import spaces
from search.problems import Problem
from spaces import Space
from spaces.core.domains import nearest, shown


def overridden(methods: Sequence[str], changes: Mapping[str, Any]) -> tuple[dict[str, Space], list[Problem]]:
    """Each method's space after a sweep's ``space`` field, and what is wrong with that field.

    A key that is a method holds changes for it alone, and they win; any other key is meant for
    every method that has such a hyperparameter.
    """
    result = {name: spaces.load(name) for name in methods}
    found: list[Problem] = []
    own = {key: value for key, value in changes.items() if key in spaces.names()}
    general = {key: value for key, value in changes.items() if key not in own}
    for key, value in general.items():
        having = [name for name in methods if key in result[name].domains]
        if not having:
            known = tuple(dict.fromkeys(k for name in methods for k in result[name].domains))
            found.append(Problem((key,), _no_hyperparameter(key, methods, known)))
        for name in having:
            mine = own.get(name)
            if not (isinstance(mine, Mapping) and key in mine):
                result[name] = _changed(result[name], key, value, (key,), found)
    for name, inner in own.items():
        if name not in methods:
            found.append(
                Problem(
                    (name,),
                    f"space.{name}: this sweep does not search {name}; its methods are {', '.join(methods)}.",
                )
            )
        elif not isinstance(inner, Mapping):
            found.append(
                Problem(
                    (name,),
                    f"space.{name} is {shown(inner)}; it must be a mapping of {name}'s hyperparameters.",
                )
            )
        else:
            for key, value in inner.items():
                if key in result[name].domains:
                    result[name] = _changed(result[name], key, value, (name, key), found)
                else:
                    known = tuple(result[name].domains)
                    found.append(Problem((name, key), _no_hyperparameter(key, (name,), known)))
    if not found:
        found = _dormant(result, own, general)
    return result, found


def _changed(space: Space, key: str, value: Any, path: tuple[str, ...], found: list[Problem]) -> Space:
    try:
        return space.override({key: value})
    except ValueError as error:
        problem = Problem(path, str(error))
        if problem not in found:
            found.append(problem)
        return space


def _no_hyperparameter(key: Any, methods: Sequence[str], known: tuple[str, ...]) -> str:
    which = " and ".join(methods)
    has = "has" if len(methods) == 1 else "have"
    return f"unknown hyperparameter {shown(key)}; {which} {has} {', '.join(known)}" + nearest(str(key), known)


def _dormant(result: Mapping[str, Space], own: Mapping[str, Any], general: Mapping[str, Any]) -> list[Problem]:
    """Overrides that no trial could ever read."""
    found = []
    for key in general:
        reasons = [space.dormant(key) for space in result.values() if key in space.domains]
        if all(reasons):
            found.append(Problem((key,), reasons[0] + "."))
    for name, inner in own.items():
        for key in inner:
            if reason := result[name].dormant(key):
                found.append(Problem((name, key), f"{reason} ({name})."))
    return found
