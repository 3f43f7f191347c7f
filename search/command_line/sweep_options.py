"""The words that make a sweep, shared by ``run``, which runs it here, and ``submit``, which sends it to a cluster."""

from __future__ import annotations

from typing import Annotated, Any

import typer

What = Annotated[
    list[str],
    typer.Argument(help="A sweep file, the name of a ready-made sweep, or methods.", show_default=False),
]
Data = Annotated[str | None, typer.Option(help="Dataset, for methods.")]
Objective = Annotated[list[str] | None, typer.Option(help="Metric, such as score/mig; repeat for several.")]
Trials = Annotated[int | None, typer.Option(help="Trials at most.")]
Steps = Annotated[int | None, typer.Option(help="Training steps of a whole trial.")]
WallTime = Annotated[str | None, typer.Option(help="Time at most, such as 6m or 2h30m.")]
Disk = Annotated[
    str | None, typer.Option(help="Room for the weights of complete trials, such as 20GB: those of the best stay.")
]
Sampler = Annotated[str | None, typer.Option(help="tpe, gp, cmaes, qmc, nsga2, random.")]
Schedule = Annotated[str | None, typer.Option(help="asha, hyperband, median, none.")]
Seed = Annotated[int | None, typer.Option(help="Seed of the sampler and of training.")]
Seeds = Annotated[
    str | None,
    typer.Option(help="Seeds of each configuration: 5, or adaptive (one, and up to five for promising ones)."),
]
Constraint = Annotated[
    list[str] | None,
    typer.Option(help="A failure condition to keep away from: collapsed, or dead_latents=0.3; repeat for several."),
]
Score = Annotated[
    list[str] | None, typer.Option(help="A score to compute at the end of each trial, such as dci; repeatable.")
]
SweepName = Annotated[str | None, typer.Option("--name", help="Name of the sweep.")]
Cpu = Annotated[float | None, typer.Option(help="CPUs per trial.")]
Gpu = Annotated[
    str | None, typer.Option(help="GPUs per trial: 1, a fraction such as 0.25, or auto, which measures it.")
]
Precision = Annotated[
    str | None,
    typer.Option(help="What networks compute in: float32, bfloat16, or auto, which is the faster one on the machine."),
]
Concurrency = Annotated[int | None, typer.Option(help="Trials at once, at most.")]


def given(
    *,
    data: str | None,
    secondary: str | None,
    objective: list[str] | None,
    trials: int | None,
    steps: int | None,
    wall_time: str | None,
    disk: str | None,
    sampler: str | None,
    schedule: str | None,
    seed: int | None,
    seeds: str | None,
    constraint: list[str] | None,
    score: list[str] | None,
    sets: list[str] | None,
    name: str | None,
    cpu: float | None,
    gpu: str | None,
    precision: str | None,
    concurrency: int | None,
    storage: str | None,
) -> dict[str, Any]:
    """The words as ``search.sweep_file.from_command_line`` takes them."""
    return {
        "data": data,
        "secondary": secondary,
        "objectives": objective or [],
        "trials": trials,
        "steps": steps,
        "wall_time": wall_time,
        "disk": disk,
        "sampler": sampler,
        "schedule": schedule,
        "seed": seed,
        "sampler_seed": seed,
        "seeds": seeds,
        "constraints": constraint or [],
        "scores": score or [],
        "sets": sets or [],
        "name": name,
        "cpu": cpu,
        "gpu": gpu,
        "precision": precision,
        "concurrency": concurrency,
        "storage": storage,
    }
