"""The commands of ``teasel`` that begin, go on with, or look at a sweep."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from search.data_commands import open_with_progress, refusing
from search.terminal import console_of, ranking_table

if TYPE_CHECKING:
    from rich.console import Console

    from search.folder import Folder
    from search.run import Driver
    from search.sweep import Sweep

NONE_COMPLETED, INTERRUPTED = 3, 130


def run(
    what: Sequence[str],
    given: dict[str, Any],
    *,
    again: bool,
    data_root: Path | None,
    download: bool,
    mlflow: str | None,
    address: str | None,
) -> None:
    """``teasel run``."""
    with refusing():
        sweep = _named(_sweep(what, given), again)
    _authenticate(address)
    from search.run import create

    console = console_of()
    with refusing():
        _prepare(sweep, data_root, download, console)
        _publishable(mlflow)
        place, ledger = create(sweep)
    _drive(place, ledger, sweep, data_root=data_root, mlflow=mlflow, address=address, console=console)


def _authenticate(address: str | None) -> None:
    """Send Ray's token to a cluster that is joined; Ray reads the mode once, when it is imported."""
    paths = (os.environ.get("RAY_AUTH_TOKEN_PATH"), Path.home() / ".ray" / "auth_token")
    if address and ("RAY_AUTH_TOKEN" in os.environ or any(p and Path(p).exists() for p in paths)):
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def _sweep(what: Sequence[str], given: dict[str, Any]) -> Sweep:
    import trainables
    from search.sweep_file import SweepError, find, from_command_line, load, ready_made

    first = what[0]
    is_file = len(what) == 1 and (first in ready_made() or Path(first).suffix or Path(first).is_file())
    if is_file and first not in trainables.names():
        base = load(find(first))
        return from_command_line((), base=base, **given)
    if len(what) == 1 and first not in trainables.names():
        from spaces.core.domains import nearest

        known = (*trainables.names(), *ready_made())
        raise SweepError(
            [
                f"no method and no sweep {first!r}; methods are {', '.join(trainables.names())}; "
                f"ready-made sweeps are {', '.join(ready_made())}{nearest(first, known)}"
            ]
        )
    return from_command_line(what, **given)


def _named(sweep: Sweep, again: bool) -> Sweep:
    """The sweep under a name that is free.  Raises ``LedgerError`` when it is taken and not to be changed."""
    from search.ledger import LedgerError
    from search.folder import folder

    number, name = 1, sweep.name
    while folder(sweep.storage, name).ledger.exists():
        if not again:
            raise LedgerError(
                f"A sweep named {name!r} exists already in {Path(sweep.storage).absolute()}. "
                f"`teasel resume {name}` goes on with it; --name gives this one another name, "
                "and --again the next free one."
            )
        number += 1
        name = f"{sweep.name}-{number}"
    return sweep if name == sweep.name else sweep.replace(name=name)


def resume(
    name: str,
    trials: str | None,
    storage: Path,
    *,
    data_root: Path | None,
    download: bool,
    mlflow: str | None,
    address: str | None,
) -> None:
    """``teasel resume``."""
    from search.folder import existing

    console = console_of()
    with refusing():
        budget = existing(storage, name).history().budget
        more = None if trials is None else _more(trials, budget)
        _authenticate(address)
        from search.run import reopen

        _publishable(mlflow)
        place, ledger, sweep = reopen(storage, name, trials=more)
        if ledger.torn:
            console.print(
                f"The ledger's last row was torn ({ledger.torn} bytes of a row that was being written when "
                "its driver died); it was dropped, every row before it is whole.",
                highlight=False,
            )
        history = place.history()
        if history.finished:
            ledger.close()
            console.print(ranking_table(history, limit=10, width=console.width))
            console.print(f"This sweep has ended; `teasel resume {name} --trials +20` extends it.", highlight=False)
            return
        _prepare(sweep, data_root, download, console)
    _drive(place, ledger, sweep, data_root=data_root, mlflow=mlflow, address=address, console=console)


def _more(trials: str, budget: int) -> int:
    try:
        count = int(trials)
    except ValueError:
        raise ValueError(f"--trials {trials}: write +20 for 20 more, or the new total.") from None
    more = count if trials.startswith("+") else count - budget
    if more < 1:
        raise ValueError(f"--trials {trials}: the sweep has {budget} trials already; it can only grow.")
    return more


