"""A sweep's parts against what exists and against each other; of datasets and objectives, see ``sweep_data``.

Each ``FIELD_problems(value, before)`` is given a field's value and the valid fields before it, and
lists what is wrong; ``PROBLEMS`` has them by field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import spaces
import trainables.scores
from search.problems import Problem, unknown
from search.sweep_data import (
    AGREEMENT,
    condition_problem,
    data_problems,
    objectives_problems,
    possible,
    repeated,
)
from search.sweep_ramps import ramps_problems
from search.sweep_space import overridden
from spaces import Choice, Space
from spaces.core.domains import shown
from trainables.core.storage import KNOWN, place

if TYPE_CHECKING:
    from search.sweep_parts import Constraint, SamplerSpec, ScheduleSpec, Seeds

SHARED = ("gp", "cmaes", "qmc")
"""Samplers that need hyperparameters that every trial has."""

FIXED = ("cmaes", "qmc", "nsga2")
"""Samplers that keep what they were told first; see ``sampler.STATEFUL``."""

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
    seeds = before["seeds"].count if "seeds" in before else 1
    if not found and budget and budget.trials > seeds and not several:
        return [
            Problem(
                (),
                f"every hyperparameter is fixed, so {budget.trials} trials would all be the same; leave one free, set "
                f"budget.trials to {seeds}, or say under how many seeds to train it (seeds: {budget.trials}).",
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
    seeds = before.get("seeds")
    if seeds is not None and seeds.adaptive and sampler.name in FIXED:
        found.append(
            Problem(
                ("name",),
                f"{sampler.name} cannot be told again what a configuration is worth when more seeds are known; "
                "adaptive seeds go with tpe, gp, random.",
            )
        )
    if sampler.name == "cmaes" and before.get("constraints"):
        found.append(Problem(("name",), "cmaes knows no constraints; they go with tpe, gp, nsga2, random."))
    if sampler.name == "cmaes" and len(before.get("objectives", ())) > 1:
        found.append(Problem(("name",), "cmaes takes one objective; several go with tpe, gp, nsga2, qmc, random."))
    if sampler.name not in SHARED or not {"methods", "space"} <= set(before):
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
    """Rungs ascend and lie within the budget, and at one of them at least some trial can be judged."""
    found = []
    if schedule.name in ("hyperband", "median") and len(before.get("objectives", ())) > 1:
        found.append(
            Problem(
                ("name",),
                f"{schedule.name} stops trials by one objective, and this sweep has "
                f"{len(before['objectives'])}; asha stops them by their non-dominated rank, none stops none.",
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
    return found or ramps_problems(schedule, before)


def constraints_problems(constraints: Sequence[Constraint], before: Before) -> list[Problem]:
    """Each once, and such that dataset and some method can meet them."""
    names = [c.condition for c in constraints]
    found = repeated("condition", names)
    for i, name in enumerate(names):
        if problem := condition_problem(name, before.get("methods", ()), before.get("data")):
            found.append(Problem((i,), problem))
    return found


def seeds_problems(seeds: Seeds, before: Before) -> list[Problem]:
    """Enough trials for one configuration, and objectives that so many seeds can give."""
    found = []
    budget = before.get("budget")
    if budget is not None and not seeds.adaptive and budget.trials < seeds.count:
        found.append(
            Problem(
                (),
                f"budget.trials is {budget.trials}, which is not one configuration under {seeds.count} seeds; a "
                "configuration is as many trials as it has seeds.",
            )
        )
    for objective in before.get("objectives", ()):
        if objective.metric == AGREEMENT and (seeds.count < 2 or seeds.adaptive):
            found.append(
                Problem(
                    (),
                    f"{AGREEMENT} compares models that differ in their seed alone; say how many with seeds: 5 "
                    "(at least 2, and not adaptive).",
                )
            )
        if objective.over_seeds == "lower_bound" and (seeds.count < 2 or seeds.adaptive):
            found.append(
                Problem((), "over_seeds: lower_bound needs at least 2 seeds for every configuration, such as seeds: 5.")
            )
    return found


def scores_problems(scores: Sequence[str], before: Before) -> list[Problem]:
    """Scores exist, each once, and dataset and methods can give them."""
    found = repeated("score", scores)
    can = set(possible(before.get("methods", ()), before.get("data")))
    for i, name in enumerate(scores):
        if name not in trainables.scores.names():
            found.append(Problem((i,), unknown("score", name, trainables.scores.names())))
        elif not can & {metric.name for metric in trainables.scores.load(name).GIVES}:
            found.append(Problem((i,), f"score {name} cannot be given by these methods on this dataset."))
    return found


def storage_problems(storage: str, before: Before) -> list[Problem]:
    """A folder or an object store that can be named."""
    if not storage or len(storage) > 1000 or not storage.isprintable():
        return [Problem((), f"storage is {shown(storage)}; it must be {KNOWN}, of 1 to 1000 characters.")]
    try:
        place(storage)
    except ValueError as error:
        return [Problem((), str(error))]
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
    "constraints": constraints_problems,
    "scores": scores_problems,
    "seeds": seeds_problems,
    "space": space_problems,
    "sampler": sampler_problems,
    "schedule": schedule_problems,
    "storage": storage_problems,
    "report_every": report_every_problems,
}
"""The checks of each field of a sweep."""
