"""The commands that send a sweep to a cluster: ``submit``, and ``resume`` with the address of a head.

All that can be checked here is checked here; what is sent is frozen, and shown before it goes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

import search
from search.command_line.data_commands import refusing
from search.command_line.submission import Options, checked, shared, variables

if TYPE_CHECKING:
    from cluster.head import Head
    from cluster.jobs import Job
    from cluster.package import Package
    from search.sweep import Sweep

SWEEP_FILE = "sweep.yaml"


def submit(
    what: Sequence[str],
    given: dict[str, Any],
    options: Options,
    *,
    address: str | None,
    dry_run: bool,
    detach: bool,
) -> None:
    """``teasel submit``."""
    from cluster.address import head_url
    from cluster.package import gather, source_root
    from search.command_line.run_commands import sweep_of
    from search.sweep_file import dump

    with refusing():
        sweep = sweep_of(what, given)
        storage = shared(sweep.storage)
        options = checked(options)
        env = variables(options.env)
        url = None if dry_run and address is None else head_url(address)
        package = gather(source_root(), {SWEEP_FILE: dump(sweep).encode()}, limit_mb=options.max_size)
    command = options.command("run", SWEEP_FILE)
    if dry_run:
        _list(sweep, package, command, storage, options)
        return
    assert url is not None
    head = reach(url)
    with refusing():
        jobs = [job for job in head.jobs() if job.about.get("sweep_id") == sweep.id]
        again = _there(jobs)
    if again is not None:
        _recognised(head, again, sweep.storage, detach)
    _say(f"Sweep:    {sweep.name}: {', '.join(sweep.methods)} on {sweep.data.name}, {sweep.budget.trials} trials")
    _say(f"Storage:  {storage}")
    about = {"sweep_name": sweep.name, "sweep_id": sweep.id, "storage": sweep.storage, **options.about()}
    first = f"teasel-{sweep.name}-{sweep.id}"
    # Those before were refused by the cluster before they began.
    id = first if not jobs else f"{first}-{len(jobs) + 1}"
    _begin(head, id, command, package, about=about, env=env, detach=detach)


def resume(
    name: str,
    trials: str | None,
    storage: str | None,
    options: Options,
    *,
    address: str,
    detach: bool = False,
) -> None:
    """``teasel resume NAME --address http://…``: go on with a sweep on a cluster.

    What is not given is as it was in the sweep's last job.
    """
    from cluster.address import head_url
    from cluster.package import gather, source_root

    with refusing():
        url = head_url(address)
        if trials is not None and not re.fullmatch(r"\+?[1-9][0-9]*", trials):
            raise ValueError(f"--trials {trials}: write +20 for 20 more, or the new total.")
        options = checked(options)
        package = gather(source_root(), {}, limit_mb=options.max_size)
    head = reach(url)
    with refusing():
        jobs = [job for job in head.jobs() if job.name == name]
        last = next((job for job in reversed(jobs) if not job.refused), None)
        if last is not None and last.live and trials is not None:
            raise ValueError(f"{name} is running; --trials extends it when it has ended. {last.id} is its job.")
        known = {} if last is None else last.about
        where = storage or known.get("storage")
        if where is None:
            raise ValueError(
                f"{url} knows no sweep {name!r}{_others(head.jobs())}. Say where its record lies: --storage URI."
            )
        shown = shared(where)
    if last is not None and last.live:
        _recognised(head, last, where, detach)
    options = replace(
        options,
        data_root=options.data_root or known.get("data_root"),
        mlflow=options.mlflow or known.get("mlflow"),
        python=known.get("python", options.python),
    )
    command = options.command("resume", name, *(["--trials", trials] if trials else []), "--storage", where)
    _say(f"Sweep:    {name}, to go on with")
    _say(f"Storage:  {shown}")
    about = {"sweep_name": name, "sweep_id": known.get("sweep_id", ""), "storage": where, **options.about()}
    before = sum(job.id.startswith(f"teasel-{name}-resume-") for job in jobs)
    env = {} if last is None else last.env
    _begin(head, f"teasel-{name}-resume-{before + 1}", command, package, about=about, env=env, detach=detach)


def reach(url: str) -> Head:
    """The head at ``url``, with Ray's token where there is one."""
    from search.command_line.drive import authenticate

    authenticate(url)
    from cluster.head import Head

    with refusing():
        return Head(url)


def _there(jobs: Sequence[Job]) -> Job | None:
    """The job that makes a submission a second one: the last that began, or waits to."""
    return next((job for job in reversed(jobs) if not job.refused), None)


def _recognised(head: Head, job: Job, storage: str, detach: bool) -> None:
    """Follow what runs, or say what came of what ended; never returns."""
    from search.command_line.job_commands import followed, outcome, since

    if job.about.get("storage", storage) != storage:
        _say(f"Its results lie in {job.about['storage']}, not in {storage}.")
    if not job.live:
        _say(f"{job.name} was submitted {since(job)}. {outcome(job, head.url)}")
        _say("To run the same once more, give it another --name.")
        raise typer.Exit(job.code)
    _say(f"{job.name} runs already, submitted {since(job)} as {job.id}; following it.")
    if detach:
        raise typer.Exit
    raise typer.Exit(followed(head, job.id))


def _begin(
    head: Head,
    id: str,
    command: str,
    package: Package,
    *,
    about: Mapping[str, str],
    env: Mapping[str, str],
    detach: bool,
) -> None:
    """Start a job, or find that another laptop just did, and follow it."""
    from cluster.package import megabytes
    from search.command_line.job_commands import followed

    packed = package.zip()
    _left_out(package)
    size = f"{megabytes(package.size)}, {megabytes(len(packed))} packed"
    _say(f"Sending:  {len(package.files)} files, {size}, to {head.url}")
    with refusing():
        mine = head.submit(id, command, packed, about={"teasel": search.__version__, **about}, env=env)
    _say(f"Job:      {id}" + ("" if mine else ", which somebody else submitted at this moment; following it"))
    if detach:
        _say(f"Follow:   teasel logs {about['sweep_name']} --follow --address {head.url}")
        return
    raise typer.Exit(followed(head, id))


def _list(sweep: Sweep, package: Package, command: str, storage: str, options: Options) -> None:
    from cluster.package import megabytes

    for file in package.largest:
        _say(f"{megabytes(file.size):>10}  {file.name}")
    _left_out(package)
    size = f"{megabytes(package.size)}, {megabytes(len(package.zip()))} packed"
    _say(f"\n{len(package.files)} files, {size}; nothing was sent.")
    _say(f"Job:      teasel-{sweep.name}-{sweep.id}")
    _say(f"Command:  {command.removeprefix('exec ')}")
    _say(f"Storage:  {storage}")
    _say(f"Handed on: {', '.join(options.env) or 'no variables'}")


def _left_out(package: Package) -> None:
    for name in package.left_out:
        typer.secho(f"Left out: {name}", err=True, fg="yellow")


def _others(jobs: Sequence[Job]) -> str:
    names = sorted({job.name for job in jobs if job.name})
    return f"; it knows {', '.join(names)}" if names else ""


def _say(line: str) -> None:
    typer.echo(line)
