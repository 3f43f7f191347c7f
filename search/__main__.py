"""The command line, ``teasel``.

Exit codes: 0 done; 1 an error of Teasel's own; 2 refused before any work (bad input, missing data, a name that is
taken); 3 the sweep ended and no trial completed; 130 interrupted, ``teasel resume`` goes on.

Only light modules are imported here: ``--help``, ``top`` and a refusal answer at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import search

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Hyperparameter search for disentangled representations.",
    epilog="Exit codes: 0 done, 1 internal error, 2 refused input, 3 no trial completed, "
    "130 interrupted (`teasel resume` goes on).",
)
data_app = typer.Typer(no_args_is_help=True, help="Datasets: list, prepare, show.")
app.add_typer(data_app, name="data")

Storage = Annotated[Path, typer.Option(help="Folder of all results.", envvar="TEASEL_STORAGE", show_default=True)]
DataRoot = Annotated[
    Path | None,
    typer.Option(help="Folder of the original datasets.", envvar="TEASEL_DATA_ROOT"),
]
Mlflow = Annotated[
    str | None,
    typer.Option(
        help="Tracking server; default: a database beside the results. 'none': do not publish.",
        envvar="MLFLOW_TRACKING_URI",
    ),
]
Name = Annotated[str, typer.Argument(help="Name of a sweep, the folder in the storage.")]
Download = Annotated[bool, typer.Option("--download", help="Fetch missing originals.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A hyperparameter: a value (lr=1e-4), a range (gamma=1..50), a list (network=burgess,mlp), "
        "'search', or for one method (factor_vae.gamma=6); or an option of a dataset (data.size=32, "
        "secondary.size=28), or which of its images are used (data.per_class=100, data.only=3, data.images=500).",
    ),
]
Secondary = Annotated[
    str | None, typer.Option(help="Second dataset, for methods that train on two, such as mnist beside usps.")
]
Address = Annotated[str | None, typer.Option(help="A running Ray cluster; default: this machine.")]
DEFAULT = Path("results")
RESULTS = Path("tests/reproduction/RESULTS.md")


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"teasel {search.__version__}")
        raise typer.Exit


@app.command()
def run(
    what: Annotated[
        list[str],
        typer.Argument(help="A sweep file, the name of a ready-made sweep, or methods.", show_default=False),
    ],
    data: Annotated[str | None, typer.Option(help="Dataset, for methods.")] = None,
    secondary: Secondary = None,
    objective: Annotated[list[str] | None, typer.Option(help="Metric, such as score/mig; repeat for several.")] = None,
    trials: Annotated[int | None, typer.Option(help="Trials at most.")] = None,
    steps: Annotated[int | None, typer.Option(help="Training steps of a whole trial.")] = None,
    wall_time: Annotated[str | None, typer.Option(help="Time at most, such as 6m or 2h30m.")] = None,
    sampler: Annotated[str | None, typer.Option(help="tpe, gp, cmaes, qmc, nsga2, random.")] = None,
    schedule: Annotated[str | None, typer.Option(help="asha, hyperband, median, none.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the sampler and of training.")] = None,
    sets: Set = None,
    name: Annotated[str | None, typer.Option(help="Name of the sweep.")] = None,
    again: Annotated[bool, typer.Option(help="If the name is taken, use the next free one.")] = False,
    cpu: Annotated[float | None, typer.Option(help="CPUs per trial.")] = None,
    gpu: Annotated[float | None, typer.Option(help="GPUs per trial, fractions allowed.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Trials at once, at most.")] = None,
    storage: Annotated[Path | None, typer.Option(help="Folder of all results.", envvar="TEASEL_STORAGE")] = None,
    data_root: DataRoot = None,
    download: Download = False,
    mlflow: Mlflow = None,
    address: Address = None,
) -> None:
    """Search: a sweep file, a ready-made sweep, or methods with a dataset and an objective."""
    from search import commands

    given = {
        "data": data,
        "secondary": secondary,
        "objectives": objective or [],
        "trials": trials,
        "steps": steps,
        "wall_time": wall_time,
        "sampler": sampler,
        "schedule": schedule,
        "seed": seed,
        "sampler_seed": seed,
        "sets": sets or [],
        "name": name,
        "cpu": cpu,
        "gpu": gpu,
        "concurrency": concurrency,
        "storage": None if storage is None else str(storage),
    }
    commands.run(what, given, again=again, data_root=data_root, download=download, mlflow=mlflow, address=address)


@app.command()
def resume(
    name: Name,
    trials: Annotated[
        str | None, typer.Option(help="Extend a sweep: +20 adds trials, 60 is the new total. A wall time begins anew.")
    ] = None,
    storage: Storage = DEFAULT,
    data_root: DataRoot = None,
    download: Download = False,
    mlflow: Mlflow = None,
    address: Address = None,
) -> None:
    """Go on with a sweep that was interrupted, that crashed, or that should have more trials."""
    from search import commands

    commands.resume(name, trials, storage, data_root=data_root, download=download, mlflow=mlflow, address=address)


@app.command()
def train(
    method: Annotated[str, typer.Argument(help="The method to train.")],
    data: Annotated[str, typer.Option(help="Dataset.")] = "sprites",
    secondary: Secondary = None,
    sets: Set = None,
    steps: Annotated[int, typer.Option(help="Training steps.")] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of training.")] = 0,
    name: Annotated[str | None, typer.Option(help="Name of the record.")] = None,
    gpu: Annotated[float, typer.Option(help="1 trains on the GPU.")] = 0,
    storage: Storage = DEFAULT,
    data_root: DataRoot = None,
    download: Download = False,
    mlflow: Mlflow = None,
) -> None:
    """Train one configuration, without a search and with the same records."""
    from search import commands

    commands.train(
        method,
        data=data,
        secondary=secondary,
        sets=sets or [],
        steps=steps,
        seed=seed,
        name=name,
        gpu=gpu,
        storage=storage,
        data_root=data_root,
        download=download,
        mlflow=mlflow,
    )


@app.command()
def top(
    name: Name,
    storage: Storage = DEFAULT,
    limit: Annotated[int, typer.Option(help="Rows in the terminal.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="A JSON list, every trial.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV, every trial.")] = False,
    parquet: Annotated[Path | None, typer.Option(help="Write a Parquet file.")] = None,
) -> None:
    """Print the ranking of a sweep, finished or running."""
    from search import look_commands

    look_commands.top(name, storage, limit=limit, as_json=json, as_csv=csv, parquet=parquet)


@app.command()
def publish(
    name: Name,
    storage: Storage = DEFAULT,
    mlflow: Mlflow = None,
) -> None:
    """Bring MLflow up to date with a sweep's ledger; doing it twice changes nothing."""
    from search import look_commands

    look_commands.publish(name, storage, mlflow=mlflow)


