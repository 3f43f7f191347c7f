"""The commands that draw what came out of a sweep: ``report`` and ``compare``."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from search.command_line.data_commands import refusing
from search.command_line.terminal import console_of
from search.output_file import require_place, write_whole

if TYPE_CHECKING:
    from rich.table import Table

    from search.report.comparison import Comparison, Line


def report(name: str, storage: Path, output: Path | None) -> None:
    """``teasel report``."""
    from search.folder import existing
    from search.history import replay
    from search.ledger import read

    with refusing():
        place = existing(storage, name)
        path = output or place.path / "report.html"
        require_place(path)
        # Asked first, because an empty ledger is refused in words.
        place.history()
        from search.report import html

        rows = read(place.ledger)
        page = html(place.path, rows, replay(rows)).encode()
        write_whole(path, page)
    typer.echo(f"{path}  {len(page) / 1e6:.1f} MB")


def compare(name: str, numbers: Sequence[int], storage: Path, output: Path | None) -> None:
    """``teasel compare``."""
    from search.folder import existing

    with refusing():
        from search.goals import goals
        from search.report.comparison import chosen, comparison
        from search.report.comparison_picture import drawn
        from search.report.told import specified

        place = existing(storage, name)
        history = place.history()
        trials = chosen(history, numbers)
        path = output or place.path / f"compare-{'-'.join(map(str, numbers))}.png"
        require_place(path)
        found = comparison(history, trials)
        sweep = specified(history)
        picture, missing = drawn(
            place.path, trials, goals(history.sweep.get("objectives", ())), sweep.rungs if sweep is not None else ()
        )
        file = io.BytesIO()
        picture.save(file, "PNG", optimize=True)
        write_whole(path, file.getvalue())
    console = console_of()
    console.print(_table(found))
    if found.same:
        said = "  ".join(f"{key}={value}" for key, value in found.same.items())
        console.print(f"the same: {said}", style="dim", highlight=False, markup=False, soft_wrap=True)
    console.print()
    for line in (*found.notes, *missing, f"Picture: {path}"):
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
