"""Drive one sweep from its first assignment to its last word: Ray, live table, publisher, Ctrl-C and exit code."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cluster.address import LOCAL, named_cluster
from search.command_line.data_commands import refusing

if TYPE_CHECKING:
    from rich.console import Console

    from search.folder import Folder
    from search.ledger import Ledger
    from search.run import Driver
    from search.sweep import Sweep

NONE_COMPLETED, INTERRUPTED = 3, 130


def authenticate(address: str | None) -> None:
    """Send Ray's token to a cluster that is joined, and close the doors of a Ray that is started here.

    Ray reads all of this once, when it is imported.
    """
    if (address or named_cluster() or LOCAL) == LOCAL:
        # Left alone, Ray on Linux listens on every network of the machine. Loopback is what it has for other systems.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        if os.environ.setdefault("RAY_AUTH_MODE", "token").lower() == "token":
            # Of its own, lest Ray leave one in the home folder; other users of this machine do not know it.
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        return
    paths = (os.environ.get("RAY_AUTH_TOKEN_PATH"), Path.home() / ".ray" / "auth_token")
    if address and ("RAY_AUTH_TOKEN" in os.environ or any(p and Path(p).exists() for p in paths)):
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def publishable(mlflow: str | None) -> None:
    """Refuse a tracking address that cannot be one, before any work."""
    if mlflow != "none":
        from search.tracking import check_uri

        check_uri(mlflow)


def drive(
    sweep: Sweep,
    begin: Callable[[], tuple[Folder, Ledger]],
    *,
    data_root: str | None,
    mlflow: str | None,
    console: Console,
    address: str | None = None,
    here: bool = False,
    conclude: Callable[[Driver], None] | None = None,
) -> None:
    """Run a sweep to its end or its interruption, and say what came of it.

    ``begin`` opens the ledger; it is called when all else is known to be there, so that a refusal leaves nothing.
    ``conclude`` says what came of a sweep that ran to its end, in place of the ranking.
    """
    from search.command_line.terminal import Display, conclusion
    from search.run import Driver, loop, run_here

    with refusing():
        publishable(mlflow)
        concurrency = 1
        if not here:
            from search import connection, on_ray
            from search.command_line import check_commands

            check_commands.reachable(address)
            # Before there is anything to end in order, being told to stop is an interrupt; Ray would print a stack.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            concurrency = connection.connect(sweep, address)
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            check_commands.before(sweep, data_root=data_root, mlflow=mlflow, console=console)
        place, ledger = begin()
        driver = Driver(
            place,
            sweep,
            loop(ledger, sweep, concurrency=concurrency),
            data_root=data_root,
        )
    publisher = _publisher(place, mlflow)
    try:
        with _interruptible(driver, console), Display(driver, console):
            if here:
                run_here(driver)
            else:
                with connection.watched(partial(_headless, place, console)):
                    on_ray.run(driver)
        interrupted = driver.loop.stopping
        if driver.broken is None:
            driver.loop.close("interrupted" if interrupted else "finished")
    finally:
        ledger.close()
        if not here:
            connection.disconnect()
    # Only now are all workers gone.
    driver.tidy()
    if publisher is not None:
        _wait_for(publisher, place, console)
    if conclude is None or interrupted or driver.broken is not None:
        conclusion(driver, console, mlflow=mlflow, interrupted=interrupted)
    else:
        conclude(driver)
    if driver.broken is not None:
        typer.secho(
            f"Nothing more could be written to {place.storage}: {driver.broken.strerror}. What is recorded is whole; "
            f"when there is room, `teasel resume {place.name}{place.option}` goes on.",
            err=True,
            fg="red",
        )
        raise typer.Exit(1)
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
            # Asked again while goodbyes are said, it still ends at once, with the same exit code.
            signal.signal(number, interrupt if driver.loop.stopping else handler)


def _headless(place: Folder, console: Console) -> None:
    """There is nobody left to run trials; what waits for Ray's answer in other threads cannot be ended in order."""
    console.print(
        "\nThe head of the cluster does not answer any more. What is recorded is whole; "
        f"`teasel resume {place.name}{place.option}` goes on, on that cluster or on another one.",
        highlight=False,
        soft_wrap=True,
    )
    os._exit(1)


def _publisher(place: Folder, mlflow: str | None) -> Any:
    if mlflow == "none":
        return None
    from search.tracking import start

    return start(place.files, mlflow)


def _wait_for(publisher: Any, place: Folder, console: Console) -> None:
    from search.command_line.terminal import publisher_error
    from search.tracking import wait

    try:
        # A server that does not answer now is not waited for; one that is merely behind is.
        problem = wait(publisher, place.files, seconds=3 if publisher_error(place) else 60)
    except KeyboardInterrupt:
        publisher.terminate()
        problem = "MLflow may lack the latest rows."
    if problem:
        command = f"teasel publish {place.name}{place.option}"
        console.print(f"{problem} `{command}` brings MLflow up to date later.", highlight=False)
