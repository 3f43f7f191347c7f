"""The commands ``teasel data …``: list, prepare and show datasets."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from search.command_line.plain import PlainConsole, message
from search.command_line.terminal import console_of
from trainables.core.redaction import redacted

if TYPE_CHECKING:
    from trainables.core.dataset import Dataset, Source

REFUSED = 2


@contextmanager
def refusing() -> Iterator[None]:
    """Turn an error about the input into its message and exit code 2."""
    try:
        yield
    except ValueError as error:
        said = str(error)
    except OSError as error:
        said = f"{error.strerror or error}: {error.filename or 'a file'}"
    else:
        return
    typer.secho(message(redacted(said)), err=True, fg="red")
    raise typer.Exit(REFUSED)


def open_with_progress(source: Source, *, data_root: str | None, download: bool, console: Console) -> Dataset:
    """The prepared dataset with its second one; while they are being prepared, a bar shows how far each is."""
    from trainables.core.dataset import open_source, prepare_dataset

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        each: Source | None = source
        while each is not None:
            prepare_dataset(
                each.name, each.options, data_root=data_root, download=download, progress=_shown(bar, each.name)
            )
            each = each.secondary
    return open_source(source, data_root=data_root)


def _shown(bar: Progress, name: str) -> Callable[[int, int], None]:
    """Reports on a bar that appears with the first word."""
    task: list[TaskID] = []

    def progress(done: int, total: int) -> None:
        if not task:
            task.append(bar.add_task(f"preparing {name}", total=total))
        bar.update(task[0], completed=done)

    return progress


def _options(sets: Sequence[str]) -> dict[str, Any]:
    from search.sweep_file import setting

    return dict(setting(text) for text in sets)


def list_all() -> None:
    """Print every dataset with what it gives."""
    from trainables import data

    table = Table(box=None, pad_edge=False)
    for column in ("dataset", "images", "shape", "labels", "factors"):
        table.add_column(column, no_wrap=column != "factors")
    table.add_column("what")
    for name in data.names():
        about = data.load(name).describe(data.options(name, {}))
        factors = ", ".join(f"{factor} {size}" for factor, size in about.factors.items())
        table.add_row(
            name,
            f"{about.images:,}",
            "×".join(map(str, about.shape)),
            str(len(about.classes)) if about.classes else "–",
            factors or "–",
            f"{about.summary}; {about.source}",
        )
    console_of().print(table)


def prepare(name: str, sets: Sequence[str], data_root: str | None, download: bool) -> None:
    """Write the prepared file and say where it lies."""
    from trainables import data
    from trainables.core.dataset import Source, prepared_path, verify_dataset

    with refusing():
        options = data.options(name, _options(sets))
        source = Source(name=name, options=dataclasses.asdict(options))
        dataset = open_with_progress(source, data_root=data_root, download=download, console=PlainConsole(stderr=True))
        verify_dataset(name, options)
        path = prepared_path(name, options)
        typer.echo(f"{path}  {path.stat().st_size / 1e6:.1f} MB  {len(dataset):,} images")


def show(name: str, sets: Sequence[str], data_root: str | None, download: bool, output: Path | None) -> None:
    """Write a PNG of samples; print splits, factors and classes."""
    from trainables import data
    from trainables.core.arrays import PARTS
    from trainables.core.dataset import Source
    from trainables.core.sheet import sheet

    with refusing():
        options = data.options(name, _options(sets))
        source = Source(name=name, options=dataclasses.asdict(options))
        dataset = open_with_progress(source, data_root=data_root, download=download, console=PlainConsole(stderr=True))
    path = output or Path(f"{name}.png")
    sheet(dataset).save(path)
    splits = ", ".join(f"{part} {len(dataset.split(part)):,}" for part in PARTS)
    typer.echo(f"{name}: {'×'.join(map(str, dataset.shape))}; {splits}")
    if dataset.classes:
        typer.echo(f"labels: {', '.join(dataset.classes)}")
    for factor, size in zip(dataset.factor_names, dataset.factor_sizes, strict=True):
        typer.echo(f"factor {factor}: {size} values")
    typer.echo(f"samples: {path}")
