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
from search.command_line import check_cli, curves_cli, look_cli, model_cli, probe_cli, report_cli, submit_cli
from search.command_line.options import DEFAULT, Address, DataRoot, Download, Mlflow, Name, Secondary, Set, Storage
from search.command_line.sweep_options import (
    Concurrency,
    Constraint,
    Cpu,
    Data,
    Disk,
    Gpu,
    Objective,
    Precision,
    Sampler,
    Schedule,
    Score,
    Seed,
    Seeds,
    Steps,
    SweepName,
    Trials,
    WallTime,
    What,
    given,
)
from trainables.core.redaction import guard

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Hyperparameter search for disentangled representations.",
    epilog="Exit codes: 0 done, 1 internal error, 2 refused input, 3 no trial completed, "
    "130 interrupted (`teasel resume` goes on).",
)
data_app = typer.Typer(no_args_is_help=True, help="Datasets: list, prepare, show.")
app.add_typer(data_app, name="data")

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
    what: What,
    data: Data = None,
    secondary: Secondary = None,
    objective: Objective = None,
    trials: Trials = None,
    steps: Steps = None,
    wall_time: WallTime = None,
    disk: Disk = None,
    sampler: Sampler = None,
    schedule: Schedule = None,
    seed: Seed = None,
    seeds: Seeds = None,
    constraint: Constraint = None,
    score: Score = None,
    sets: Set = None,
    name: SweepName = None,
    again: Annotated[bool, typer.Option(help="If the name is taken, use the next free one.")] = False,
    cpu: Cpu = None,
    gpu: Gpu = None,
    precision: Precision = None,
    concurrency: Concurrency = None,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|URI",
            help="Where all results lie: a folder, s3://bucket/prefix or gs://bucket/prefix.  [default: results]",
            envvar="TEASEL_STORAGE",
        ),
    ] = None,
    data_root: DataRoot = None,
    download: Download = False,
    mlflow: Mlflow = None,
    address: Address = None,
) -> None:
    """Search: a sweep file, a ready-made sweep, or methods with a dataset and an objective."""
    from search.command_line import run_commands

    words = given(
        data=data,
        secondary=secondary,
        objective=objective,
        trials=trials,
        steps=steps,
        wall_time=wall_time,
        disk=disk,
        sampler=sampler,
        schedule=schedule,
        seed=seed,
        seeds=seeds,
        constraint=constraint,
        score=score,
        sets=sets,
        name=name,
        cpu=cpu,
        gpu=gpu,
        precision=precision,
        concurrency=concurrency,
        storage=storage,
    )
    run_commands.run(what, words, again=again, data_root=data_root, download=download, mlflow=mlflow, address=address)


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
    """Go on with a sweep that was interrupted, that crashed, or that should have more trials.

    With the address of a head's dashboard (http://HOST:8265) it goes on there, from where it was submitted.
    """
    if submit_cli.is_head(address):
        submit_cli.resume(name, trials, storage, data_root, download=download, mlflow=mlflow, address=address)
        return
    from search.command_line import run_commands

    run_commands.resume(name, trials, storage, data_root=data_root, download=download, mlflow=mlflow, address=address)


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
    precision: Precision = None,
    storage: Storage = DEFAULT,
    data_root: DataRoot = None,
    download: Download = False,
    mlflow: Mlflow = None,
) -> None:
    """Train one configuration, without a search and with the same records."""
    from search.command_line import run_commands

    run_commands.train(
        method,
        data=data,
        secondary=secondary,
        sets=sets or [],
        steps=steps,
        seed=seed,
        name=name,
        gpu=gpu,
        precision=precision,
        storage=storage,
        data_root=data_root,
        download=download,
        mlflow=mlflow,
    )


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
    from search.command_line import reproduce_commands

    reproduce_commands.reproduce(
        tables or [],
        full=full,
        seeds=seeds,
        first_seed=first_seed,
        storage=storage,
        output=output,
        data_root=data_root,
        device=device,
        workers=workers,
    )


for command in (look_cli.top, look_cli.why, look_cli.pick, look_cli.publish, look_cli.share, look_cli.ui):
    app.command()(command)
app.command()(model_cli.encode)
app.command()(model_cli.traverse)
app.command()(check_cli.check)
app.command()(report_cli.report)
app.command()(report_cli.compare)
app.command()(probe_cli.probe)
app.command()(curves_cli.record)
app.command()(curves_cli.simulate)
app.command()(submit_cli.submit)
app.command()(submit_cli.status)
app.command()(submit_cli.stop)
app.command()(submit_cli.logs)


@data_app.command("list")
def data_list() -> None:
    """The datasets and what they give."""
    from search.command_line import data_commands

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
    from search.command_line import data_commands

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
    from search.command_line import data_commands

    data_commands.show(name, sets or [], data_root, download, output)


def main() -> None:
    """Entry point of the console script."""
    guard()
    app()


if __name__ == "__main__":
    main()
