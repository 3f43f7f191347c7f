"""The words of ``teasel check``; ``check_commands`` does the work.  Imports nothing heavy."""

from __future__ import annotations

from typing import Annotated

import typer

from search.command_line.options import DataRoot, Mlflow


def check(
    sweep: Annotated[
        str | None, typer.Argument(help="A sweep file, or the name of a ready-made sweep.", show_default=False)
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="A running Ray cluster, HOST:PORT or auto; default: this machine.", envvar="RAY_ADDRESS"),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(help="Where results will lie; default: the sweep's, or results.", envvar="TEASEL_STORAGE"),
    ] = None,
    mlflow: Mlflow = None,
    data_root: DataRoot = None,
    timeout: Annotated[float, typer.Option(min=5, help="Seconds to wait for a node.")] = 120,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Is this machine, or a cluster, ready for a sweep?  Exit code 2 where something is wrong."""
    from search.command_line import check_commands

    check_commands.check(
        sweep,
        address=address,
        storage=storage,
        mlflow=mlflow,
        data_root=data_root,
        patience=timeout,
        as_json=as_json,
    )
