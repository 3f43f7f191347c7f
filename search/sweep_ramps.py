"""When a sweep's ramps end, and whether early stopping is left any room behind them.  Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from search.problems import Problem
from search.sweep_space import overridden
from spaces import RAMP, Space

if TYPE_CHECKING:
    from search.sweep_parts import ScheduleSpec


def ramp_ends(each: Mapping[str, Space], steps: int) -> tuple[int, int]:
    """The steps at which the shortest and the longest ramp that a trial may have end; 0 for a trial without one."""
    found = [ends for space in each.values() for ends in _space_ramp_ends(space, steps)]
    return (min(found), max(found)) if found else (0, 0)


def _space_ramp_ends(space: Space, steps: int) -> list[int]:
    ramps = {key: domain for key, domain in space.domains.items() if key.endswith(RAMP) and not space.dormant(key)}
    # A trial is judged when its last ramp has ended: of several at once, the longest counts.
    certain = [_length(domain)[0] for key, domain in ramps.items() if space.certain(key)]
    shortest = max(certain, default=0.0)
    longest = max((_length(domain)[1] for domain in ramps.values()), default=0.0)
    return [math.ceil(shortest * steps), math.ceil(longest * steps)]


def _length(domain: Any) -> tuple[float, float]:
    if domain.fixed is not None:
        return domain.fixed, domain.fixed
    if domain.options is not None:
        return min(domain.options), max(domain.options)
    return domain.low, domain.high


def ramps_problems(schedule: ScheduleSpec, before: Mapping[str, Any]) -> list[Problem]:
    """A schedule that could judge no trial, because ramps end behind its last rung, is no schedule."""
    if schedule.name == "none" or not {"budget", "methods", "space"} <= set(before):
        return []
    each, bad = overridden(before["methods"], before["space"])
    steps = before["budget"].steps
    if bad:
        return []
    ends = {name: _space_ramp_ends(space, steps)[0] for name, space in each.items()}
    last = schedule.rungs[-1] if schedule.rungs else steps - 1
    first = schedule.rungs[0] if schedule.rungs else schedule.grace
    shortest = min(ends.values())
    if shortest > last:
        return [
            Problem(
                ("rungs",) if schedule.rungs else ("name",),
                f"{schedule.name} could stop no trial: ramps end at step {shortest} at the earliest, and no trial is "
                f"judged before its ramp has ended, but the last rung is {last} of {steps} steps. Shorten the ramp "
                f"({_ramp_names(each)}), give more steps or later rungs, or use schedule: none.",
            )
        ]
    if first is not None and all(end > first for end in ends.values()):
        key = "rungs" if schedule.rungs else "grace"
        return [
            Problem(
                (key,),
                f"{key}: the first rung is {first}, but no trial is judged before its ramp has ended, at step "
                f"{shortest} at the earliest; leave {key} out, or begin at {shortest}.",
            )
        ]
    return []


def _ramp_names(each: Mapping[str, Space]) -> str:
    names = (k for space in each.values() for k in space.domains if k.endswith(RAMP) and not space.dormant(k))
    return ", ".join(dict.fromkeys(names))
