"""Whether recorded curves can speak of a sweep: its data, methods, objectives, steps and hyperparameters.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from search.curves import Curve, Curves
from search.history import COMPLETE
from search.sweep import Sweep
from spaces import RAMP, Choice
from spaces.core.domains import shown

Origins = Mapping[str, Sweep]
"""The sweeps of a file that have the right data, by name."""


def problems(sweep: Sweep, curves: Curves, origins: Origins, here: Sequence[Curve]) -> list[str]:
    """What a sweep asks and its curves cannot tell, a line each; ``here`` are those of its data and methods."""
    if not origins:
        recorded = dict.fromkeys(_described(said["data"]) for said in curves.sweeps.values())
        asked = _described(sweep.model_dump(mode="json")["data"])
        return [f"data: the curves were recorded on {' and on '.join(recorded)}; the sweep searches on {asked}."]
    methods = {curve.method for curve in here if curve.state == COMPLETE}
    missing = [name for name in sweep.methods if name not in methods]
    if missing:
        known = sorted({c.method for c in curves.curves if c.sweep in origins and c.state == COMPLETE})
        return [
            f"methods: there are no curves of {' and '.join(missing)} on this dataset; "
            + (f"there are of {', '.join(known)}." if known else "there are none at all.")
        ]
    return [*_objectives(sweep, here), *_steps(sweep, origins, here), *_hyperparameters(sweep, origins)]


def _described(data: Mapping[str, Any]) -> str:
    said = {**data.get("options", {}), **(data.get("subset") or {})}
    options = ", ".join(f"{k}={v}" for k, v in said.items())
    second = f" beside {_described(data['secondary'])}" if data.get("secondary") else ""
    return f"{data['name']}{f' ({options})' if options else ''}{second}"


def _objectives(sweep: Sweep, here: Sequence[Curve]) -> Iterator[str]:
    if len(sweep.objectives) > 1:
        yield f"objectives: a simulation follows one objective, and the sweep has {len(sweep.objectives)}."
    complete = [curve for curve in here if curve.state == COMPLETE]
    for objective in sweep.objectives:
        name = objective.metric
        without = [curve for curve in complete if None in curve.metrics.get(name, (None,))]
        if any(name not in curve.metrics for curve in complete):
            known = sorted(set.intersection(*(set(curve.metrics) for curve in complete)))
            yield f"objectives: {name} was not recorded of every trial; what was is {', '.join(known)}."
        elif without and sweep.rungs:
            yield (
                f"objectives: {name} was not recorded at every report, so no trial could be stopped by it; record the "
                "curves with it as the objective, or simulate with schedule: none."
            )


def _steps(sweep: Sweep, origins: Origins, here: Sequence[Curve]) -> Iterator[str]:
    lengths = [curve.steps[-1] for curve in here if curve.state == COMPLETE]
    first = max((curve.steps[0] for curve in here if curve.state == COMPLETE), default=0)
    steps = sweep.budget.steps
    if steps > min(lengths):
        yield f"budget.steps: the sweep's trials have {steps} steps, and the curves end at {min(lengths)}."
    elif steps != min(lengths) and any(key.endswith(RAMP) for curve in here for key in curve.config):
        yield (
            f"budget.steps: ramps are fractions of all steps, so curves of {min(lengths)} steps say nothing of trials "
            f"of {steps}."
        )
    if sweep.report_steps[0] < first:
        yield (
            f"reports: the sweep's first report is at step {sweep.report_steps[0]}, and the curves begin at {first}; "
            "`teasel record --reports` records them finer."
        )


def _hyperparameters(sweep: Sweep, origins: Origins) -> Iterator[str]:
    """Every value that the sweep may try lies within what was recorded."""
    for method, space in sweep.spaces().items():
        recorded = [o.spaces()[method] for o in origins.values() if method in o.methods]
        for key, domain in space.domains.items():
            if space.dormant(key):
                continue
            wider = [_wider(domain, each.domains[key]) for each in recorded if not each.dormant(key)]
            if all(wider):
                known = " and ".join(dict.fromkeys(_range(e.domains[key]) for e in recorded if not e.dormant(key)))
                yield (f"space.{method}.{key}: the sweep has {_range(domain)}, and recorded was {known or 'no value'}.")


def _wider(wanted: Any, recorded: Any) -> bool:
    """Whether some wanted value was not within the recorded range."""
    if recorded.fixed is not None:
        return wanted.fixed is None or wanted.fixed != recorded.fixed
    if wanted.fixed is not None:
        return not _within(wanted.fixed, recorded)
    if isinstance(wanted, Choice) or wanted.options is not None:
        return not all(_within(option, recorded) for option in wanted.options)
    if recorded.options is not None:
        low, high = min(recorded.options), max(recorded.options)
    else:
        low, high = recorded.low, recorded.high
    return bool(wanted.low < low or wanted.high > high)


def _within(value: Any, domain: Any) -> bool:
    if isinstance(domain, Choice):
        return value in domain.options
    low, high = (min(domain.options), max(domain.options)) if domain.options else (domain.low, domain.high)
    return bool(low <= value <= high)


def _range(domain: Any) -> str:
    if domain.fixed is not None:
        return shown(domain.fixed)
    if isinstance(domain, Choice) or domain.options is not None:
        return ", ".join(map(str, domain.options))
    return f"{domain.low:g} to {domain.high:g}"


def outside(sweep: Sweep, curve: Curve) -> bool:
    """Whether a recorded configuration is none that the sweep could try: another choice, or beyond a searched range."""
    space = sweep.spaces()[curve.method]
    for key, domain in space.domains.items():
        value = curve.config.get(key)
        if value is None or space.dormant(key):
            continue
        if isinstance(domain, Choice):
            if value not in (domain.options if domain.fixed is None else (domain.fixed,)):
                return True
        elif domain.fixed is None and not _within(value, domain):
            return True
    return False
