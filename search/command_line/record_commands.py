"""``teasel record``: sweeps that record learning curves, and the file of those curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.command_line.data_commands import refusing
from search.command_line.drive import authenticate, drive
from search.command_line.run_commands import prepare
from search.command_line.terminal import console_of

if TYPE_CHECKING:
    from rich.console import Console

    from search.curves import Curve
    from search.folder import Folder
    from search.ledger import Ledger
    from search.sweep import Sweep


def record(
    what: Sequence[str],
    recorded: Sequence[str],
    output: Path,
    *,
    trials: int,
    reports: int,
    concurrency: int | None,
    storage: str,
    data_root: str | None,
    download: bool,
    address: str | None,
) -> None:
    """``teasel record``."""
    from search.folder import existing
    from search.output_file import require_place
    from search.sweep_file import find, load

    console = console_of()
    with refusing():
        if not what and not recorded:
            raise ValueError("Nothing to record: name a sweep file, or with --from a sweep that was run already.")
        require_place(output)
        from search.recording import recording

        changes: dict[str, Any] = {"storage": storage, **({"concurrency": concurrency} if concurrency else {})}
        sweeps = [recording(load(find(each)).replace(**changes), trials=trials, reports=reports) for each in what]
        names = [*(sweep.name for sweep in sweeps), *recorded]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice} is named twice; a file of curves tells sweeps by name.")
        for name in recorded:
            existing(storage, name).history()
        undone = [(sweep, more) for sweep in sweeps if (more := _missing(sweep)) is not None]
    if undone:
        # Before Ray is imported, which `search.run` does.
        authenticate(address)
    for sweep, more in undone:
        with refusing():
            prepare(sweep, data_root, download, console)
        drive(
            sweep,
            partial(_begin, sweep, more),
            data_root=data_root,
            mlflow="none",
            address=address,
            console=console,
            conclude=lambda driver: None,
        )
    with refusing():
        _write(names, storage, output, console)


def _missing(sweep: Sweep) -> int | None:
    """How many trials a recording has yet to be extended by; None where it has ended.

    Raises ``ValueError`` for another recording of its name.
    """
    from search.folder import folder

    place = folder(sweep.storage, sweep.name)
    if not place.begun:
        return 0
    history = place.history()
    if history.id != sweep.id:
        raise ValueError(
            f"{sweep.name} was recorded in {place.storage} already, from another specification or with other reports. "
            "Give the sweep another name, or name another --storage."
        )
    more = max(0, sweep.budget.trials - history.budget)
    return None if history.finished and not more else more


def _begin(sweep: Sweep, more: int) -> tuple[Folder, Ledger]:
    """Begin a recording, or go on with it."""
    from search.folder import folder
    from search.run import create, reopen

    if not folder(sweep.storage, sweep.name).begun:
        return create(sweep)
    return reopen(sweep.storage, sweep.name, trials=more)


def _write(names: Sequence[str], storage: str, output: Path, console: Console) -> None:
    from search import curves_file
    from search.curves import joined, recorded
    from search.folder import existing
    from search.ledger import read

    found: list[tuple[Mapping[str, Any], list[Curve]]] = []
    for name in names:
        sweep, curves, left = recorded(read(existing(storage, name).ledger))
        found.append((sweep, curves))
        said = {"stopped": left.stopped, "failed": left.failed, "not finished": left.unfinished}
        without = ", ".join(f"{count} {what}" for what, count in said.items() if count)
        console.print(f"{name}: {len(curves)} curves{f'; left out: {without}' if without else ''}", highlight=False)
    together = joined(found)
    curves_file.write(together, output)
    size = output.stat().st_size
    shown = f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} KB"
    console.print(f"{output}: {len(together.curves)} curves, {shown}", highlight=False, soft_wrap=True)
