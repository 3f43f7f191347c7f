"""The commands that draw what came out of a sweep: ``report`` and ``compare``."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from search.command_line.data_commands import refusing
from search.command_line.terminal import console_of
from search.output_file import require_place
from trainables.core.storage import Place, place

if TYPE_CHECKING:
    from rich.table import Table

    from search.folder import Folder
    from search.report.comparison import Comparison, Line


def report(name: str, storage: str, output: Path | None) -> None:
    """``teasel report``."""
    from search.folder import existing
    from search.history import replay
    from search.ledger import read

    with refusing():
        sweep = existing(storage, name)
        target = _target(sweep, output, "report.html")
        # Asked first, because an empty ledger is refused in words.
        sweep.history()
        from search.report import html

        rows = read(sweep.ledger)
        page = html(sweep.files, rows, replay(rows)).encode()
        target.write(page)
    typer.echo(f"{target}  {len(page) / 1e6:.1f} MB")


def _target(sweep: Folder, output: Path | None, name: str) -> Place:
    """The file that was asked for, or one in the sweep's folder.  Raises ``ValueError`` where it could not be."""
    if output is not None:
        require_place(output)
        return place(output)
    return sweep.files / name


def compare(name: str, numbers: Sequence[int], storage: str, output: Path | None) -> None:
    """``teasel compare``."""
    from search.folder import existing

    with refusing():
        from search.goals import goals
        from search.report.comparison import chosen, comparison
        from search.report.comparison_picture import drawn
        from search.report.told import specified

        there = existing(storage, name)
        history = there.history()
        trials = chosen(history, numbers)
        target = _target(there, output, f"compare-{'-'.join(map(str, numbers))}.png")
        found = comparison(history, trials)
        sweep = specified(history)
        picture, missing = drawn(
            there.files, trials, goals(history.sweep.get("objectives", ())), sweep.rungs if sweep is not None else ()
        )
        file = io.BytesIO()
        picture.save(file, "PNG", optimize=True)
        target.write(file.getvalue())
    console = console_of()
    console.print(_table(found))
    if found.same:
        said = "  ".join(f"{key}={value}" for key, value in found.same.items())
        console.print(f"the same: {said}", style="dim", highlight=False, markup=False, soft_wrap=True)
    console.print()
    for line in (*found.notes, *missing, f"Picture: {target}"):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _table(found: Comparison) -> Table:
    """Side by side, with what is better named at the end of its row."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for trial in found.trials:
        table.add_column(f"{trial.number:03d}", overflow="fold", max_width=40)
    table.add_column("better")

    def add(lines: Sequence[Line], style: str) -> None:
        for line in lines:
            cells = [Text(c, style="bold green" if i == line.better else style) for i, c in enumerate(line.cells)]
            better = "" if line.better is None else f"{found.trials[line.better].number:03d}"
            table.add_row(Text(line.name), *cells, Text(better, style="green"))
        table.add_section()

    add(found.differing, "yellow")
    add(found.facts, "")
    add(found.objectives, "")
    add(found.measures, "")
    return table
