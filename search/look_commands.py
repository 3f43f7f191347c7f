"""The commands that look at a sweep: ``top``, ``publish``, ``ui``."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from search.data_commands import refusing
from search.terminal import console_of, ranking_table


def top(
    name: str,
    storage: Path,
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
            typer.echo(results.csv_text(history), nl=False)
        else:
            console = console_of()
            console.print(ranking_table(history, limit=limit, width=console.width))


def publish(name: str, storage: Path, *, mlflow: str | None) -> None:
    """``teasel publish``."""
    from search.folder import existing

    with refusing():
        place = existing(storage, name)
        from search.tracking import publish as bring_up_to_date

        outcome = bring_up_to_date(place.path, mlflow)
    if outcome.error:
        typer.secho(outcome.error, err=True, fg="red")
        raise typer.Exit(1)
    typer.echo(f"{name}: MLflow has all {outcome.published} rows of the ledger.")


def ui(name: str | None, storage: Path, *, port: int) -> None:
    """``teasel ui``."""
    from search.tracking import serve

    with refusing():
        serve(storage, port=port, name=name)
