"""The commands for sweeps on a cluster, as words: ``submit``, ``status``, ``stop``, ``logs``.

``submit_commands`` and ``job_commands`` do the work. Imports nothing heavy, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from search.command_line.options import DEFAULT, Download, Mlflow, Secondary, Set
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

Head = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="The dashboard of the cluster's head, http://HOST:8265; default: RAY_API_SERVER_ADDRESS or RAY_ADDRESS.",
    ),
]
Submitted = Annotated[str, typer.Argument(help="Name of a submitted sweep, or the id of one of its jobs.")]
Shared = Annotated[
    str | None,
    typer.Option(
        help="Where all results lie, as the cluster sees it: a URI, or a folder that all nodes share.",
        envvar="TEASEL_STORAGE",
    ),
]
ClusterData = Annotated[
    str | None,
    typer.Option(
        "--data-root", help="Originals of the datasets, as the cluster sees them; default: TEASEL_DATA_ROOT there."
    ),
]
Env = Annotated[
    list[str] | None,
    typer.Option("--env", metavar="NAME", help="A variable to hand on; no secrets: it shows in the dashboard."),
]
Python = Annotated[str, typer.Option("--python", help="The command that starts Python on the cluster's nodes.")]
MaxSize = Annotated[float, typer.Option("--max-size", metavar="MB", help="Send no more than this.")]
Detach = Annotated[bool, typer.Option("--detach", help="Return at once instead of following the sweep.")]


def submit(
    what: What,
    address: Head = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be sent, and send nothing.")] = False,
    detach: Detach = False,
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
    cpu: Cpu = None,
    gpu: Gpu = None,
    precision: Precision = None,
    concurrency: Concurrency = None,
    storage: Shared = None,
    data_root: ClusterData = None,
    download: Download = False,
    mlflow: Mlflow = None,
    env: Env = None,
    python: Python = "python",
    max_size: MaxSize = 10,
) -> None:
    """Run a sweep on a cluster, from here: send it with Teasel's source, and follow it to its end.

    The exit code is the sweep's. The sweep needs nothing from here once it has begun, and submitting it a second time
    follows it again.
    """
    from search.command_line import submit_commands
    from search.command_line.submission import Options

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
    options = Options(
        data_root=data_root, download=download, mlflow=mlflow, env=tuple(env or ()), python=python, max_size=max_size
    )
    submit_commands.submit(what, words, options, address=address, dry_run=dry_run, detach=detach)


def is_head(address: str | None) -> bool:
    """Whether an address is that of a head's dashboard, to which jobs are submitted."""
    return bool(address) and str(address).lower().startswith(("http://", "https://"))


def resume(
    name: str,
    trials: str | None,
    storage: object,
    data_root: object,
    *,
    download: bool,
    mlflow: str | None,
    address: str | None,
) -> None:
    """``teasel resume`` on a cluster.  Folders that are this machine's by default are not the cluster's."""
    from search.command_line import submit_commands
    from search.command_line.submission import Options

    root = None if data_root is None or str(data_root) == os.environ.get("TEASEL_DATA_ROOT") else str(data_root)
    options = Options(data_root=root, download=download, mlflow=mlflow)
    where = None if str(storage) == str(DEFAULT) else str(storage)
    submit_commands.resume(name, trials, where, options, address=str(address))


def status(
    name: Annotated[str | None, typer.Argument(help="A sweep; default: all that were submitted.")] = None,
    address: Head = None,
    storage: Annotated[
        str | None, typer.Option(help="Read the sweep's own record there instead, without a cluster.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Say how submitted sweeps stand: state, trials done, best so far."""
    from search.command_line import job_commands

    job_commands.status(name, address, storage, as_json=json)


def stop(name: Submitted, address: Head = None) -> None:
    """Stop a submitted sweep in order, and see it say goodbye; ``teasel resume`` goes on with it."""
    from search.command_line import job_commands

    job_commands.stop(name, address)


def logs(
    name: Submitted,
    address: Head = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Until the sweep ends, with its exit code.")] = False,
) -> None:
    """Print what a submitted sweep says."""
    from search.command_line import job_commands

    job_commands.logs(name, address, follow=follow)
