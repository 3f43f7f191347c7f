"""The words of ``teasel report`` and ``teasel compare``; what they do is in ``search.command_line.report_commands``.

Imports nothing heavy, so that ``--help`` answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from search.command_line.options import DEFAULT, Name, Storage


def report(
    name: Name,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="HTML file to write; default: report.html in the sweep's folder."),
    ] = None,
    storage: Storage = DEFAULT,
) -> None:
    """Write what came out of a sweep as one HTML file that needs no network, whether it has ended or not."""
    from search.command_line import report_commands

    report_commands.report(name, storage, output)


def compare(
    name: Name,
    trials: Annotated[list[int], typer.Argument(help="Numbers of 2 to 6 trials.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="PNG to write; default: compare-A-B.png in the sweep's folder."),
    ] = None,
    storage: Storage = DEFAULT,
) -> None:
    """Put trials side by side: configurations, measures, and a picture of their curves and matched latents."""
    from search.command_line import report_commands

    report_commands.compare(name, trials, storage, output)
