"""How the configurations of a sweep stand: order, Pareto fronts, intervals over seeds.

Reads a ``History`` and nothing else. Knows nothing of MLflow, Ray or Optuna.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from search.goals import Goal, goals
from search.history import COMPLETE, FAIL, PRUNED, RUNNING, Configuration, History, Trial
from search.intervals import Interval, difference, interval
from search.replicates import last, over_seeds, worst
from trainables.core.conditions import CONDITIONS, met

ORDER = (COMPLETE, PRUNED, RUNNING, FAIL)
"""States from best to worst: what was measured to the end comes before what was not."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a configuration stands among all."""

    rank: int
    configuration: Configuration
    values: Mapping[str, float]
    """Each objective over its replicates at the last step they all reached; missing where it cannot be told."""
    intervals: Mapping[str, Interval]
    """The objectives' means over the replicates, with 95 % intervals."""
    pareto: bool | None
    """Whether no other complete one is better in every objective; None where there is one objective."""
    violated: tuple[str, ...]
    """The constraints of the sweep that it does not keep, in words."""


def standings(history: History, objectives: Sequence[Any] | None = None) -> list[Standing]:
    """All configurations, best first: complete ones by objective, stopped ones by how far they came, then the rest.

    Those that keep the sweep's constraints come before those that do not. With several objectives, complete ones are
    ordered by their non-dominated front, and within it by the first objective. ``objectives`` are the sweep's own when
    left out.
    """
    wanted = goals(history.sweep.get("objectives", ()) if objectives is None else objectives)
    limits = constraints(history.sweep)
    asked = (wanted, tuple(limits.items()))
    # A live sweep asks twice a second, and most of its configurations have long ended.
    found = [
        c.known.get(asked) or c.known.setdefault(asked, _placed(c, wanted, limits)) for c in history.configurations
    ]
    front: Mapping[int, int] = {}
    several = len(wanted) > 1
    if several:
        front = fronts({p.number: p.turned for p in found if p.state == ORDER.index(COMPLETE) and not p.violated})
    order = sorted(found, key=lambda p: (p.state, p.violated, front.get(p.number, 0), p.step, p.turned, p.number))
    return [
        replace(p.standing, rank=i, pareto=front.get(p.number) == 0 if several else None)
        for i, p in enumerate(order, 1)
    ]


class _Placed(NamedTuple):
    """By what a configuration is ordered: less is better."""

    state: int
    violated: bool
    step: int
    turned: tuple[float, ...]
    number: int
    standing: Standing


def _placed(configuration: Configuration, wanted: Sequence[Goal], limits: Mapping[str, float]) -> _Placed:
    standing, state = _taken_together(configuration, wanted, limits), configuration.state
    return _Placed(
        state=ORDER.index(state),
        violated=bool(standing.violated),
        step=0 if state == COMPLETE else -configuration.step,
        turned=tuple(goal.turned(standing.values.get(goal.metric, math.nan)) for goal in wanted),
        number=configuration.number,
        standing=standing,
    )


def _taken_together(configuration: Configuration, wanted: Sequence[Goal], limits: Mapping[str, float]) -> Standing:
    reports = last(configuration)
    values, intervals = {}, {}
    for goal in wanted:
        each = [report.metrics.get(goal.metric, math.nan) for report in reports]
        if each and not any(math.isnan(value) for value in each):
            values[goal.metric] = over_seeds(each, goal.over, maximize=goal.maximize)
            intervals[goal.metric] = interval(each)
    broken = met(worst(reports, [CONDITIONS[name].metric for name in limits if name in CONDITIONS]), limits)
    return Standing(
        rank=0,
        configuration=configuration,
        values=values,
        intervals=intervals,
        pareto=None,
        violated=tuple(broken) if limits else (),
    )


def constraints(sweep: Mapping[str, Any]) -> dict[str, float]:
    """The limits of a sweep's constraints, by the name of their condition."""
    return {said["condition"]: said["at_most"] for said in sweep.get("constraints", ())}


def ranking(history: History, objectives: Sequence[Any] | None = None) -> list[Trial]:
    """All trials in the order of their configurations' standings; replicates in the order of their seeds."""
    return [trial for standing in standings(history, objectives) for trial in standing.configuration.trials]


def told_apart(history: History) -> str:
    """Whether the first can be told from the second by their seeds, in a sentence; empty where there are no two."""
    wanted = goals(history.sweep.get("objectives", ()))
    two = [s for s in standings(history) if s.configuration.state == COMPLETE][:2]
    if len(two) < 2 or len(wanted) != 1:
        return ""
    (goal,) = wanted
    names = " and ".join(f"{s.configuration.first.number:03d}" for s in two)
    each = [[r.metrics[goal.metric] for r in last(s.configuration)] for s in two]
    if min(map(len, each)) < 2:
        return (
            f"First and second ({names}) cannot be told apart: one of them has a single seed. "
            "Other seeds may turn the order round; `seeds: 5` in the sweep, or `teasel pick`, would tell."
        )
    apart = difference(*each)
    said = f"{goal.metric} differs by {apart.mean:.3g}, 95 % interval {apart.low:.3g} to {apart.high:.3g}"
    if apart.low <= 0.0 <= apart.high:
        return f"First and second ({names}) cannot be told apart: {said}."
    return f"First and second ({names}) differ by more than their seeds do: {said}."


def fronts(values: Mapping[int, tuple[float, ...]]) -> dict[int, int]:
    """The non-dominated front of each point, from 0; less is better everywhere.

    Efficient non-dominated sort (Zhang et al. 2015): points come in lexicographic order, so that none is dominated by
    a later one.
    """
    found: list[list[tuple[float, ...]]] = []
    place: dict[int, int] = {}
    for number, point in sorted(values.items(), key=lambda item: (item[1], item[0])):
        free = (i for i, front in enumerate(found) if not any(_dominates(other, point) for other in reversed(front)))
        index = next(free, len(found))
        if index == len(found):
            found.append([])
        found[index].append(point)
        place[number] = index
    return place


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
