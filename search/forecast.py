"""What simulated searches tell together: the best value against time, and when random search would get there.

Values in, values out; knows nothing of loops, curves or terminals.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from search.intervals import Interval, interval
from search.simulate import Run

ROWS = 8
"""Times in the table."""
LONGER = 8.0
"""How many times as long as the sweep random search is watched."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One time of the table."""

    seconds: float
    sweep: Interval | None
    """Of the best value over the seeds; None while some of them have no complete trial."""
    random: Interval | None


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A sweep under several seeds beside random search that stops nothing."""

    metric: str
    rows: tuple[Row, ...]
    seconds: Interval
    """Simulated wall time."""
    busy: float
    """Share of the workers' time that was training or scoring."""
    complete: Interval
    stopped: Interval
    failed: Interval
    value: Interval
    """Of the sweep's best at its end."""
    regret: Interval
    """By how much that is worse than the best recorded configuration."""
    best: float
    """What the best recorded configuration is worth."""
    random: Interval | None
    """Random search's best when the sweep ends."""
    ratio: float | None
    """Random search is as good after so many times the sweep's wall time; None where not within ``LONGER``."""
    apart: float
    """Mean distance from the suggested configurations to the recorded ones that stood for them."""


def forecast(
    runs: Sequence[Run], reference: Sequence[Run], *, metric: str, maximize: bool, best: float, workers: int
) -> Forecast:
    """The forecast of some runs; ``reference`` are random searches of ``LONGER`` times their time.

    Raises ``ValueError`` where a run completed no trial.
    """
    if empty := [run.seed for run in runs if not run.found]:
        raise ValueError(
            f"No trial completed under {len(empty)} of {len(runs)} seeds: there is nothing to tell. Give more trials."
        )
    end = statistics.fmean(run.seconds for run in runs)
    finals = [run.found[-1][1] for run in runs]
    sign = 1.0 if maximize else -1.0
    times = [end * (i + 1) / ROWS for i in range(ROWS)]
    return Forecast(
        metric=metric,
        rows=tuple(Row(seconds=t, sweep=_at(runs, t), random=_at(reference, t)) for t in times),
        seconds=interval(run.seconds for run in runs),
        busy=statistics.fmean(run.busy / (workers * run.seconds) for run in runs),
        complete=interval(run.complete for run in runs),
        stopped=interval(run.stopped for run in runs),
        failed=interval(run.failed for run in runs),
        value=interval(finals),
        regret=interval(sign * (best - value) for value in finals),
        best=best,
        random=_at(reference, end),
        ratio=_until(reference, statistics.fmean(finals), end, sign),
        apart=statistics.fmean(each for run in runs for each in run.apart),
    )


def _at(runs: Sequence[Run], seconds: float) -> Interval | None:
    found = [run.best(seconds) for run in runs]
    return None if None in found else interval(value for value in found if value is not None)


def _until(runs: Sequence[Run], wanted: float, end: float, sign: float) -> float | None:
    """When the mean of the runs' best first is as good as ``wanted``, in multiples of ``end``."""
    return first_time(runs, lambda mean: sign * mean >= sign * wanted - 1e-9 * abs(wanted), LONGER * end, end)


def first_time(runs: Sequence[Run], enough: Callable[[float], bool], until: float, unit: float) -> float | None:
    """When the mean over the runs of their best values is enough for the first time, in multiples of ``unit``."""
    for time in sorted({time for run in runs for time, _ in run.found if time <= until}):
        values = [run.best(time) for run in runs]
        if None not in values and enough(math.fsum(v for v in values if v is not None) / len(values)):
            return time / unit
    return None
