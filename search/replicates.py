"""Replicates of a configuration taken together: one value for an objective.  Pure.

Knows reports and goals; no ledger, no Optuna.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from search.goals import Goal
from search.history import Configuration, Report
from search.intervals import deviation, quantile

OVER_SEEDS = ("mean", "median", "lower_bound")
"""How an objective's values under several seeds become one."""


def over_seeds(values: Sequence[float], how: str, *, maximize: bool) -> float:
    """One number for the values that an objective has under several seeds.

    ``mean``, ``median``, or ``lower_bound``: what the mean exceeds with 95 % confidence (Student's t, one-sided), and
    what it stays below where less is better. One value stands for itself.
    """
    if len(values) == 1:
        return values[0]
    if how == "median":
        return statistics.median(values)
    mean = math.fsum(values) / len(values)
    if how == "mean":
        return mean
    assert how == "lower_bound", how
    margin = quantile(0.95, len(values) - 1) * deviation(values) / math.sqrt(len(values))
    return mean - margin if maximize else mean + margin


def together(reports: Sequence[Report], goals: Sequence[Goal]) -> dict[str, float]:
    """What goals are worth over reports of one step, by metric; a metric that one report lacks is left out."""
    found = {}
    for goal in goals:
        values = [report.metrics.get(goal.metric, math.nan) for report in reports]
        if values and all(math.isfinite(value) for value in values):
            found[goal.metric] = over_seeds(values, goal.over, maximize=goal.maximize)
    return found


def worst(reports: Sequence[Report], metrics: Sequence[str]) -> dict[str, float]:
    """The largest value of each metric over reports; left out where no report has it."""
    found: dict[str, float] = {}
    for metric in metrics:
        values = [report.metrics[metric] for report in reports if metric in report.metrics]
        if values and not any(math.isnan(value) for value in values):
            found[metric] = max(values)
    return found


def last(configuration: Configuration) -> list[Report]:
    """The reports that a configuration is known by: those of the last step that all its replicates reached."""
    return configuration.reports(configuration.step) if configuration.step else []
