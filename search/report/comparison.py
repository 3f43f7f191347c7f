"""Trials side by side, in words: what differs between them, what they reached, and which is better.

Reads a ``History`` and nothing else. The picture that goes with it is drawn in ``comparison_picture``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.goals import Goal, goals
from search.history import COMPLETE, RUNNING, History, Trial
from search.intervals import difference
from search.report.words import STATES, measured, number, one_line
from search.standings import Standing, standings
from trainables.core.conditions import met

MOST = 6
"""Trials that fit side by side."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row of the comparison: one cell for each trial."""

    name: str
    cells: tuple[str, ...]
    better: int | None = None
    """The place of the trial that has the best value, where one alone has it."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Everything that is said of trials side by side."""

    trials: Sequence[Trial]
    differing: Sequence[Line]
    """Of the configuration."""
    same: Mapping[str, str]
    """What all have in common of it."""
    facts: Sequence[Line]
    objectives: Sequence[Line]
    measures: Sequence[Line]
    notes: Sequence[str]


def chosen(history: History, numbers: Sequence[int]) -> list[Trial]:
    """The trials to compare.  Raises ``ValueError`` unless they are 2 to 6 different ones of the sweep."""
    count = len(history.trials)
    there = f"{history.sweep.get('name', 'The sweep')} has " + (f"trials 0 to {count - 1}" if count else "no trial yet")
    for asked in numbers:
        if not 0 <= asked < count:
            raise ValueError(f"There is no trial {asked}; {there}.")
        if numbers.count(asked) > 1:
            raise ValueError(f"Trial {asked} is named twice; a comparison takes different trials, and {there}.")
    if not 2 <= len(numbers) <= MOST:
        raise ValueError(f"A comparison takes 2 to {MOST} trials, not {len(numbers)}; {there}.")
    return [history.trials[asked] for asked in numbers]


def comparison(history: History, trials: Sequence[Trial]) -> Comparison:
    """The trials side by side, by their last reports and, where those are at different steps, by a common one."""
    configured: list[Mapping[str, Any]] = [{"method": t.method, **t.config} for t in trials]
    keys = list(dict.fromkeys(key for config in configured for key in config))
    lines = [Line(name=key, cells=tuple(_shown(config, key) for config in configured)) for key in keys]
    wanted = goals(history.sweep.get("objectives", ()))
    standing = {s.configuration.number: s for s in standings(history)}
    theirs = [standing[trial.configuration] for trial in trials]
    return Comparison(
        trials=trials,
        differing=[line for line in lines if len(set(line.cells)) > 1],
        same={line.name: line.cells[0] for line in lines if len(set(line.cells)) == 1},
        facts=_facts(history, trials, theirs),
        objectives=_objectives(trials, theirs, wanted),
        measures=_measures(trials, [goal.metric for goal in wanted]),
        notes=_notes(trials, theirs, wanted),
    )


def _shown(config: Mapping[str, Any], key: str) -> str:
    value = config.get(key)
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else one_line(value)


def _facts(history: History, trials: Sequence[Trial], theirs: Sequence[Standing]) -> list[Line]:
    def line(name: str, cell: Callable[[Trial], str]) -> Line:
        return Line(name=name, cells=tuple(map(cell, trials)))

    seeds = [", ".join(str(t.seed) for t in history.configuration(trial).trials) for trial in trials]
    return [
        Line(name="rank", cells=tuple(str(s.rank) for s in theirs)),
        line("state", lambda t: STATES[t.state]),
        # Conditions, which some reasons name at their end, have a line of their own.
        line("reason", lambda t: one_line(t.reason).partition("; ")[0] or "–"),
        line("step", lambda t: f"{t.step}/{t.steps}"),
        line("seed", lambda t: str(t.seed)),
        Line(name="seeds of its configuration", cells=tuple(seeds)),
        line("conditions met", lambda t: "; ".join(met(t.metrics)) or "–"),
    ]


