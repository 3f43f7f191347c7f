"""The commands that look at a sweep: ``top``, ``why``, ``publish``, ``ui``, ``share``."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from search.command_line.data_commands import refusing
from search.command_line.plain import message, plain
from search.command_line.terminal import console_of, ranking_table
from trainables.core.storage import place


def top(
    name: str,
    storage: str,
    *,
    limit: int,
    as_json: bool,
    as_csv: bool,
    parquet: Path | None,
) -> None:
    """``teasel top``."""
    import json

    from search import results
    from search.folder import existing

    with refusing():
        history = existing(storage, name).history()
        if parquet is not None:
            results.write_parquet(results.table(history), parquet)
            typer.echo(f"{parquet}: {len(history.trials)} trials")
        elif as_json:
            json.dump(results.records(history), sys.stdout, indent=1)
            typer.echo()
        elif as_csv:
            text = results.csv_text(history)
            typer.echo(plain(text) if sys.stdout.isatty() else text, nl=False)
        else:
            console = console_of()
            console.print(ranking_table(history, limit=limit, width=console.width))


def why(name: str, trial: int, storage: str) -> None:
    """``teasel why``."""
    from search.folder import existing
    from search.ledger import read

    with refusing():
        from search.story import story
        from search.sweep import Sweep

        sweep = existing(storage, name)
        parts = story(read(sweep.ledger), Sweep.model_validate(sweep.history().sweep), trial)
    console = console_of()
    for part in parts:
        console.print(part.title, style="bold", highlight=False, markup=False)
        for line in part.lines:
            console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)
        console.print()


def publish(name: str, storage: str, *, mlflow: str | None) -> None:
    """``teasel publish``."""
    from search.folder import existing

    with refusing():
        sweep = existing(storage, name)
        from search.tracking import publish as bring_up_to_date

        outcome = bring_up_to_date(sweep.files, mlflow)
    if outcome.error:
        typer.secho(message(outcome.error), err=True, fg="red")
        raise typer.Exit(1)
    typer.echo(f"{name}: MLflow has all {outcome.published} rows of the ledger.")


def ui(name: str | None, storage: str, *, port: int, mlflow: str | None) -> None:
    """``teasel ui``."""
    from search.tracking import on_server, serve

    with refusing():
        if mlflow is not None and mlflow != "none":
            typer.echo(plain(on_server(mlflow, name)))
        else:
            place(storage).require()
            serve(storage, port=port, name=name)


def share(name: str, user: str, *, level: str, mlflow: str | None) -> None:
    """``teasel share``."""
    with refusing():
        if mlflow is None or mlflow == "none":
            raise ValueError("Sweeps are shared on a server: name it with --mlflow or MLFLOW_TRACKING_URI.")
        from search.tracking import share as give

        given = " and ".join(give(mlflow, name, user, level.upper()))
    typer.echo(f"{user} has {level.upper()} on {given}." if level.upper() != "NONE" else f"{user} lost {given}.")
