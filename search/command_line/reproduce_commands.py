"""The command ``reproduce``: tables of the reports, run again."""

from __future__ import annotations

import dataclasses
import datetime
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from search.command_line.data_commands import refusing
from trainables.core.registry import nearest
from trainables.core.storage import place

if TYPE_CHECKING:
    from search.reproduction.core.experiment import Experiment, Plan


def reproduce(
    tables: Sequence[str],
    *,
    full: bool,
    seeds: int | None,
    first_seed: int,
    storage: str,
    output: Path,
    data_root: str | None,
    device: str | None,
    workers: int | None,
) -> None:
    """``teasel reproduce``."""
    from search import reproduction

    known = reproduction.names()
    for name in tables:
        if name not in known:
            typer.secho(f"No table {name!r}{nearest(name, known)}; tables are {', '.join(known)}.", err=True, fg="red")
            raise typer.Exit(2)
    if not tables:
        for name in known:
            typer.echo(f"{name:22} {reproduction.load(name).TITLE}")
        typer.echo("Run some with `teasel reproduce TABLE …`, or all with `teasel reproduce all`.")
        return
    with refusing():
        local = place(storage).local
        if local is None:
            raise ValueError(f"`teasel reproduce` keeps its records on a disk; --storage {storage} must be a folder.")
    chosen = known if "all" in tables else [name for name in known if name in tables]
    from search.reproduction.core.experiment import Plan

    plan = Plan(
        full=full,
        data_root=data_root,
        device=device or ("cuda" if full else "cpu"),
        storage=local,
        workers=workers or os.cpu_count() or 1,
    )
    with refusing():
        for name in chosen:
            count = seeds or reproduction.load(name).SEEDS
            _one(name, dataclasses.replace(plan, seeds=tuple(range(first_seed, first_seed + count))), output)


def _one(name: str, plan: Plan, output: Path) -> None:
    from rich.progress import Progress

    from search import reproduction
    from search.reproduction.core.claims import Results
    from search.reproduction.core.results_page import section, write, written
    from search.reproduction.core.runner import run

    table = reproduction.load(name)
    if hasattr(table, "prepare"):
        table.prepare(plan)
    experiments = table.experiments(plan)
    _data(experiments, plan.data_root)
    file = plan.storage / "reproduction" / f"{name}.jsonl"
    with Progress() as progress:
        bar = progress.add_task(name, total=len(experiments))
        records = run(experiments, plan, file, lambda record: progress.advance(bar))
    results = Results(records)
    page = table.page(results, plan)
    text = section(name, table, page, results, plan, machine(plan.device))
    write(output, written(output.read_text() if output.exists() else "", reproduction.names(), name, text))
    for claim in page.claims:
        typer.echo(f"{name}: {claim.verdict:27} {claim.text}: {claim.ours} (reported: {claim.reported})")
    typer.echo(f"{name}: {results.core_minutes:.0f} core-minutes; written to {output}; every record is in {file}")


def _data(experiments: Sequence[Experiment], data_root: str | None) -> None:
    """Prepare each dataset once, before processes would wait for each other."""
    from trainables.core.dataset import open_source

    seen = set()
    for experiment in experiments:
        said = repr(experiment.source)
        if said not in seen:
            seen.add(said)
            open_source(experiment.source, data_root=data_root)


def machine(device: str) -> str:
    """The hardware, the library and the day, in words."""
    import torch

    if device != "cpu":
        name = torch.cuda.get_device_name()
    else:
        info = Path("/proc/cpuinfo")
        models = (
            [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
        )
        name = f"{os.cpu_count()} cores of {models[0].partition(':')[2].strip() if models else platform.processor()}"
    day = datetime.datetime.now(datetime.UTC).date()
    return f"{name}, torch {torch.__version__.partition('+')[0]}, {day}"
