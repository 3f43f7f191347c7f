"""``teasel check``, and the same questions before a sweep that joins a cluster.

``cluster.check`` looks and judges; here it is asked on behalf of a sweep, and what it says is shown.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from search.command_line.data_commands import REFUSED, refusing
from search.command_line.drive import authenticate, publishable

if TYPE_CHECKING:
    from rich.console import Console

    from cluster.check.facts import Asked, Facts, Problem
    from search.sweep import Sweep
    from search.tracking.check import Tracking

VARIABLE = "TEASEL_CHECK"
"""Set to ``off``, a sweep runs without being checked first."""


def check(
    what: str | None,
    *,
    address: str | None,
    storage: str | None,
    mlflow: str | None,
    data_root: str | None,
    patience: float,
    as_json: bool,
) -> None:
    """``teasel check``."""
    from search.command_line.terminal import console_of

    console = console_of()
    # Before anything imports Ray, which reads the mode only then.
    authenticate(address)
    with refusing():
        sweep = None if what is None else _sweep(what)
        asked = asked_by(sweep, storage, data_root)
        publishable(mlflow)
    with refusing(), _waiting(console, address, quiet=as_json), _tracking(mlflow) as tracked:
        facts = _facts(asked, address, patience)
    from cluster.check.judgement import judge

    problems = (*judge(facts), *(tracked[0].problems() if tracked else ()))
    problems = tuple(sorted(problems, key=lambda problem: not problem.error))
    if as_json:
        typer.echo(json.dumps(_values(facts, problems, tracked), indent=2))
    else:
        from search.command_line.check_tables import show

        show(facts, problems, tracked[0] if tracked else None, console)
    if any(problem.error for problem in problems):
        raise typer.Exit(REFUSED)


def before(sweep: Sweep, *, data_root: str | None, mlflow: str | None, console: Console) -> None:
    """The check of the cluster that a sweep has just joined; nothing on a single machine, where nothing can differ.

    Warnings are printed, a line each. Raises ``ValueError`` with a line for each thing that would make trials fail or
    results be lost; what MLflow lacks is never among them.
    """
    from cluster.check import nodes
    from cluster.check.judgement import judge

    if os.environ.get(VARIABLE) == "off" or nodes.alone():
        return
    with console.status("Checking the cluster …"), _tracking(mlflow) as tracked:
        facts = nodes.look(asked_by(sweep, None, data_root))
    problems = judge(facts)
    later = [dataclasses.replace(problem, error=False) for one in tracked for problem in one.problems()]
    for problem in (*problems, *later):
        if not problem.error:
            console.print(f"Warning: {problem}", style="yellow", highlight=False, markup=False, soft_wrap=True)
    if errors := [str(problem) for problem in problems if problem.error]:
        again = "`teasel check` looks again with the same options; TEASEL_CHECK=off runs all the same."
        raise ValueError("\n".join(["The cluster is not ready:", *errors, again]))


def reachable(address: str | None) -> None:
    """Raises ``ValueError`` within seconds for a cluster that does not answer, or not to this token or this Ray."""
    if address:
        from cluster.check.session import reach

        reach(address)


def asked_by(sweep: Sweep | None, storage: str | None, data_root: str | None) -> Asked:
    """What a sweep, or nobody in particular, needs of a node.  Raises ``ValueError`` for a storage that cannot be."""
    from cluster.check.facts import Asked
    from search.command_line.options import DEFAULT
    from trainables.core.storage import place

    where = place(storage or (sweep.storage if sweep else str(DEFAULT)))
    where.require()
    if sweep is None:
        return Asked(storage=where.uri)
    from search.run import source

    return Asked(
        storage=where.uri,
        data=dataclasses.asdict(source(sweep.data)),
        data_root=data_root,
        cpu=sweep.resources.cpu,
        gpu=sweep.resources.gpus,
    )


def _sweep(what: str) -> Sweep:
    from search.sweep_file import find, load

    return load(find(what))


def _facts(asked: Asked, address: str | None, patience: float) -> Facts:
    if address in (None, "local"):
        from cluster.check.here import look_here

        return look_here(asked, patience)
    from cluster.check.session import joined

    with joined(address):
        from cluster.check.nodes import look

        return look(asked, patience)


@contextmanager
def _tracking(mlflow: str | None) -> Iterator[list[Tracking]]:
    """The round trip through a tracking server, beside what is done meanwhile; found in the list at the end.

    A database beside the results is the storage's business.
    """
    found: list[Tracking] = []
    if mlflow in (None, "none") or mlflow.startswith("sqlite:"):
        yield found
        return
    from search.tracking import check

    process = check.begin(mlflow)
    try:
        yield found
        found.append(check.end(process, mlflow))
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


@contextmanager
def _waiting(console: Console, address: str | None, *, quiet: bool) -> Iterator[None]:
    if quiet:
        yield
        return
    with console.status("Looking at this machine …" if address in (None, "local") else "Looking at every node …"):
        yield


def _values(facts: Facts, problems: Iterable[Problem], tracked: list[Tracking]) -> dict[str, object]:
    said: dict[bool, list[dict[str, str]]] = {True: [], False: []}
    for problem in problems:
        said[problem.error].append({"what": problem.what, "mend": problem.mend})
    return {
        "ready": not said[True],
        "errors": said[True],
        "warnings": said[False],
        "here": dataclasses.asdict(facts.here),
        "nodes": [dataclasses.asdict(node) for node in facts.nodes],
        "tracking": dataclasses.asdict(tracked[0]) if tracked else None,
    }
