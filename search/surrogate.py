"""What recorded curves say a sweep's trials would report: each configuration takes the curve of one recorded nearby.

Which of the ``AMONG`` nearest that is, is drawn once for each configuration, the nearer the likelier. The nearest alone
would make plateaus on which whatever is tried again comes out the same; left out one by one, recorded configurations
are foretold better by such a draw (``make bench-search`` says by how much). Near is measured as the recorded space is
scaled (logarithmic where it is); a whole range counts 1, and so does another choice. Between two recorded reports
values and seconds are interpolated. A sweep that the curves cannot speak of is refused. Pure; knows no file, no loop.
"""

from __future__ import annotations

import bisect
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from search.curves import Curve, Curves
from search.goals import goals
from search.replicates import over_seeds
from search.surrogate_check import outside, problems
from search.sweep import Sweep
from spaces import Choice
from trainables.core.conditions import CONDITIONS, met

AMONG = 5
"""So many of the nearest may stand for a configuration; their weights fall with the square of their distance."""


class NotRecorded(ValueError):
    """The curves do not speak of what the sweep asks for; the message has a line for each thing."""


@dataclass(frozen=True)
class Point:
    """What a trial reports at a step, and what that takes from its report before; no metrics where it diverges."""

    step: int
    seconds: float
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Near:
    """A recorded configuration with the curves of its seeds, and how far it is from the one that was asked for."""

    curves: tuple[Curve, ...]
    apart: float
    """Root mean square over the hyperparameters, as a share of each one's range."""


class Surrogate:
    """Answers for trials of ``sweep`` out of ``curves``.  Raises ``NotRecorded``."""

    def __init__(self, sweep: Sweep, curves: Curves, *, among: int = AMONG) -> None:
        self.sweep = sweep
        self.among = among
        (self.goal, *_) = goals(sweep.objectives)
        self._limits = {c.condition: c.at_most for c in sweep.constraints}
        usable = [name for name, said in curves.sweeps.items() if _data(said) == _data(sweep.model_dump(mode="json"))]
        self._origins = {name: _origin(curves.sweeps[name]) for name in usable}
        here = [curve for curve in curves.curves if curve.sweep in self._origins and curve.method in sweep.methods]
        self._domains = {
            name: {method: space.domains for method, space in origin.spaces().items()}
            for name, origin in self._origins.items()
        }
        if found := problems(sweep, curves, self._origins, here):
            raise NotRecorded("\n".join(found))
        groups: dict[Any, list[Curve]] = {}
        for curve in here:
            if not outside(sweep, curve):
                groups.setdefault(curve.key, []).append(curve)
        self.seeds = sweep.seeds.count
        whole = {key: sorted(group, key=lambda c: c.seed) for key, group in groups.items() if len(group) >= self.seeds}
        self.groups = tuple(tuple(group[: self.seeds]) for group in whole.values())
        missing = [name for name in sweep.methods if not any(group[0].method == name for group in self.groups)]
        if missing:
            most = max((len(group) for group in groups.values()), default=0)
            raise NotRecorded(
                f"seeds: the sweep trains each configuration under {self.seeds} seeds, and the curves of {missing[0]} "
                f"that it can use have {most} of each."
            )
        self.scaled = [self._place(group[0].sweep, group[0].method, group[0].config) for group in self.groups]
        self._known: dict[Any, Near] = {}

    # -- the nearest ----------------------------------------------------------------------------------------------

    def near(self, method: str, config: Mapping[str, Any]) -> Near:
        """The recorded configuration that stands for this one; a recorded one stands for itself."""
        key = (method, tuple(sorted(config.items())))
        if key not in self._known:
            places = {name: self._place(name, method, config) for name in self._origins}
            found = sorted(
                (distance(places[group[0].sweep], place), index)
                for index, (group, place) in enumerate(zip(self.groups, self.scaled, strict=True))
                if group[0].method == method
            )[: self.among]
            apart, index = found[_drawn(key, [apart for apart, _ in found])]
            self._known[key] = Near(self.groups[index], apart)
        return self._known[key]

    def _place(self, origin: str, method: str, config: Mapping[str, Any]) -> dict[str, Any]:
        """Where a configuration lies in a recorded space: numbers from 0 to 1, and choices as they are."""
        domains = self._domains[origin].get(method, {})
        return {
            key: _placed(domains[key], value)
            for key, value in config.items()
            if key in domains and domains[key].fixed is None
        }

    # -- what it reports ------------------------------------------------------------------------------------------

    def points(self, curve: Curve, reports: Sequence[int]) -> list[Point]:
        """What a trial says at these steps; the last has no metrics where it diverges before the next."""
        steps = (0, *curve.steps)
        found, before, spent = [], 0, 0.0
        for step in reports:
            if step > curve.steps[-1] if curve.steps else True:
                # It diverged on the way there.
                left = sum(curve.seconds) + curve.rest - spent
                found.append(Point(step, max(0.0, left), {}))
                return found
            right = bisect.bisect_left(steps, step)
            part = (step - steps[right - 1]) / (steps[right] - steps[right - 1])
            seconds = self._trained(curve, step) - self._trained(curve, before) + curve.reporting[right - 1]
            metrics = {
                name: value
                for name, values in curve.metrics.items()
                if (value := _between(values, right - 1, part)) is not None
            }
            found.append(Point(step, seconds, metrics))
            before, spent = step, spent + seconds
        return found

    def _trained(self, curve: Curve, step: int) -> float:
        """Seconds of training up to ``step``."""
        steps = (0, *curve.steps)
        right = bisect.bisect_left(steps, step)
        if right == 0:
            return 0.0
        part = (step - steps[right - 1]) / (steps[right] - steps[right - 1])
        return math.fsum(curve.training[: right - 1]) + part * curve.training[right - 1]

    # -- what it is worth -----------------------------------------------------------------------------------------

    def worth(self, group: Sequence[Curve]) -> float | None:
        """What a configuration's objective is at the sweep's end; None where it breaks a constraint or diverges."""
        last = [self.points(curve, [self.sweep.budget.steps])[-1].metrics for curve in group]
        if any(self.goal.metric not in each or not math.isfinite(each[self.goal.metric]) for each in last):
            return None
        if self._limits and any(_broken(each, self._limits) for each in last):
            return None
        values = [each[self.goal.metric] for each in last]
        return over_seeds(values, self.goal.over, maximize=self.goal.maximize)

    @cached_property
    def complete(self) -> list[float]:
        """What all recorded configurations are worth, best first."""
        found = [value for group in self.groups if (value := self.worth(group)) is not None]
        return sorted(found, reverse=self.goal.maximize)