def train(
    method: str,
    *,
    data: str,
    sets: list[str],
    steps: int,
    seed: int,
    name: str | None,
    gpu: float,
    storage: Path,
    data_root: Path | None,
    download: bool,
    mlflow: str | None,
) -> None:
    """``teasel train``: a sweep of one trial with nothing left to search, in this process."""
    from search.run import create
    from search.sweep_file import from_command_line

    console = console_of()
    with refusing():
        sweep = from_command_line(
            [method],
            data=data,
            objectives=["val/elbo"],
            sets=sets,
            trials=1,
            steps=steps,
            seed=seed,
            gpu=gpu,
            sampler="random",
            schedule="none",
            storage=str(storage),
            name=name or f"{method}-{data}-train",
        )
        sweep = _named(_settled(sweep), again=name is None)
        _prepare(sweep, data_root, download, console)
        _publishable(mlflow)
        place, ledger = create(sweep)
    _drive(place, ledger, sweep, data_root=data_root, mlflow=mlflow, here=True, console=console)


def _settled(sweep: Sweep) -> Sweep:
    """The sweep with every free hyperparameter fixed at the method's own default."""
    import trainables
    from trainables.core.contract import Ramp

    (method,) = sweep.methods
    defaults = trainables.method(method).Hyperparameters()
    # One at a time, in their order: fixing one can leave another without a use.
    while free := sweep.spaces()[method].searched:
        key = free[0]
        value = getattr(defaults, key.removesuffix("_ramp"))
        if isinstance(value, Ramp):
            value = min(1.0, value.steps / sweep.budget.steps) if key.endswith("_ramp") else value.end
        sweep = sweep.replace(space={**sweep.space, key: value})
    return sweep


def _prepare(sweep: Sweep, data_root: Path | None, download: bool, console: Console) -> None:
    open_with_progress(
        sweep.data.name, sweep.data.options, data_root=data_root, download=download, console=console
    )


def _publishable(mlflow: str | None) -> None:
    if mlflow != "none":
        from search.tracking import check_uri

        check_uri(mlflow)


def _drive(
    place: Folder,
    ledger: Any,
    sweep: Sweep,
    *,
    data_root: Path | None,
    mlflow: str | None,
    console: Console,
    address: str | None = None,
    here: bool = False,
) -> None:
    """Run the sweep to its end or its interruption, and say what came of it."""
    from search.run import Driver, loop, run_here
    from search.terminal import Display, conclusion

    with refusing():
        concurrency = 1
        if not here:
            from search import on_ray

            concurrency = on_ray.connect(sweep, address)
        driver = Driver(
            place,
            sweep,
            loop(ledger, sweep, concurrency=concurrency),
            data_root=None if data_root is None else str(data_root.absolute()),
        )
    publisher = _publisher(place, mlflow)
    try:
        with _interruptible(driver, console), Display(driver, console):
            if here:
                run_here(driver)
            else:
                on_ray.run(driver)
        interrupted = driver.loop.stopping
        driver.loop.close("interrupted" if interrupted else "finished")
    finally:
        ledger.close()
        if not here:
            on_ray.disconnect()
    if publisher is not None:
        _wait_for(publisher, place, console)
    conclusion(driver, console, mlflow=mlflow, interrupted=interrupted)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if not any(t.state == "COMPLETE" for t in driver.loop.history.trials):
        typer.secho("No trial completed: see the reasons above.", err=True, fg="red")
        raise typer.Exit(NONE_COMPLETED)


@contextmanager
def _interruptible(driver: Driver, console: Console) -> Iterator[None]:
    """The first SIGINT or SIGTERM stops handing out and recording ends in order; the second ends the process."""

    def interrupt(number: int, frame: object) -> None:
        if driver.loop.stopping:
            os._exit(INTERRUPTED)
        driver.loop.stopping = True
        console.print("\nStopping: what is recorded stays recorded. Once more stops at once.")

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _publisher(place: Folder, mlflow: str | None) -> Any:
    if mlflow == "none":
        return None
    from search.tracking import start

    return start(place.path, mlflow)


def _wait_for(publisher: Any, place: Folder, console: Console) -> None:
    from search.tracking import wait

    problem = wait(publisher, place.path, seconds=60)
    if problem:
        console.print(f"{problem} `teasel publish {place.name}` brings MLflow up to date later.")


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


def publish(name: str, storage: Path, *, mlflow: str | None, follow: bool) -> None:
    """``teasel publish``."""
    from search.folder import existing

    with refusing():
        place = existing(storage, name)
        from search.tracking import publish as bring_up_to_date

        outcome = bring_up_to_date(place.path, mlflow, follow=follow)
    if outcome.error:
        typer.secho(outcome.error, err=True, fg="red")
        raise typer.Exit(1)
    if not follow:
        typer.echo(f"{name}: MLflow at {outcome.uri} has all {outcome.rows} rows of the ledger.")


def ui(name: str | None, storage: Path, *, port: int) -> None:
    """``teasel ui``."""
    from search.tracking import serve

    with refusing():
        serve(storage, port=port, name=name)
