"""``teasel probe``, and ``gpu: auto`` in a sweep: the memory that a trial takes, measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from search.command_line.data_commands import refusing
from search.command_line.drive import authenticate
from search.command_line.terminal import console_of

if TYPE_CHECKING:
    from rich.console import Console

    from search.probe import Need
    from search.sweep import Sweep

GIB = 2**30


def probe(what: str, device: str | None, *, data_root: str | None, download: bool, address: str | None) -> None:
    """``teasel probe``."""
    from search.command_line.run_commands import prepare
    from search.sweep_file import find, load

    console = console_of()
    with refusing():
        sweep = load(find(what))
    authenticate(address)
    from search import connection
    from search.command_line import check_commands

    with refusing():
        prepare(sweep, data_root, download, console)
        check_commands.reachable(address)
        connection.connect(sweep.replace(resources={"cpu": sweep.resources.cpu, "gpu": 0}), address)
        try:
            gpus = connection.gpus()
            if device == "cuda" and not gpus:
                raise ValueError("no node offers a GPU; `--device cpu` measures on a CPU.")
            needs = _measured(sweep, device or ("cuda" if gpus else "cpu"), data_root, console)
        finally:
            connection.disconnect()
    _show(needs, console)
    with refusing():
        _conclude(needs, console)


def settled(sweep: Sweep, *, data_root: str | None, address: str | None, console: Console) -> Sweep:
    """The sweep with its ``gpu: auto`` measured; others as they are.  Joins or starts Ray for it.

    Raises ``ValueError`` where there is no GPU, or where one is too small.
    """
    if sweep.resources.gpu != "auto":
        return sweep
    from search import connection
    from search.command_line import check_commands
    from search.probe import share

    check_commands.reachable(address)
    connection.connect(sweep, address)
    needs = _measured(sweep, "cuda", data_root, console)
    found = sweep.replace(resources={"cpu": sweep.resources.cpu, "gpu": share(needs)})
    _conclude(needs, console)
    return found


def _measured(sweep: Sweep, device: str, data_root: str | None, console: Console) -> list[Need]:
    from search import connection
    from search.probe import Need, attempts

    asked = attempts(sweep, data_root, device)
    with console.status(f"Measuring {len(asked)} configurations, one at a time …"):
        found = connection.measure(sweep, asked)
    return [Need(method=each["method"], config=each["config"], **peak) for each, peak in zip(asked, found, strict=True)]


def _show(needs: list[Need], console: Console) -> None:
    from search.preflight import NETWORK

    table = Table(box=None, pad_edge=False)
    for column in ("method", "network", "largest configuration"):
        table.add_column(column)
    table.add_column("GiB", justify="right")
    for need in needs:
        networks = ", ".join(str(value) for key, value in need.config.items() if key.endswith(NETWORK))
        sizes = " ".join(
            f"{key}={value}"
            for key, value in need.config.items()
            if isinstance(value, int) and not isinstance(value, bool)
        )
        table.add_row(need.method, networks, sizes, f"{need.taken / GIB:.2f}")
    console.print(table)


def _conclude(needs: list[Need], console: Console) -> None:
    from search.probe import MOST, SPARE, share

    worst = max(needs, key=lambda need: need.taken / need.total)
    took = f"{worst.method} takes at most {worst.taken / GIB:.1f} of {worst.total / GIB:.1f} GiB"
    if worst.device == "cpu":
        fit = int(worst.total / (SPARE * worst.taken))
        text = f"{took} of this machine's memory, libraries included: memory for {fit} trials at once."
    else:
        found = share(needs)
        text = f"{took} of a {worst.device}: gpu: {found:g}, {int(1 / found)} trials on one GPU ({MOST} at most)."
    console.print(text, highlight=False, soft_wrap=True)
