"""The commands that begin a sweep or go on with one: ``run``, ``resume``, ``train``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.command_line.data_commands import open_with_progress, refusing
from search.command_line.drive import authenticate, drive, publishable
from search.command_line.probe_commands import settled
from search.command_line.terminal import console_of, ranking_table

MEASURES = ("val/elbo", "val/error", "val/reconstruction")
"""What one configuration is recorded under, without a search: the first of these that its method gives."""

if TYPE_CHECKING:
    from rich.console import Console

    from search.folder import Folder
    from search.ledger import Ledger
    from search.sweep import Sweep
    from trainables.core.dataset import Dataset


def run(
    what: Sequence[str],
    given: dict[str, Any],
    *,
    again: bool,
    data_root: str | None,
    download: bool,
    mlflow: str | None,
    address: str | None,
) -> None:
    """``teasel run``."""
    with refusing():
        if address and address.startswith(("http://", "https://")):
            raise ValueError(
                "--address is the dashboard of a cluster's head: `teasel submit` sends a sweep there. `run` joins a "
                "cluster at HOST:6379, from one of its nodes."
            )
        publishable(mlflow)
        sweep = _named(sweep_of(what, given), again)
    authenticate(address)
    from search.run import create

    console = console_of()
    with refusing():
        prepare(sweep, data_root, download, console)
        whole = settled(sweep, data_root=data_root, address=address, console=console)
    drive(whole, lambda: create(whole), data_root=data_root, mlflow=mlflow, address=address, console=console)


def sweep_of(what: Sequence[str], given: dict[str, Any]) -> Sweep:
    """The sweep that the command line means.  Raises ``SweepError`` with every problem."""
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
    from search.folder import folder
    from search.ledger import LedgerError
    from trainables.core.storage import place

    storage = place(sweep.storage)
    storage.require()
    number, name = 1, sweep.name
    while folder(storage, name).begun:
        if not again:
            raise LedgerError(
                f"A sweep named {name!r} exists already in {storage}. "
                f"`teasel resume {name}` goes on with it; --name gives this one another name, "
                "and --again the next free one."
            )
        number += 1
        name = f"{sweep.name}-{number}"
    return sweep if name == sweep.name else sweep.replace(name=name)


def resume(
    name: str,
    trials: str | None,
    storage: str,
    *,
    data_root: str | None,
    download: bool,
    mlflow: str | None,
    address: str | None,
) -> None:
    """``teasel resume``."""
    from search.folder import existing
    from search.sweep import Sweep

    console = console_of()
    with refusing():
        publishable(mlflow)
        history = existing(storage, name).history()
        more = None if trials is None else _more(trials, history.budget)
        sweep = Sweep.model_validate({**history.sweep, "storage": storage})
    if history.finished and not more:
        console.print(ranking_table(history, limit=10, width=console.width))
        console.print(f"This sweep has ended; `teasel resume {name} --trials +20` extends it.", highlight=False)
        return
    authenticate(address)
    from search.run import reopen

    def begin() -> tuple[Folder, Ledger]:
        place, ledger = reopen(storage, name, trials=more)
        if ledger.torn:
            console.print(
                f"The ledger's last row was torn ({ledger.torn} bytes of a row that was being written when its driver "
                "died); it was dropped, every row before it is whole.",
                highlight=False,
            )
        return place, ledger

    with refusing():
        prepare(sweep, data_root, download, console)
    drive(sweep, begin, data_root=data_root, mlflow=mlflow, address=address, console=console)


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
    secondary: str | None,
    sets: list[str],
    steps: int,
    seed: int,
    name: str | None,
    gpu: float,
    precision: str | None,
    storage: str,
    data_root: str | None,
    download: bool,
    mlflow: str | None,
) -> None:
    """``teasel train``: a sweep of one trial with nothing left to search, in this process."""
    from search.run import create
    from search.sweep_file import from_command_line

    console = console_of()
    with refusing():
        publishable(mlflow)
        named = "-".join([method, data, *([secondary] if secondary else []), "train"])
        sweep = from_command_line(
            [method],
            data=data,
            secondary=secondary,
            objectives=[_measure(method)],
            sets=sets,
            trials=1,
            steps=steps,
            seed=seed,
            gpu=gpu,
            precision=precision,
            sampler="random",
            schedule="none",
            storage=storage,
            name=name or named,
        )
        sweep = _named(_settled(sweep), again=name is None)
        prepare(sweep, data_root, download, console)
    drive(sweep, lambda: create(sweep), data_root=data_root, mlflow=mlflow, here=True, console=console)


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


def _measure(method: str) -> str:
    """The metric that one configuration is recorded under."""
    import spaces
    from search.sweep_data import possible

    given = possible([method], None) if method in spaces.names() else ()
    return next((metric for metric in MEASURES if metric in given), MEASURES[0])


def prepare(sweep: Sweep, data_root: str | None, download: bool, console: Console) -> Dataset:
    """Have the data at hand, and refuse what only they or a network can tell.  Raises ``ValueError``."""
    from search.preflight import check
    from search.run import source

    opened = open_with_progress(source(sweep.data), data_root=data_root, download=download, console=console)
    check(sweep, opened)
    return opened
