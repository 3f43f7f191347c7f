"""The commands that look at a sweep and choose from it, as words; ``look_commands`` does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from search.command_line.options import DEFAULT, Address, DataRoot, Mlflow, Name, Storage


def top(
    name: Name,
    storage: Storage = DEFAULT,
    limit: Annotated[int, typer.Option(help="Rows in the terminal.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="A JSON list, every trial.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV, every trial.")] = False,
    parquet: Annotated[Path | None, typer.Option(help="Write a Parquet file.")] = None,
) -> None:
    """Print the ranking of a sweep, finished or running."""
    from search.command_line import look_commands

    look_commands.top(name, storage, limit=limit, as_json=json, as_csv=csv, parquet=parquet)


def why(
    name: Name,
    trial: Annotated[int, typer.Argument(help="Number of a trial.")],
    storage: Storage = DEFAULT,
) -> None:
    """Tell a trial's story: why it was suggested, its reports, and each decision with its numbers."""
    from search.command_line import look_commands

    look_commands.why(name, trial, storage)


def pick(
    name: Name,
    trial: Annotated[
        int | None,
        typer.Argument(
            help="Number of a trial; default: the one tagged `pick` in MLflow, else the first in the ranking."
        ),
    ] = None,
    because: Annotated[str | None, typer.Option(help="Why; kept with the model.")] = None,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Fresh seeds to train it under.")] = 5,
    steps: Annotated[int | None, typer.Option(min=1, help="Training steps; default: as in the search.")] = None,
    storage: Storage = DEFAULT,
    data_root: DataRoot = None,
    mlflow: Mlflow = None,
    address: Address = None,
) -> None:
    """Choose a configuration: train it for good under fresh seeds, test it once, and register its model."""
    from search.command_line import pick_commands

    pick_commands.pick(
        name,
        trial,
        because=because,
        seeds=seeds,
        steps=steps,
        storage=storage,
        data_root=data_root,
        mlflow=mlflow,
        address=address,
    )


def publish(
    name: Name,
    storage: Storage = DEFAULT,
    mlflow: Mlflow = None,
) -> None:
    """Bring MLflow up to date with a sweep's ledger; doing it twice changes nothing."""
    from search.command_line import look_commands

    look_commands.publish(name, storage, mlflow=mlflow)


def ui(
    name: Annotated[str | None, typer.Argument(help="A sweep to link to.")] = None,
    storage: Storage = DEFAULT,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 5000,
    mlflow: Annotated[
        str | None,
        typer.Option(
            help="A tracking server; default: MLflow is started on the local results.", envvar="MLFLOW_TRACKING_URI"
        ),
    ] = None,
) -> None:
    """Open the MLflow UI on the local results, bound to 127.0.0.1; or print the link to a sweep on a server."""
    from search.command_line import look_commands

    look_commands.ui(name, storage, port=port, mlflow=mlflow)


def share(
    name: Annotated[str, typer.Argument(help="Name of a sweep that you published.")],
    user: Annotated[str, typer.Argument(help="A user of the tracking server.")],
    level: Annotated[
        str, typer.Option(help="READ: see it; EDIT: publish into it; MANAGE: share and delete it; NONE: take it back.")
    ] = "READ",
    mlflow: Annotated[
        str | None, typer.Option(help="The tracking server, one with accounts.", envvar="MLFLOW_TRACKING_URI")
    ] = None,
) -> None:
    """Let another user of the tracking server see a sweep, with its files and its picked model."""
    from search.command_line import look_commands

    look_commands.share(name, user, level=level, mlflow=mlflow)
