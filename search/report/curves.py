"""Figures of what was measured: learning curves of the objectives, and Pareto fronts.

``names`` says what each configuration is called.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from search.goals import Goal
from search.history import COMPLETE, FAIL, Configuration
from search.report.figures import ACCENT, BAD, FAINT, INK, Figure, axis, plain
from search.report.words import STATES, numbers
from search.standings import Standing
from trainables.core.charts import PALETTE

BEST = 5
"""Configurations whose learning curves have a colour of their own."""
COLOURS = tuple(PALETTE[i] for i in (0, 1, 2, 4, 9))
"""Of the best ones' curves: the palette without its greys, which are for the others."""
BANDS = 2
"""Curves with a band over their seeds: more of them would hide each other."""
LABELLED = 15
"""Points of a front that have their trial's number beside them, at most."""

Curve = list[tuple[int, list[float]]]
"""Steps with the values of the replicates at each."""


def curve(configuration: Configuration, metric: str) -> Curve:
    """The steps that all replicates of a configuration have reported; its first one's where there is none."""
    for trials in (configuration.counted, [configuration.first]):
        found = []
        for report in trials[0].reports:
            at = [trial.at(report.step) for trial in trials]
            values = [one.metrics[metric] for one in at if one is not None and metric in one.metrics]
            if len(values) == len(trials) and all(map(math.isfinite, values)):
                found.append((report.step, values))
        if found:
            return found
    return []


def learning_curves(
    order: Sequence[Standing], goal: Goal, rungs: Sequence[int], names: Mapping[int, str]
) -> Figure | None:
    """An objective over the steps: every configuration, the best ones in colour; None before the first report."""
    curves = [(standing.configuration, curve(standing.configuration, goal.metric)) for standing in order]
    curves = [(one, points) for one, points in curves if points]
    if not curves:
        return None
    usable = [found for found in curves if found[0].state != FAIL]
    best = ([found for found in usable if found[0].state == COMPLETE] or usable)[:BEST]
    data = [_others(state, curves[::-1], best, names) for state in STATES]
    for place, (_, points) in reversed(list(enumerate(best[:BANDS]))):
        if max(len(values) for _, values in points) > 1:
            data.append(_band(points, COLOURS[place]))
    for place, (configuration, points) in reversed(list(enumerate(best))):
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": f"{configuration.first.number:03d}",
                "x": [step for step, _ in points],
                "y": [statistics.fmean(values) for _, values in points],
                "text": [plain(names[configuration.number])] * len(points),
                "hovertemplate": "%{text}<br>step %{x}: %{y:.4g}<extra></extra>",
                "line": {"color": COLOURS[place], "width": 2.4},
                "marker": {"size": 5},
                "legendrank": 1000 + place,
            }
        )
    layout = {
        "xaxis": axis("step", range=[0, 1.02 * max(one.first.steps for one, _ in curves)]),
        "yaxis": axis(goal.metric, range=_range(curves, best), nticks=7),
        "shapes": [_vertical(rung) for rung in rungs],
        "annotations": [_note(rung) for rung in rungs],
        "hovermode": "closest",
        "margin": {"t": 26},
    }
    shown = [trace for trace in data if trace is not None]
    return Figure(data=shown, layout=layout, says=f"Learning curves of {goal.metric}", height=400)


def _others(state: str, curves: Sequence[Any], best: Sequence[Any], names: Mapping[int, str]) -> dict[str, Any] | None:
    """All other configurations that ended so, as one line with gaps."""
    x: list[int | None] = []
    y: list[float | None] = []
    text: list[str] = []
    for configuration, points in curves:
        if configuration.state == state and all(configuration is not one for one, _ in best):
            x += [*(step for step, _ in points), None]
            y += [*(statistics.fmean(values) for _, values in points), None]
            text += [plain(names[configuration.number])] * (len(points) + 1)
    if not x:
        return None
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": STATES[state],
        "x": x,
        "y": y,
        "text": text,
        "hovertemplate": "%{text}<br>step %{x}: %{y:.4g}<extra></extra>",
        "line": {"color": BAD if state == FAIL else FAINT, "width": 1, "dash": "solid" if state == COMPLETE else "dot"},
        "marker": {"size": 3},
        "opacity": 0.6,
    }


