"""The ranking of configurations as a table, with intervals over seeds drawn on one scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

from search.goals import Goal
from search.history import COMPLETE, PRUNED
from search.report.markup import Html, element, joined, paragraph, section, table
from search.report.told import Told
from search.report.words import STATES, configured, measured, number, numbers, reason, replicated
from search.standings import Standing, told_apart

WIDTH, HEIGHT, EDGE = 120, 16, 5
"""Of an interval's drawing, in pixels, and the room at its sides."""


def ranked(told: Told) -> Html:
    """Every configuration, best first."""
    if not told.order:
        return section("ranking", "Ranking", paragraph("No configuration has been suggested yet."))
    seeds, several = replicated(told.history), len(told.goals) > 1
    numeric = ["rank", "step", *(goal.metric for goal in told.goals)]
    heads = ["rank", "trials" if seeds else "trial"]
    scales = [_scale(told.order, goal) for goal in told.goals]
    for goal in told.goals:
        heads += [goal.metric, Html("")]
    heads += ["step", "state", "configuration", "reason"]
    rows = []
    for standing in told.order:
        one = standing.configuration
        front = element("span", "front", class_="tag") if standing.pareto else Html("")
        row = [joined([str(standing.rank), " ", front]) if several else str(standing.rank), numbers(one)]
        for goal, scale in zip(told.goals, scales, strict=True):
            row += [_value(standing, goal), _drawn(standing, goal, scale)]
        row += [f"{one.step or one.first.step}/{one.first.steps}"]
        row += [element("span", STATES[one.state], class_=f"state {one.state.lower()}"), configured(one.first)]
        broken = [element("b", "; ".join(standing.violated)), " "] if standing.violated else []
        row += [joined([*broken, reason(one)])]
        rows.append(row)
    notes = [paragraph(_order(several), class_="faint")]
    if apart := told_apart(told.history):
        notes.append(paragraph(apart))
    if seeds:
        notes.append(paragraph("± is half the 95 % interval of the mean over seeds (Student's t).", class_="faint"))
    listed = table(heads, rows, numeric=numeric, caption="Configurations, best first")
    return section("ranking", "Ranking", *notes, element("div", listed, class_="tall"))


def _order(several: bool) -> str:
    if several:
        return (
            "Complete configurations by their Pareto front, then by the first objective; after them those that were "
            "stopped early, by how far they came."
        )
    return "Complete configurations by the objective; after them those that were stopped early, by how far they came."


def _value(standing: Standing, goal: Goal) -> str:
    if goal.metric in standing.intervals:
        found = measured(standing.intervals[goal.metric])
        # What the ranking goes by, where it is not the mean.
        return found if goal.over == "mean" else f"{found} → {number(standing.values[goal.metric])}"
    return number(standing.configuration.first.metrics.get(goal.metric))


def _scale(order: Sequence[Standing], goal: Goal) -> tuple[float, float] | None:
    """The least and the largest value that is drawn: of configurations that were measured, with their intervals."""
    ends = []
    for standing in order:
        found = standing.intervals.get(goal.metric)
        if found is not None and standing.configuration.state in (COMPLETE, PRUNED):
            ends += [found.mean] if math.isinf(found.half) else [found.low, found.high]
    return (min(ends), max(ends)) if ends and min(ends) < max(ends) else None


def _drawn(standing: Standing, goal: Goal, scale: tuple[float, float] | None) -> Html:
    """A configuration's mean as a dot on its interval."""
    found = standing.intervals.get(goal.metric)
    if found is None or scale is None or not scale[0] <= found.mean <= scale[1]:
        return Html("")

    def place(value: float) -> float:
        share = (min(max(value, scale[0]), scale[1]) - scale[0]) / (scale[1] - scale[0])
        return round(EDGE + share * (WIDTH - 2 * EDGE), 1)

    middle = HEIGHT / 2
    parts = []
    if math.isfinite(found.half):
        ends = {"x1": place(found.low), "x2": place(found.high), "y1": middle, "y2": middle}
        parts.append(element("line", **{name: str(value) for name, value in ends.items()}))
    parts.append(element("circle", cx=str(place(found.mean)), cy=str(middle), r="3.5"))
    return element("svg", *parts, class_="interval", width=WIDTH, height=HEIGHT, aria_hidden="true")
