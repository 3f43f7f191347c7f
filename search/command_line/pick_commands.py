"""``teasel pick``: choose a configuration, train it for good, test it once, and hand its model out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from search.command_line.data_commands import refusing
from search.command_line.drive import authenticate, drive, publishable
from search.command_line.terminal import console_of

if TYPE_CHECKING:
    from rich.console import Console

    from search.folder import Folder
    from search.history import History
    from search.pick import Choice
    from search.sweep import Sweep
    from trainables.core.dataset import Dataset

UNREGISTERED = 1


def pick(
    name: str,
    trial: int | None,
    *,
    because: str | None,
    seeds: int,
    steps: int | None,
    storage: str,
    data_root: str | None,
    mlflow: str | None,
    address: str | None,
) -> None:
    """``teasel pick``."""
    from search.command_line.run_commands import prepare

    console = console_of()
    with refusing():
        publishable(mlflow)
        place, sweep, history = _searched(name, storage)
        choice = _choice(place, history, trial, because, mlflow)
        final, done = _final(place, sweep, history, choice, seeds=seeds, steps=steps)
    console.print(f"Trial {choice.trial:03d}, {choice.because}.", highlight=False, markup=False, soft_wrap=True)
    authenticate(address)
    with refusing():
        dataset = prepare(final, data_root, False, console)
        _note(place, history, choice)
    target = _train(final, done, data_root=data_root, mlflow=mlflow, address=address, console=console)
    with refusing():
        said = _write(target, choice, place.history(), dataset)
    _conclude(place, target, said, mlflow, console)


def _searched(name: str, storage: str) -> tuple[Folder, Sweep, History]:
    from search.folder import existing
    from search.sweep import Sweep

    place = existing(storage, name)
    history = place.history()
    sweep = Sweep.model_validate({**history.sweep, "storage": storage})
    if sweep.picked is not None:
        raise ValueError(
            f"{name} is itself the final training of trial {sweep.picked.trial:03d} of {sweep.picked.sweep}; pick from "
            f"that: teasel pick {sweep.picked.sweep}."
        )
    return place, sweep, history


def _choice(place: Folder, history: History, trial: int | None, because: str | None, mlflow: str | None) -> Choice:
    """The trial that was named, else the one tagged in MLflow, else the first in the ranking."""
    from search import pick as picking

    if trial is not None:
        return picking.by_hand(history, trial, because)
    if mlflow != "none":
        from search.tracking import tagged

        if (found := picking.by_tag(history, tagged(place.files, mlflow), because)) is not None:
            return found
    return picking.by_rule(history, because)


def _final(
    place: Folder, sweep: Sweep, history: History, choice: Choice, *, seeds: int, steps: int | None
) -> tuple[Sweep, History | None]:
    """The sweep of the final training, and what it has done already."""
    from search.folder import folder
    from search.pick import final_sweep

    final = final_sweep(sweep, history, choice, seeds=seeds, steps=steps)
    there = folder(place.storage, final.name)
    if not there.ledger.exists():
        return final, None
    done = there.history()
    if done.id != final.id:
        raise ValueError(
            f"Trial {choice.trial:03d} has been picked and trained otherwise (other seeds or steps) in "
            f"{there.files}. Its test result stands; to train it again otherwise, move that folder away."
        )
    return final, done


def _note(place: Folder, history: History, choice: Choice) -> None:
    """Write the pick into the search's ledger; the same one is written once."""
    from search.ledger import Ledger

    last = history.picks[-1] if history.picks else None
    if last is None or (last.trial, last.because) != (choice.trial, choice.because):
        with Ledger.open(place.ledger) as ledger:
            ledger.append("pick", trial=choice.trial, because=choice.because, by=choice.by)


def _train(
    final: Sweep,
    done: History | None,
    *,
    data_root: str | None,
    mlflow: str | None,
    address: str | None,
    console: Console,
) -> Folder:
    from search.folder import folder
    from search.run import create, reopen

    there = folder(final.storage, final.name)
    if done is None or not done.finished:
        console.print(
            f"Training it on train and validation images under {final.seeds.count} fresh seeds, "
            f"{final.budget.steps} steps each ({final.name}).",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        drive(
            final,
            (lambda: create(final)) if done is None else (lambda: reopen(final.storage, final.name)),
            data_root=data_root,
            mlflow=mlflow,
            address=address,
            console=console,
            conclude=lambda driver: None,
        )
    configuration = there.history().configurations[0]
    if configuration.state != "COMPLETE":
        reason = next(t.reason for t in configuration.trials if t.state == configuration.state)
        typer.secho(f"The final training failed, so there is no model: {reason}.", err=True, fg="red")
        raise typer.Exit(3)
    return there


def _write(target: Folder, choice: Choice, searched: History, dataset: Dataset) -> dict[str, Any]:
    from search import pick as picking

    final = target.history()
    found = picking.tested(final.configurations[0])
    about = {"sweep": searched.sweep["name"], "trial": choice.trial, "because": choice.because}
    sha256 = picking.write_model(target, final, dataset, target.files / "model", about)
    said = picking.record(choice, searched, final, found, sha256)
    _record(target, said, picking.model_card(said, searched, None))
    return said


def _record(target: Folder, said: dict[str, Any], card: str) -> None:
    from search import pick as picking

    (target.files / "pick.yaml").write(picking.as_yaml(said).encode())
    (target.files / "README.md").write(card.encode())


def _conclude(place: Folder, target: Folder, said: dict[str, Any], mlflow: str | None, console: Console) -> None:
    from search import pick as picking

    registered, problem = _register(place, target, said, mlflow)
    if registered:
        said = {**said, "registered": registered}
        with refusing():
            _record(target, said, picking.model_card(said, place.history(), registered))
    console.print("\nOn test images, mean and 95 % interval over the fresh seeds:", style="bold")
    for name, shown in picking.summary(said, place.history()):
        console.print(f"  {name:28} {shown}", highlight=False, markup=False)
    option = target.option
    model = registered or str(target.files / "model")
    lines = [
        f"Model:     {target.files / 'model'}",
        f"Record:    {target.files / 'pick.yaml'}, card in README.md",
        *([f"MLflow:    {registered}"] if registered else []),
        f"Encode:    teasel encode {model} IMAGES -o codes.parquet{option}",
        f"Traverse:  teasel traverse {model} IMAGE{option}",
    ]
    console.print()
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if problem:
        again = f"teasel pick {place.name} {said['trial']}{option}"
        typer.secho(f"Not registered in MLflow: {problem} `{again}` tries again.", err=True, fg="red")
        raise typer.Exit(UNREGISTERED)


def _register(place: Folder, target: Folder, said: dict[str, Any], mlflow: str | None) -> tuple[str | None, str]:
    """Put the model into MLflow's registry: its address there, or why it is not."""
    if mlflow == "none":
        return None, ""
    from search import pick as picking
    from search.folder import beside
    from search.tracking import publish, register, run_id

    try:
        for each in (place, target):
            if error := publish(each.files, mlflow).error:
                return None, error
        found = run_id(target.files, mlflow, picking.kept(target.history()).number)
        if found is None:
            return None, "its run is not there."
        name = place.name
        register(
            target.files / "model",
            uri=mlflow,
            storage=beside(target.storage),
            name=name,
            run_id=found,
            tags={"teasel.sweep": name, "teasel.trial": str(said["trial"]), "because": said["because"]},
            description=(target.files / "README.md").read().decode(),
        )
    except ValueError as error:
        return None, str(error)
    return f"models:/{name}@pick", ""
