"""The words of ``teasel record`` and ``teasel simulate``.

Imports nothing heavy, so that ``--help`` answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from search.command_line.options import DEFAULT, Address, DataRoot, Download, Storage


def record(
    output: Annotated[Path, typer.Option("--output", "-o", help="Parquet file to write.")],
    what: Annotated[
        list[str] | None,
        typer.Argument(help="Sweep files, or names of ready-made sweeps, to record.", show_default=False),
    ] = None,
    recorded: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="NAME", help="A sweep that was run already; its stopped trials are left out."),
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Trials of each sweep file.")] = 100,
    reports: Annotated[int, typer.Option(min=1, max=1000, help="Reports of each trial, at least about so many.")] = 16,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Trials at once, at most.")] = None,
    storage: Storage = DEFAULT,
    data_root: DataRoot = None,
    download: Download = False,
    address: Address = None,
) -> None:
    """Record learning curves: random configurations of a sweep, none stopped, for `teasel simulate`.

    A sweep NAME is recorded as a sweep NAME-curves. The same command goes on where it was interrupted, and writes the
    file when all is recorded.
    """
    from search.command_line import record_commands

    record_commands.record(
        what or [],
        recorded or [],
        output,
        trials=trials,
        reports=reports,
        concurrency=concurrency,
        storage=storage,
        data_root=data_root,
        download=download,
        address=address,
    )


def simulate(
    what: Annotated[str, typer.Argument(help="A sweep file, or the name of a ready-made sweep.", show_default=False)],
    curves: Annotated[Path, typer.Option(help="File of recorded curves (`teasel record`).")],
    trials: Annotated[int | None, typer.Option(min=1, help="Trials at most, instead of the sweep's.")] = None,
    seeds: Annotated[int, typer.Option(min=2, max=1000, help="Simulated searches, each under another seed.")] = 10,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Trials at once; default: the sweep's, or the number of cores.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Try a budget before you spend it: the sweep in simulated time, on recorded learning curves."""
    from search.command_line import simulate_commands

    simulate_commands.simulate(what, curves, trials=trials, seeds=seeds, workers=workers, as_json=json)
