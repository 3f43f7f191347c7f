"""The sweep that records another one's learning curves: random configurations, each trained to its end.  Pure."""

from __future__ import annotations

import math

from search.sweep import Sweep

REPORTS = 16
"""Reports of a trial at least, where a sweep's own are fewer."""


def recording(sweep: Sweep, *, trials: int, reports: int = REPORTS) -> Sweep:
    """``sweep`` as one that stops no trial and reports often: wherever the sweep itself does, if that is possible.

    It has a name of its own, so it is begun, interrupted and resumed like any other.
    """
    count = sweep.seeds.count
    return sweep.replace(
        name=f"{sweep.name[:73]}-curves",
        sampler={"name": "random", "seed": sweep.sampler.seed},
        schedule={"name": "none"},
        # Adaptive seeds depend on what came out; recorded are all that a configuration could get.
        seeds={"count": count},
        constraints=(),
        budget={"trials": math.ceil(trials / count) * count, "steps": sweep.budget.steps},
        report_every=_every(sweep, reports),
    )


def _every(sweep: Sweep, reports: int) -> int:
    """The steps between two reports: a part of those between the sweep's own, unless these have nothing in common."""
    steps = sweep.budget.steps
    common = math.gcd(*sweep.report_steps)
    # As many parts of it as make enough reports, and not several times too many.
    most = 4 * reports * common // steps
    parts = next((n for n in range(math.ceil(reports * common / steps), most + 1) if common % n == 0), None)
    return max(1, steps // reports) if parts is None else common // parts