def _broken(metrics: Mapping[str, float], limits: Mapping[str, float]) -> list[str]:
    named = {CONDITIONS[name].metric: metrics.get(CONDITIONS[name].metric) for name in limits}
    return met({k: v for k, v in named.items() if v is not None}, limits)


def _data(said: Mapping[str, Any]) -> Mapping[str, Any]:
    return said["data"]


def _origin(said: Mapping[str, Any]) -> Sweep:
    try:
        return Sweep.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]["msg"]
        raise NotRecorded(
            f"The curves come from a sweep {said.get('name')} that this Teasel would refuse: {first}"
        ) from None


def _placed(domain: Any, value: Any) -> Any:
    """A value's place in its domain."""
    if isinstance(domain, Choice) or isinstance(value, (str, bool)):
        return value
    low, high = (min(domain.options), max(domain.options)) if domain.options else (domain.low, domain.high)
    if domain.log and low > 0 and value > 0:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return (value - low) / (high - low) if high > low else 0.0


def distance(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Root mean square over the hyperparameters that either has; one that a single one has counts 1."""
    keys = one.keys() | other.keys()
    squares = 0.0
    for key in keys:
        a, b = one.get(key), other.get(key)
        if isinstance(a, float) and isinstance(b, float):
            squares += (a - b) ** 2
        else:
            squares += a != b
    return math.sqrt(squares / len(keys)) if keys else 0.0


def _drawn(key: Any, distances: Sequence[float]) -> int:
    """Which of some neighbours stands for a configuration: drawn from its own words, so always the same."""
    if distances[0] == 0.0:
        return 0
    weights = [apart**-2 for apart in distances]
    digest = hashlib.sha256(json.dumps(key).encode()).digest()
    left = int.from_bytes(digest[:8], "big") / 2**64 * math.fsum(weights)
    for index, weight in enumerate(weights):
        left -= weight
        if left < 0.0:
            return index
    return len(weights) - 1


def _between(values: Sequence[float | None], index: int, part: float) -> float | None:
    """A metric at ``part`` of the way from the report before ``index`` to it."""
    here = values[index]
    if part == 1.0 or here is None:
        return here
    before = values[index - 1] if index else None
    return None if before is None else before + part * (here - before)
