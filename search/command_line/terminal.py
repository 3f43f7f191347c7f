"""What a person sees while a sweep runs: a live table, or plain lines where there is no terminal.

Reads the history under the driver's lock; writes nothing but text. Knows nothing of Ray or MLflow.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from search.command_line.plain import PlainConsole
from search.command_line.tables import STYLES, cells, duration, ended_as, heads, ranking_table, table, value_of
from search.folder import beside
from search.history import COMPLETE, RUNNING, History, Trial
from search.progress import best as best_of
from search.results import title
from search.standings import ranking

if TYPE_CHECKING:
    from search.folder import Folder
    from search.run import Driver


def console_of() -> Console:
    """Standard output: as wide as the terminal, and wide enough for a whole row where there is none."""
    console = PlainConsole()
    return console if console.is_terminal else PlainConsole(width=200)


class Display:
    """Shows a driver's sweep until it is stopped; a thread of its own, so that it never holds the sweep up."""

    def __init__(self, driver: Driver, console: Console) -> None:
        self._driver = driver
        self._console = console
        self._done = threading.Event()
        self._told: dict[int, str] = {}
        self._lost: dict[int, int] = {}
        self._best: int | None = None
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Display:
        with self._driver.lock:
            # What an earlier session told is not told again.
            self._told = {t.number: t.state for t in self._history.trials if t.state != RUNNING}
            self._lost = {t.number: len(t.lost) for t in self._history.trials}
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def _history(self) -> History:
        return self._driver.loop.history

    def _watch(self) -> None:
        if not self._console.is_terminal:
            while not self._done.wait(0.5):
                self._lines()
            self._lines()
            return
        with Live(self._picture(), console=self._console, refresh_per_second=4) as live:
            pause = 0.5
            while not self._done.wait(pause):
                began = time.monotonic()
                live.update(self._picture())
                # The sweep waits meanwhile, and thousands of trials take a while to be ranked.
                pause = max(0.5, 10 * (time.monotonic() - began))
            live.update(self._picture())

    # -- plain lines

    def _lines(self) -> None:
        with self._driver.lock:
            trials = self._history.trials
            lines = [self._again(t) for t in trials if len(t.lost) > self._lost.get(t.number, 0)]
            lines += [self._line(t) for t in trials if self._told.get(t.number) != t.state]
            self._told.update({t.number: t.state for t in trials})
            self._lost.update({t.number: len(t.lost) for t in trials})
        for line in lines:
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _again(self, trial: Trial) -> str:
        return f"{time.strftime('%H:%M:%S')}  {title(trial)}  lost after step {trial.step}: {trial.lost[-1]}"

    def _line(self, trial: Trial) -> str:
        head = f"{time.strftime('%H:%M:%S')}  {title(trial)}"
        if trial.state == RUNNING:
            return f"{head}  begins"
        value = value_of(self._history, trial)
        return f"{head}  {trial.state} at {trial.step}/{trial.steps}  {value}  {trial.reason}"

    # -- the live table

    def _picture(self) -> Group:
        with self._driver.lock:
            trials = self._history.trials
            running = [t for t in trials if t.state == RUNNING]
            ended = ranking(self._history)
            ended = [t for t in ended if t.state != RUNNING]
            room = max(3, (self._console.height or 30) - 8 - len(running))
            shown = running + ended[:room]
            rows = [cells(self._history, t, self._state(t)) for t in shown]
            styles = [STYLES[t.state] for t in shown]
            if len(ended) > room:
                rows.append(("…", f"{len(ended) - room} more", "", "", "", ""))
                styles.append("dim")
            shown_rows = table(heads(self._history), rows, styles, self._console.width)
            return Group(shown_rows, Text(self.footer(), style="italic"))

    def _state(self, trial: Trial) -> str:
        if trial.state != RUNNING:
            return ended_as(trial)
        if trial.number in self._driver.loop.waiting:
            return f"waits at rung {trial.step} for its replicates"
        eta = self._trial_eta(trial)
        return "running" if eta is None else f"running, {duration(eta)} left"

    def _trial_eta(self, trial: Trial) -> float | None:
        if not trial.reports or trial.started is None:
            return None
        pace = (trial.reports[-1].time - trial.started) / trial.step
        return pace * trial.steps - (time.time() - trial.started)

    def footer(self) -> str:
        """Budget spent and left, best so far, what MLflow has not got yet."""
        history = self._history
        ended = [t for t in history.trials if t.state != RUNNING]
        parts = [f"{len(ended)}/{history.budget} trials", duration(history.spent)]
        if len(ended) >= 2:
            left = history.spent / len(ended) * (history.budget - len(ended))
            parts[-1] += f", about {duration(min(left, self._driver.loop.wall_time_left))} left"
        best = best_of(history)
        if best is not None:
            parts.append(f"best {best.number:03d} with {value_of(self._history, best)}")
        backlog = publisher_status(self._driver)
        if backlog:
            parts.append(backlog)
        return " · ".join(parts)


def conclusion(driver: Driver, console: Console, *, mlflow: str | None, interrupted: bool) -> None:
    """What came of a sweep: ranking, best configuration, pictures, and what to type next."""
    history, name = driver.loop.history, driver.place.name
    console.print()
    console.print(ranking_table(history, limit=10, width=console.width))
    best = next((t for t in ranking(history) if t.state == COMPLETE), None)
    option = driver.place.option
    if best is not None:
        console.print(f"\nBest: trial {best.number:03d}", style="bold", highlight=False)
        config = {"method": best.method, **best.config}
        console.print(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), end="", highlight=False)
        if drawn := best.pictures:
            first, *more = (driver.place.files / path for path in drawn)
            names = f"  (beside it: {', '.join(Path(path.name).stem for path in more)})" if more else ""
            console.print(f"\nIts picture: {first}{names}", soft_wrap=True, highlight=False, markup=False)
    lines = [f"All pictures:  {driver.place.files / 'trials'}", f"Ranking:       teasel top {name}{option}"]
    if interrupted:
        lines.append(f"Go on:         teasel resume {name}{option}")
    else:
        lines.append(f"More trials:   teasel resume {name} --trials +20{option}")
    if mlflow is None:
        where = "" if driver.place.files.local else f"  (its database: {beside(driver.place.storage) / 'mlflow.db'})"
        lines.append(f"MLflow UI:     teasel ui {name}{option}{where}")
    elif mlflow != "none":
        lines.append(f"MLflow:        {mlflow}")
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def publisher_status(driver: Driver) -> str:
    """What the publisher last said of itself: empty while it keeps up."""
    if error := publisher_error(driver.place):
        return f"MLflow: {error}"
    backlog = _said(driver.place).get("backlog")
    return f"MLflow {backlog} rows behind" if backlog else ""


def publisher_error(place: Folder) -> str:
    """Why the publisher could not reach its server when it last tried, or nothing."""
    return str(_said(place).get("error") or "")


def _said(place: Folder) -> dict[str, Any]:
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads((place.notes / "publisher.json").read_text())
        return found if isinstance(found, dict) else {}
    return {}
