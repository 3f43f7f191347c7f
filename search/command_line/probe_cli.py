"""The words of ``teasel probe``; what it does is in ``search.command_line.probe_commands``.

Imports nothing heavy, so that ``--help`` answers at once.
"""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from search.command_line.options import Address, DataRoot, Download


def probe(
    what: Annotated[str, typer.Argument(help="A sweep file, or the name of a ready-made sweep.", show_default=False)],
    device: Annotated[
        Literal["cpu", "cuda"] | None, typer.Option(help="Where to measure; default: a GPU if there is one.")
    ] = None,
    data_root: DataRoot = None,
    download: Download = False,
    address: Address = None,
) -> None:
    """Measure the memory that a sweep's largest trials take, and the share of a GPU that each needs."""
    from search.command_line import probe_commands

    probe_commands.probe(what, device, data_root=data_root, download=download, address=address)
