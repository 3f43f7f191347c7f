"""Figures of the space that was searched: importances, slices and parallel coordinates, by Optuna, in our style.

Only complete configurations are in them. ``names`` says what each configuration is called.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from search.goals import Goal
from search.report.figures import ACCENT, FAINT, HAIR, Figure, axis, plain
from search.report.study import complete, importances, number, varied
from search.results import symbol

if TYPE_CHECKING:
    import optuna


LEAST = 0.01
"""Importance below which a hyperparameter has no bar."""


def importance_bars(found: optuna.Study, goals: Sequence[Goal]) -> Figure | None:
    """How far each hyperparameter decides what is among the best; None where too little is known."""
    shares = importances(found, goals)
    if not shares:
        return None
    largest = {name: max(one[name] for one in shares) for name in shares[0]}
    names = sorted((name for name in largest if largest[name] >= LEAST), key=lambda name: largest[name])
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": plain(goal.metric),
            "y": [_called(name) for name in names],
            "x": [one[name] for name in names],
            "text": [f"{one[name]:.2f}" for name in names],
            "textposition": "outside",
            "cliponaxis": False,
            "hoverinfo": "skip",
            **({"marker": {"color": ACCENT}} if len(goals) == 1 else {}),
        }
        for goal, one in zip(goals, shares, strict=True)
    ]
    layout = {
        "xaxis": axis("share of the importance", range=[0, 1.1], fixedrange=True),
        "yaxis": {"fixedrange": True, "showgrid": False, "ticksuffix": "  "},
        "showlegend": len(goals) > 1,
        "legend": {"traceorder": "normal", "y": 1.02, "yanchor": "bottom"},
        "bargap": 0.35,
    }
    height = 80 + len(names) * (12 + 16 * len(goals)) + 30 * (len(goals) > 1)
    return Figure(data=data, layout=layout, says="Importance of each hyperparameter", height=height)


def slices(found: optuna.Study, goals: Sequence[Goal], index: int, names: Mapping[int, str]) -> dict[str, Figure]:
    """One objective against each hyperparameter that varies."""
    from optuna.visualization import plot_slice

    goal = goals[index]
    called = {trial.number: plain(names[number(trial)]) for trial in complete(found)}
    figures = {}
    for name in varied(found):
        drawn = _values(plot_slice(found, [name], target=lambda t: t.values[index], target_name=goal.metric))
        for trace, colour in zip(drawn["data"], (ACCENT, FAINT), strict=False):
            trials = trace["marker"]["color"] if colour == ACCENT else ()
            trace["text"] = [called[trial] for trial in trials] or "breaks a constraint"
            trace["hovertemplate"] = "%{text}<br>%{x}: %{y:.4g}<extra></extra>"
            trace["marker"] = {"color": colour, "size": 7, "opacity": 0.75, "line": {"width": 0}}
        layout = {
            "xaxis": _horizontal(name, drawn),
            "yaxis": {"nticks": 5},
            "margin": {"l": 40, "r": 8, "t": 8, "b": 40},
            "showlegend": False,
        }
        figures[name] = Figure(data=drawn["data"], layout=layout, says=f"{goal.metric} against {name}", height=230)
    return figures


def _horizontal(name: str, drawn: Mapping[str, Any]) -> dict[str, Any]:
    """The axis of a hyperparameter: a category is written as a person would write it."""
    said = drawn["layout"].get("xaxis", {})
    if said.get("type") == "log":
        values = [value for trace in drawn["data"] for value in trace["x"]]
        ticks = _ticks(min(values), max(values))
        if not ticks:
            return axis(_called(name), type="log", nticks=4, exponentformat="none")
        return axis(_called(name), type="log", tickangle=0, tickvals=ticks, ticktext=[_power(tick) for tick in ticks])
    if said.get("type") != "category":
        return axis(_called(name), nticks=5)
    options = said["categoryarray"]
    words = [plain(option.strip("'")) for option in options]
    kept = {key: said[key] for key in ("type", "categoryorder", "categoryarray")}
    return axis(_called(name), **kept, tickvals=options, ticktext=words, range=[-0.5, len(options) - 0.5])


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers on a logarithmic axis: powers of ten, and some between them where those are few.

    None for a range so short that they would be too few even so.
    """
    span = math.log10(high / low)
    if span < 0.7:
        return []
    steps = (1, 2, 5) if span < 1.2 else (1, 3) if span < 2.2 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [float(f"{step}e{power}") for power in powers for step in steps]


def _power(value: float) -> str:
    """``0.001``, and ``1e-5`` rather than more zeros."""
    step, power = f"{value:e}".split("e")
    return f"{value:g}" if -4 < int(power) < 5 else f"{float(step):g}e{int(power)}"


def parallel(found: optuna.Study, goals: Sequence[Goal], index: int, names: Mapping[int, str]) -> Figure | None:
    """Every complete configuration as a line through its values, the better the stronger; None if one value varies."""
    from optuna.visualization import plot_parallel_coordinate

    goal, params, trials = goals[index], varied(found), complete(found)
    if len(params) < 2:
        return None
    drawn = _values(plot_parallel_coordinate(found, params, target=lambda t: t.values[index], target_name=goal.metric))
    order = sorted(range(len(trials)), key=lambda i: goal.turned(trials[i].values[index]), reverse=True)
    data = []
    for place, (i, trace) in enumerate((i, drawn["data"][i]) for i in order):
        share = (place + 1) / len(order)
        trace["line"] = {**trace["line"], "color": f"rgba(63,144,218,{0.08 + 0.92 * share**2:.2f})", "width": 1.6}
        trace["opacity"] = 1.0
        trace["customdata"] = [[plain(str(value)) for value in pair] for pair in trace["customdata"]]
        trace["text"] = [plain(names[number(trials[i])])] * len(trace["x"])
        trace["hovertemplate"] = "%{text}<br>%{customdata[0]}: %{customdata[1]}<extra></extra>"
        data.append(trace)
    said = drawn["layout"]
    labels = [plain(goal.metric), *map(_called, said["xaxis"]["ticktext"][1:])]
    notes = [
        {**note, "text": plain(note["text"]), "font": {"size": 11, "color": FAINT}, "bgcolor": "var(--paper)"}
        for note in said["annotations"]
    ]
    for note in notes:
        # What a configuration of another form does not have.
        note["text"] = "–" if note["text"] == "None" else note["text"]
    layout = {
        "xaxis": {**said["xaxis"], "ticktext": labels, "fixedrange": True},
        "yaxis": said["yaxis"],
        "annotations": notes,
        "shapes": [{**line, "line": {"color": HAIR, "width": 1}} for line in said["shapes"]],
        "margin": {"l": 44, "r": 30, "t": 24, "b": 40},
        "hovermode": "closest",
        "showlegend": False,
    }
    says = f"{goal.metric} and the hyperparameters of every complete configuration"
    return Figure(data=data, layout=layout, says=says, height=380, least=110 * (len(params) + 1))


def _called(name: str) -> str:
    method, dot, key = name.rpartition(".")
    return plain(f"{method}{dot}{symbol(key)}")


def _values(figure: Any) -> dict[str, Any]:
    """An Optuna figure as plain values, without plotly's own style."""
    said: dict[str, Any] = json.loads(figure.to_json())
    said["layout"].pop("template", None)
    return said
