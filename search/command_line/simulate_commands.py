"""``teasel simulate``: a sweep in simulated time, as a table."""

from __future__ import annotations

import json
import os
import statistics
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.table import Table
from rich.text import Text

from search.command_line.data_commands import refusing
from search.command_line.terminal import console_of

if TYPE_CHECKING:
    from rich.console import Console

    from search.forecast import Forecast
    from search.intervals import Interval
    from search.simulate import Run
    from search.surrogate import Surrogate
    from search.sweep import Sweep


def simulate(what: str, path: Path, *, trials: int | None, seeds: int, workers: int | None, as_json: bool) -> None:
    """``teasel simulate``."""
    from search.curves_file import read
    from search.surrogate import Surrogate
    from search.sweep_file import find, load

    console = console_of()
    with refusing():
        sweep = load(find(what))
        if trials is not None:
            sweep = sweep.replace(budget={**sweep.budget.model_dump(), "trials": trials})
        surrogate = Surrogate(sweep, read(path))
        at_once = workers or sweep.concurrency or _cores(sweep)
        runs, reference = _simulated(surrogate, at_once, seeds, console)
        from search.forecast import forecast

        goal = surrogate.goal
        found = forecast(
            runs,
            reference,
            metric=goal.metric,
            maximize=goal.maximize,
            best=surrogate.complete[0],
            workers=at_once,
        )
    if as_json:
        json.dump(_record(sweep, surrogate, found, runs, at_once), sys.stdout, indent=1)
        typer.echo()
    else:
        _show(sweep, surrogate, found, at_once, len(runs), path, console)


def _cores(sweep: Sweep) -> int:
    return max(1, int((os.cpu_count() or 1) / max(sweep.resources.cpu, 1)))


def _simulated(surrogate: Surrogate, workers: int, seeds: int, console: Console) -> tuple[list[Run], list[Run]]:
    from search.forecast import LONGER
    from search.simulate import simulate, unstopped

    sweep = surrogate.sweep
    first = sweep.sampler.seed
    with console.status("Simulating …"):
        runs = [simulate(sweep, surrogate, seed=first + i, workers=workers) for i in range(seeds)]
        until = LONGER * statistics.fmean(run.seconds for run in runs)
        plain = unstopped(sweep)
        reference = [simulate(plain, surrogate, seed=first + i, workers=workers, until=until) for i in range(seeds)]
    return runs, reference


def _record(sweep: Sweep, surrogate: Surrogate, found: Forecast, runs: list[Run], workers: int) -> dict[str, Any]:
    from search.results import finite

    said = {
        "sweep": sweep.name,
        "trials": sweep.budget.trials,
        "steps": sweep.budget.steps,
        "workers": workers,
        "curves": len(surrogate.groups),
        **asdict(found),
        "runs": [asdict(run) for run in runs],
    }
    return {key: finite(value) for key, value in said.items()}


def _show(
    sweep: Sweep, surrogate: Surrogate, found: Forecast, workers: int, seeds: int, path: Path, console: Console
) -> None:
    from search.forecast import LONGER
    from search.results import duration

    console.print(
        f"{sweep.name}: {sweep.budget.trials} trials of {sweep.budget.steps} steps, {workers} at once, simulated under "
        f"{seeds} seeds on {len(surrogate.groups)} configurations of {path.name}.",
        highlight=False,
    )
    table = Table(box=None, pad_edge=False)
    for head in ("time", f"best {found.metric}", "random search, none stopped"):
        table.add_column(head, justify="right")
    for row in found.rows:
        table.add_row(duration(row.seconds), _shown(row.sweep), _shown(row.random))
    console.print(table)
    console.print()
    lines = [
        f"Wall time:  {duration(found.seconds.mean)} ± {duration(found.seconds.half)}; busy {found.busy:.0%} of it.",
        f"Trials:     {found.complete.mean:.1f} complete, {found.stopped.mean:.1f} stopped, "
        f"{found.failed.mean:.1f} failed.",
        f"Best:       {_shown(found.value)}; the best recorded has {found.best:.4g}: regret {_shown(found.regret)}.",
        f"Random:     {_shown(found.random)} by then, and as good "
        + (f"after {found.ratio:.1f} times as long." if found.ratio else f"not within {LONGER:g} times as long."),
        f"Near:       a suggestion takes the curve of one of the {surrogate.among} nearest recorded configurations, on "
        f"average {found.apart:.0%} of a hyperparameter's range away.",
    ]
    for line in lines:
        console.print(Text(line), highlight=False, soft_wrap=True)


def _shown(found: Interval | None) -> str:
    return "–" if found is None else f"{found.mean:.4g} ± {found.half:.2g}"
