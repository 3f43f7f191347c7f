"""The part of the page on the space that was searched: what matters of it, by Optuna's figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.report import landscape
from search.report.markup import Html, element, left_out, paragraph, section
from search.report.study import ENOUGH, FEW, by_method, complete, study, varied
from search.report.told import Told

if TYPE_CHECKING:
    import optuna


def hyperparameters(told: Told) -> Html:
    """Importances, slices and parallel coordinates, or why there are none."""
    if told.sweep is None:
        return _section(left_out("this Teasel would refuse the sweep's specification."))
    try:
        whole = study(told.sweep, told.rows)
    except ValueError as error:
        return _section(left_out(str(error)))
    count = len(complete(whole))
    if count < FEW:
        return _section(left_out(f"{_counted(count)} trained to their end; it takes {FEW} to see anything."))
    if not varied(whole):
        return _section(left_out("all complete configurations are alike."))
    parts = [element("h3", "Importance"), *_importance(told, whole), paragraph(_said(told), class_="faint")]
    apart = by_method(whole, told.sweep.methods)
    for method, own in apart.items():
        parts += _of_method(told, method, own, title="" if len(apart) == 1 else f" of {method}")
    return _section(*parts)


def _section(*parts: str) -> Html:
    return section("hyperparameters", "Hyperparameters", *parts)


def _counted(count: int) -> str:
    return "no configuration was" if not count else f"only {count} configuration{'s were' if count > 1 else ' was'}"


def _importance(told: Told, whole: optuna.Study) -> list[Html]:
    count = len(complete(whole))
    bars = landscape.importance_bars(whole, told.goals)
    if bars is not None:
        said = (
            f"How far each hyperparameter decides whether a configuration is among the best tenth of the {count} "
            "complete ones (PED-ANOVA, as in Optuna); a hint rather than a measure where there are few. "
            f"Below {landscape.LEAST} there is no bar."
        )
        return [paragraph(said, class_="faint"), bars.shown("importance")]
    if count < ENOUGH:
        return [left_out(f"{count} complete configurations are too few; it takes {ENOUGH}.")]
    return [left_out("only one hyperparameter varies among the complete configurations.")]


def _said(told: Told) -> str:
    """What slices and parallel coordinates show."""
    said = (
        "Below, each point and each line is a complete configuration; the better it is, the stronger a line's colour. "
        "A dash stands for a hyperparameter that a configuration does not have."
    )
    limited = told.sweep is not None and told.sweep.constraints
    return f"{said} Grey points and dotted lines break a constraint." if limited else said


def _of_method(told: Told, method: str, own: optuna.Study, *, title: str) -> list[Html]:
    """Slices and parallel coordinates of one method, objective by objective."""
    count = len(complete(own))
    if count < FEW or not varied(own):
        why = f"{_counted(count)} trained to their end" if count < FEW else "its complete configurations are alike"
        return [element("h3", f"Slices{title}"), left_out(f"{why}.")]
    parts = []
    for index, goal in enumerate(told.goals):
        drawn = landscape.slices(own, told.goals, index, told.names)
        shown = [figure.shown(f"slice-{method}-{index}-{name}") for name, figure in drawn.items()]
        parts += [element("h3", f"Slices: {goal.metric}{title}"), element("div", *shown, class_="grid")]
        parts.append(element("h3", f"Parallel coordinates: {goal.metric}{title}"))
        lines = landscape.parallel(own, told.goals, index, told.names)
        why = "it takes two hyperparameters that vary."
        parts.append(left_out(why) if lines is None else lines.shown(f"parallel-{method}-{index}"))
    return parts