def _band(points: Curve, colour: str) -> dict[str, Any]:
    """From the worst replicate to the best."""
    steps = [step for step, _ in points]
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return {
        "type": "scatter",
        "mode": "lines",
        "x": steps + steps[::-1],
        "y": [max(values) for _, values in points] + [min(values) for _, values in reversed(points)],
        "fill": "toself",
        "fillcolor": f"rgba({red},{green},{blue},0.14)",
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _range(curves: Sequence[Any], best: Sequence[Any]) -> list[float] | None:
    """What of the axis is shown: the best whole, of the others all but what is far off."""
    every = sorted(value for _, points in curves for _, values in points for value in values)
    kept = [value for _, points in best for _, values in points for value in values]
    kept += [every[round(0.04 * (len(every) - 1))], every[round(0.96 * (len(every) - 1))]]
    low, high = min(kept), max(kept)
    room = 0.06 * (high - low)
    return [low - room, high + room] if room else None


def _vertical(step: int) -> dict[str, Any]:
    line = {"color": FAINT, "width": 1, "dash": "dot"}
    return {"type": "line", "xref": "x", "yref": "paper", "x0": step, "x1": step, "y0": 0, "y1": 1, "line": line}


def _note(step: int) -> dict[str, Any]:
    place = {"x": step, "y": 1, "xref": "x", "yref": "paper", "yanchor": "bottom"}
    return {"text": f"rung {step}", "showarrow": False, "font": {"size": 11, "color": FAINT}, **place}


# -- Pareto fronts ------------------------------------------------------------------------------------------------


def pareto(order: Sequence[Standing], goals: Sequence[Goal], names: Mapping[int, str]) -> list[Figure]:
    """Complete configurations by two objectives at a time, the front marked; the front is that of all objectives."""
    known = [s for s in order if s.configuration.state == COMPLETE and len(s.values) == len(goals)]
    return [_plane(known, x, y, names, alone=len(goals) == 2) for x, y in combinations(goals, 2)] if known else []


def _plane(known: Sequence[Standing], x: Goal, y: Goal, names: Mapping[int, str], *, alone: bool) -> Figure:
    front = sorted((s for s in known if s.pareto), key=lambda s: x.turned(s.values[x.metric]))
    broken = [s for s in known if s.violated]
    behind = [s for s in known if not s.pareto and not s.violated]
    data = [_points(behind, x, y, names, "behind the front", {"color": FAINT, "size": 7, "opacity": 0.7})]
    if broken:
        marker = {"color": BAD, "size": 7, "symbol": "x-thin", "line": {"width": 1.5, "color": BAD}}
        data.append(_points(broken, x, y, names, "breaks a constraint", marker))
    first = _points(front, x, y, names, "Pareto front", {"color": ACCENT, "size": 10})
    if len(front) <= LABELLED:
        first |= {
            "mode": "markers+text",
            "texttemplate": [numbers(s.configuration).partition(",")[0] for s in front],
            "textposition": "top center",
            "textfont": {"size": 11, "color": INK},
        }
    if alone:
        # Behind this line lies what some configuration of the front is better than.
        line = {"color": ACCENT, "width": 1, "shape": "hv"}
        data.append({**_points(front, x, y, names, "", {}), "mode": "lines", "line": line, "hoverinfo": "skip"})
        data[-1] |= {"showlegend": False, "hovertemplate": None, "error_x": {}, "error_y": {}}
    data.append(first)
    layout = {"xaxis": axis(_aim(x)), "yaxis": axis(_aim(y)), "hovermode": "closest", "margin": {"t": 26}}
    return Figure(data=data, layout=layout, says=f"Pareto front of {x.metric} and {y.metric}", height=420)


def _points(
    found: Sequence[Standing], x: Goal, y: Goal, names: Mapping[int, str], name: str, marker: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [s.values[x.metric] for s in found],
        "y": [s.values[y.metric] for s in found],
        "error_x": _spread(found, x),
        "error_y": _spread(found, y),
        "text": [plain(names[s.configuration.number]) for s in found],
        "hovertemplate": "%{text}<br>%{x:.4g}, %{y:.4g}<extra></extra>",
        "marker": dict(marker),
    }


def _spread(found: Sequence[Standing], goal: Goal) -> dict[str, Any]:
    halves = [s.intervals[goal.metric].half for s in found]
    if not any(map(math.isfinite, halves)):
        return {}
    lengths = [half if math.isfinite(half) else 0.0 for half in halves]
    return {"type": "data", "array": lengths, "thickness": 0.75, "width": 0, "color": FAINT}


def _aim(goal: Goal) -> str:
    return f"{goal.metric} ({'more' if goal.maximize else 'less'} is better)"