def _objectives(trials: Sequence[Trial], theirs: Sequence[Standing], wanted: Sequence[Goal]) -> list[Line]:
    lines = []
    step = common(trials)
    for goal in wanted:
        lines.append(_line(goal.metric, [t.metrics.get(goal.metric) for t in trials], maximize=goal.maximize))
        if step is not None and any(trial.step != step for trial in trials):
            values = [found.metrics.get(goal.metric) for t in trials if (found := t.at(step)) is not None]
            lines.append(_line(f"{goal.metric} at step {step}", values, maximize=goal.maximize))
        over = [standing.intervals.get(goal.metric) for standing in theirs]
        if any(one is not None and one.count > 1 for one in over):
            means = [None if one is None else one.mean for one in over]
            better = _better(means, maximize=goal.maximize)
            cells = tuple(measured(one) for one in over)
            lines.append(Line(name=f"{goal.metric} over seeds", cells=cells, better=better))
    return lines


def common(trials: Sequence[Trial]) -> int | None:
    """The last step that all of them have reported."""
    shared = set.intersection(*({report.step for report in trial.reports} for trial in trials))
    return max(shared, default=None)


def _measures(trials: Sequence[Trial], aims: Sequence[str]) -> list[Line]:
    # Imported here: the scores import scipy.
    from trainables.scores import metrics

    lines = []
    for name, metric in sorted(metrics().items()):
        values = [trial.metrics.get(name) for trial in trials]
        if name not in aims and any(value is not None for value in values):
            lines.append(_line(name, values, maximize=metric.direction == "maximize"))
    return lines


def _line(name: str, values: Sequence[float | None], *, maximize: bool) -> Line:
    return Line(name=name, cells=tuple(map(number, values)), better=_better(values, maximize=maximize))


def _better(values: Sequence[float | None], *, maximize: bool) -> int | None:
    known = {i: value for i, value in enumerate(values) if value is not None and math.isfinite(value)}
    if len(known) < 2:
        return None
    best = (max if maximize else min)(known.values())
    places = [i for i, value in known.items() if value == best]
    return places[0] if len(places) == 1 else None


def _notes(trials: Sequence[Trial], theirs: Sequence[Standing], wanted: Sequence[Goal]) -> list[str]:
    """What must be known to read the table rightly."""
    notes = []
    silent = [f"{trial.number:03d}" for trial in trials if not trial.reports]
    if silent:
        notes.append(f"Nothing was reported by {', '.join(silent)}.")
    if len({trial.step for trial in trials if trial.reports}) > 1:
        notes.append("Their last reports are at different steps; longer training alone can make the difference.")
    if any(trial.state == RUNNING for trial in trials):
        notes.append("Not all of them have ended.")
    if len({trial.configuration for trial in trials}) < len(trials):
        notes.append("Some are the same configuration under different seeds: between those there is nothing to choose.")
    for goal in wanted:
        notes += _told_apart(theirs, goal)
    return notes


def _told_apart(theirs: Sequence[Standing], goal: Goal) -> list[str]:
    """Whether the best two configurations differ by more than their seeds do."""
    known = {s.configuration.number: s for s in theirs if goal.metric in s.intervals}
    two = sorted(known.values(), key=lambda s: goal.turned(s.intervals[goal.metric].mean))[:2]
    complete = all(s.configuration.state == COMPLETE for s in two)
    if len(two) < 2 or not complete or min(s.intervals[goal.metric].count for s in two) < 2:
        return []
    each = [[r.metrics[goal.metric] for r in s.configuration.reports(s.configuration.step)] for s in two]
    apart = difference(*each)
    names = " and ".join(f"{s.configuration.first.number:03d}" for s in two)
    said = "cannot be told apart" if apart.low <= 0.0 <= apart.high else "differ by more than their seeds do"
    return [
        f"{goal.metric}: configurations {names} {said} "
        f"(difference {number(apart.mean)}, 95 % interval {number(apart.low)} to {number(apart.high)})."
    ]
