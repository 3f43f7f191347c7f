"""Tables in the terminal: the ranking of a sweep, and the cells that the live table shows too.

Values in, text out; knows nothing of drivers, Ray or MLflow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from search.goals import goals
from search.history import COMPLETE, FAIL, PRUNED, RUNNING, History, Trial
from search.results import duration, short_config
from search.standings import Standing, standings, told_apart

STYLES = {COMPLETE: "green", PRUNED: "dim", FAIL: "red", RUNNING: "bold cyan"}


def ranking_table(history: History, *, limit: int, width: int) -> Group:
    """The ranking of a sweep, finished or not, how far it has come, and whether its first is its best."""
    order = standings(history)
    several = any(len(s.configuration.trials) > 1 for s in order)
    rows = [_standing_cells(history, s, several) for s in order[:limit]]
    styles = [STYLES[s.configuration.state] for s in order[:limit]]
    ended = sum(t.state != RUNNING for t in history.trials)
    lines = [f"{ended} of {history.budget} trials ended, {duration(history.spent)} spent"]
    if len(order) > limit:
        lines.append(f"{len(order) - limit} more: --limit, --json, --csv or --parquet FILE")
    columns = tuple("trials" if several and head == "trial" else head for head in ("rank", *heads(history)))
    front = ["★: on the Pareto front, no other is better in every objective."] if any(s.pareto for s in order) else []
    said = [text for text in (*front, told_apart(history), *_bounds(history)) if text]
    below = ("; ".join(lines), *said)
    return Group(table(columns, rows, styles, width), *(Text(text, style="italic") for text in below))


def _bounds(history: History) -> Iterator[str]:
    """What the objectives' definitions allow at most, and what noise gets: they are not always 1 and 0."""
    from trainables.scores import metrics

    known = metrics()
    for goal in goals(history.sweep.get("objectives", ())):
        if (one := known.get(goal.metric)) is not None and (one.ceiling or one.floor):
            best = f"at best {one.ceiling}" if one.ceiling else ""
            noise = f"noise gets {one.floor}" if one.floor else ""
            yield f"{goal.metric}: {'; '.join(filter(None, (best, noise)))}."


def _standing_cells(history: History, standing: Standing, several: bool) -> tuple[str, ...]:
    configuration = standing.configuration
    first, state = configuration.first, configuration.state
    rank = f"{standing.rank}{' ★' if standing.pareto else ''}"
    shown = "not finished" if state == RUNNING else _standing_state(standing)
    _, method, config, step, value, _ = cells(history, first, shown)
    if not several:
        return (rank, f"{first.number:03d}", method, config, step, value, shown)
    numbers = [trial.number for trial in configuration.trials]
    spans = f"{numbers[0]:03d}" + (f"–{numbers[-1]:03d}" if len(numbers) > 1 else "")
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        spans = ", ".join(f"{number:03d}" for number in numbers)
    values = [_over_seeds(standing, goal.metric) for goal in goals(history.sweep.get("objectives", ()))]
    return (rank, spans, method, config, f"{configuration.step}/{first.steps}", " / ".join(values), shown)


def _over_seeds(standing: Standing, metric: str) -> str:
    """``0.31 ± 0.04 (5)``: mean, half of the 95 % interval, seeds."""
    if (found := standing.intervals.get(metric)) is None:
        return "–"
    value = f"{standing.values[metric]:.4g}"
    return value if found.count == 1 else f"{value} ± {found.half:.2g} ({found.count})"


def _standing_state(standing: Standing) -> str:
    """How a configuration ended, in the words of the replicate that decided it."""
    trials = standing.configuration.trials
    deciding = next((t for t in trials if t.state == standing.configuration.state), trials[0])
    said = ended_as(deciding)
    return f"breaks a constraint: {'; '.join(standing.violated)}" if standing.violated else said


def heads(history: History) -> tuple[str, ...]:
    objectives = " / ".join(goal.metric for goal in goals(history.sweep.get("objectives", ())))
    return ("trial", "method", "configuration", "step", objectives, "state")


def cells(history: History, trial: Trial, state: str) -> tuple[str, ...]:
    config = short_config(trial.config, trial.params)
    number, step = f"{trial.number:03d}", f"{trial.step}/{trial.steps}"
    return (number, trial.method, config, step, value_of(history, trial), state)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str], width: int) -> Table:
    """A table that fits ``width``: numbers are never cut, configurations and reasons are."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    config, state = columns.index("configuration"), columns.index("state")
    room = width - sum(widths) + widths[config] + widths[state] - 2 * len(columns)
    widths[state] = min(widths[state], max(8, room // 2, room - widths[config]))
    widths[config] = min(widths[config], max(8, room - widths[state]))
    made = Table(box=None, pad_edge=False)
    for head, size in zip(columns, widths, strict=True):
        right = head in ("rank", "step") or "/" in head
        made.add_column(head, width=size, no_wrap=True, overflow="ellipsis", justify="right" if right else "left")
    for row, style in zip(rows, styles, strict=True):
        made.add_row(*(Text(cell) for cell in row), style=style)
    return made


def value_of(history: History, trial: Trial) -> str:
    values = [trial.metrics.get(g.metric) for g in goals(history.sweep.get("objectives", ()))]
    return " / ".join("–" if v is None else f"{v:.4g}" for v in values)


def ended_as(trial: Trial) -> str:
    if trial.state != COMPLETE:
        return f"{trial.state.lower()}: {trial.reason}"
    _, _, wrong = trial.reason.partition("; ")
    return f"complete; {wrong}" if wrong else "complete"
