"""A sweep's parts against what exists and against each other; of datasets and objectives, see ``sweep_data``.

Each ``FIELD_problems(value, before)`` is given a field's value and the valid fields before it, and
lists what is wrong; ``PROBLEMS`` has them by field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import spaces
from search.problems import Problem, unknown
from search.sweep_data import data_problems, objectives_problems, repeated
from search.sweep_space import overridden
from spaces import Choice, Space
from spaces.core.domains import shown

if TYPE_CHECKING:
    from search.sweep import SamplerSpec, ScheduleSpec

REPORTS = 10_000
"""The most reports that a trial may make."""

Before = Mapping[str, Any]


def methods_problems(methods: Sequence[str], before: Before) -> list[Problem]:
    """Methods exist, each once, at least one."""
    if not methods:
        return [Problem((), f"methods is empty; methods are {', '.join(spaces.names())}.")]
    found = [
        Problem((i,), unknown("method", name, spaces.names()))
        for i, name in enumerate(methods)
        if name not in spaces.names()
    ]
    return found + repeated("method", methods)


def space_problems(space: Mapping[str, Any], before: Before) -> list[Problem]:
    """Overrides are of hyperparameters that exist, possible, and leave something to search."""
    if "methods" not in before:
        return []
    result, found = overridden(before["methods"], space)
    budget = before.get("budget")
    several = len(result) > 1 or any(s.searched for s in result.values())
    if not found and budget and budget.trials > 1 and not several:
        return [
            Problem(
                (),
                f"every hyperparameter is fixed, so {budget.trials} trials would all be the same; "
                "leave one free "
                "or set budget.trials to 1.",
            )
        ]
    return found


def sampler_problems(sampler: SamplerSpec, before: Before) -> list[Problem]:
    """The sampler can do this search: objectives, and hyperparameters that every trial has."""
    found = []
    if sampler.startup is not None and sampler.name in ("random", "qmc"):
        found.append(
            Problem(
                ("startup",),
                f"{sampler.name} has no random first trials; startup goes with tpe, gp, cmaes, nsga2.",
            )
        )
    if sampler.name == "cmaes" and len(before.get("objectives", ())) > 1:
        found.append(Problem(("name",), "cmaes takes one objective; several go with tpe, gp, nsga2, qmc, random."))
    if sampler.name not in ("gp", "cmaes", "qmc") or not {"methods", "space"} <= set(before):
        return found
    each, bad = overridden(before["methods"], before["space"])
    if bad:
        return found
    if len(each) > 1:
        return [
            *found,
            Problem(
                ("name",),
                f"{sampler.name} searches hyperparameters that every trial has, and {len(each)} "
                "methods share none; "
                "use tpe, nsga2 or random, or one method.",
            ),
        ]
    (method,) = each.values()
    usable = [key for key in method.shared if sampler.name == "gp" or _continuous(method, key)]
    if not usable:
        kind = "a hyperparameter" if sampler.name == "gp" else "a hyperparameter with a range"
        text = f"{sampler.name} needs {kind} that is free in every trial; use tpe or random."
        found.append(Problem(("name",), text))
    return found


def _continuous(space: Space, key: str) -> bool:
    domain = space.domains[key]
    return not isinstance(domain, Choice) and domain.options is None


def schedule_problems(schedule: ScheduleSpec, before: Before) -> list[Problem]:
    """Rungs ascend and lie within the budget; nothing is stopped early under several objectives."""
    found = []
    if schedule.name != "none" and len(before.get("objectives", ())) > 1:
        found.append(
            Problem(
                ("name",),
                f"{schedule.name} stops trials by one objective, and this sweep has "
                f"{len(before['objectives'])}; use schedule: none.",
            )
        )
    rungs = schedule.rungs
    if schedule.name == "none" and (rungs is not None or schedule.grace is not None):
        key = "grace" if rungs is None else "rungs"
        found.append(
            Problem(
                (key,),
                f"schedule none stops no trial, so it has no {key}; use asha, hyperband or median.",
            )
        )
    if rungs is not None and schedule.grace is not None:
        found.append(Problem(("grace",), "grace and rungs exclude each other: the first rung is the grace."))
    if rungs == ():
        found.append(Problem(("rungs",), "rungs is empty; leave it out, or use schedule: none."))
    for i, (a, b) in enumerate(zip(rungs or (), (rungs or ())[1:], strict=False)):
        if a >= b:
            found.append(Problem(("rungs", i + 1), f"rungs must ascend, and {b} follows {a}."))
    if budget := before.get("budget"):
        places: list[tuple[tuple[str | int, ...], int]] = [(("rungs", i), r) for i, r in enumerate(rungs or ())]
        if schedule.grace is not None:
            places.append((("grace",), schedule.grace))
        found += [
            Problem(
                path,
                f"rung {rung} is beyond the budget: trials end at step {budget.steps}, rungs lie below it.",
            )
            for path, rung in places
            if rung >= budget.steps
        ]
    return found


def storage_problems(storage: str, before: Before) -> list[Problem]:
    """A folder that can be named."""
    if not storage or len(storage) > 1000 or not storage.isprintable():
        return [
            Problem(
                (),
                f"storage is {shown(storage)}; it must be a folder's path of 1 to 1000 characters.",
            )
        ]
    return []


def report_every_problems(every: int | None, before: Before) -> list[Problem]:
    """Within the budget, and not too often."""
    budget = before.get("budget")
    if every is None or budget is None:
        return []
    if every > budget.steps:
        return [Problem((), f"report_every {every} is beyond the budget: trials end at step {budget.steps}.")]
    if budget.steps // every > REPORTS:
        return [
            Problem(
                (),
                f"report_every {every} makes {budget.steps // every} reports a trial; {REPORTS} are possible.",
            )
        ]
    return []


PROBLEMS: Mapping[str, Callable[[Any, Before], list[Problem]]] = {
    "methods": methods_problems,
    "data": data_problems,
    "objectives": objectives_problems,
    "space": space_problems,
    "sampler": sampler_problems,
    "schedule": schedule_problems,
    "storage": storage_problems,
    "report_every": report_every_problems,
}
"""The checks of each field of a sweep."""