@app.command()
def ui(
    name: Annotated[str | None, typer.Argument(help="A sweep to link to.")] = None,
    storage: Storage = DEFAULT,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 5000,
) -> None:
    """Open the MLflow UI on the local results, bound to 127.0.0.1."""
    from search import look_commands

    look_commands.ui(name, storage, port=port)


@app.command()
def reproduce(
    tables: Annotated[
        list[str] | None, typer.Argument(help="Tables, or `all`; without any they are listed.", show_default=False)
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="The report's own size, for a GPU.")] = False,
    seeds: Annotated[int | None, typer.Option(min=2, help="Replicates; each table has its own number.")] = None,
    first_seed: Annotated[int, typer.Option(min=0, help="The first seed, to replicate with others.")] = 0,
    storage: Storage = DEFAULT,
    output: Annotated[Path, typer.Option("--output", "-o", help="Markdown file to write.")] = RESULTS,
    data_root: DataRoot = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; default: cpu, and cuda with --full.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Models at once; default: the number of cores.")] = None,
) -> None:
    """Run the reports' tables again, and write their figures beside ours."""
    from search import reproduce_commands

    reproduce_commands.reproduce(
        tables or [],
        full=full,
        seeds=seeds,
        first_seed=first_seed,
        storage=storage,
        output=output,
        data_root=None if data_root is None else str(data_root),
        device=device,
        workers=workers,
    )


@data_app.command("list")
def data_list() -> None:
    """The datasets and what they give."""
    from search import data_commands

    data_commands.list_all()


@data_app.command("prepare")
def data_prepare(
    name: Annotated[str, typer.Argument(help="Dataset.")],
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Option, such as size=32.")
    ] = None,
    data_root: DataRoot = None,
    download: Download = False,
) -> None:
    """Write a dataset's prepared file now, rather than at the first sweep."""
    from search import data_commands

    data_commands.prepare(name, sets or [], data_root, download)


@data_app.command("show")
def data_show(
    name: Annotated[str, typer.Argument(help="Dataset.")],
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Option, such as size=32.")
    ] = None,
    data_root: DataRoot = None,
    download: Download = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="PNG to write.")] = None,
) -> None:
    """Write a PNG of samples and say what the dataset holds."""
    from search import data_commands

    data_commands.show(name, sets or [], data_root, download, output)


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
