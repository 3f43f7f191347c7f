"""Goals: what a sweep is after, from a sweep's objectives or from the ledger's own words.  Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Goal(NamedTuple):
    """An objective: a metric, whether more of it is better, and how its values under several seeds become one."""

    metric: str
    maximize: bool
    over: str = "mean"

    def value(self, metrics: Mapping[str, float]) -> float:
        """The metric, turned so that less is better; infinite where it is missing or not a number."""
        return self.turned(metrics.get(self.metric, math.nan))

    def turned(self, value: float) -> float:
        """``value`` turned so that less is better; infinite where it is not a number."""
        return math.inf if math.isnan(value) else (-value if self.maximize else value)


def goals(objectives: Iterable[Any]) -> tuple[Goal, ...]:
    """Objectives as goals, from ``search.sweep.Objective`` or from the ledger's own mappings."""
    found = []
    for objective in objectives:
        said = objective if isinstance(objective, Mapping) else vars(objective)
        found.append(Goal(said["metric"], said["direction"] == "maximize", said.get("over_seeds", "mean")))
    return tuple(found)
