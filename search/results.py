"""What came out of a sweep: the ranking of its trials, and tables of them.

Reads a ``History`` and nothing else. Numbers are the ledger's own, bit for bit; what is not finite becomes null in
every table, because JSON and CSV have no word for it. Knows nothing of MLflow, Ray or Optuna.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from search.history import COMPLETE, FAIL, PRUNED, RUNNING, History, Trial

if TYPE_CHECKING:
    import pyarrow as pa

ORDER = (COMPLETE, PRUNED, RUNNING, FAIL)
"""States from best to worst: what was measured to the end comes before what was not."""

GREEK = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "eta": "η",
    "theta": "θ",
    "kappa": "κ",
    "lambda": "λ",
    "mu": "μ",
    "rho": "ρ",
    "sigma": "σ",
    "tau": "τ",
}
SYMBOLS = {"latents": "Z", "capacity": "C", "capacity_ramp": "C_ramp", "batch_size": "B"}


class Goal(NamedTuple):
    """An objective: a metric and whether more of it is better."""

    metric: str
    maximize: bool

    def value(self, metrics: Mapping[str, float]) -> float:
        """The metric, turned so that less is better; infinite where it is missing or not a number."""
        value = metrics.get(self.metric, math.nan)
        return math.inf if math.isnan(value) else (-value if self.maximize else value)


def goals(objectives: Iterable[Any]) -> tuple[Goal, ...]:
    """Objectives as goals, from ``search.sweep.Objective`` or from the ledger's own mappings."""
    found = []
    for objective in objectives:
        said = objective if isinstance(objective, Mapping) else vars(objective)
        found.append(Goal(said["metric"], said["direction"] == "maximize"))
    return tuple(found)


def ranking(history: History, objectives: Sequence[Any] | None = None) -> list[Trial]:
    """All trials, best first: complete ones by objective, stopped ones by how far they came, then the rest.

    With several objectives, complete trials are ordered by their non-dominated front, and within it by the first
    objective. ``objectives`` are the sweep's own when left out.
    """
    said = history.sweep.get("objectives", ()) if objectives is None else objectives
    wanted = goals(said)
    values = {t.number: tuple(g.value(t.metrics) for g in wanted) for t in history.trials}
    complete = [t.number for t in history.trials if t.state == COMPLETE]
    front = fronts({n: values[n] for n in complete}) if len(wanted) > 1 else {}

    def key(trial: Trial) -> tuple[Any, ...]:
        step = 0 if trial.state == COMPLETE else -trial.step
        place = ORDER.index(trial.state)
        return (place, front.get(trial.number, 0), step, values[trial.number], trial.number)

    return sorted(history.trials, key=key)


def fronts(values: Mapping[int, tuple[float, ...]]) -> dict[int, int]:
    """The non-dominated front of each point, from 0; less is better everywhere.

    Efficient non-dominated sort (Zhang et al. 2015): points come in lexicographic order, so that none is dominated by
    a later one.
    """
    found: list[list[tuple[float, ...]]] = []
    place: dict[int, int] = {}
    for number, point in sorted(values.items(), key=lambda item: (item[1], item[0])):
        free = (i for i, front in enumerate(found) if not any(_dominates(other, point) for other in reversed(front)))
        index = next(free, len(found))
        if index == len(found):
            found.append([])
        found[index].append(point)
        place[number] = index
    return place


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


# -- names --------------------------------------------------------------------------------------------------------


def symbol(key: str) -> str:
    """``gamma`` as γ, ``latents`` as Z, ``beta_tc`` as β_tc."""
    return SYMBOLS.get(key) or "_".join(GREEK.get(part, part) for part in key.split("_"))


def short_config(config: Mapping[str, Any], searched: Iterable[str] | None = None) -> str:
    """``γ=6.4 Z=10``: the searched part of a configuration (all of it without ``searched``), to three digits.

    ``searched`` may hold Optuna's names, such as ``factor_vae.gamma``.
    """
    wanted = None if searched is None else {name.rpartition(".")[2] for name in searched}
    shown = [(k, v) for k, v in config.items() if wanted is None or k in wanted]
    return " ".join(f"{symbol(k)}={_short(v)}" for k, v in shown)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def title(trial: Trial) -> str:
    """``017 factor_vae γ=6.4 Z=10``: what was searched, as this trial's sampler chose it."""
    return f"{trial.number:03d} {trial.method} {short_config(trial.config, trial.params)}".rstrip()


# -- tables -------------------------------------------------------------------------------------------------------


def finite(value: Any) -> Any:
    """``value`` with every float that is not finite replaced by ``None``, however deep."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(v) for v in value]
    return value


def record(trial: Trial, rank: int) -> dict[str, Any]:
    """One trial as JSON holds it; ``metrics`` are the last report's, times are seconds since 1970."""
    said = {
        "trial": trial.number,
        "rank": rank,
        "method": trial.method,
        "state": trial.state,
        "reason": trial.reason,
        "step": trial.step,
        "steps": trial.steps,
        "config": trial.config,
        "metrics": trial.metrics,
        "attempts": trial.attempts,
        "started": trial.started,
        "ended": trial.ended,
    }
    return {key: finite(value) for key, value in said.items()}


def records(history: History, objectives: Sequence[Any] | None = None) -> list[dict[str, Any]]:
    """All trials in the order of the ranking, as JSON holds them."""
    return [record(t, rank) for rank, t in enumerate(ranking(history, objectives), 1)]


def rows(history: History, objectives: Sequence[Any] | None = None) -> list[dict[str, Any]]:
    """``records`` without nesting: columns ``config.gamma``, ``score/mig``; every row has every column."""
    flat = []
    for said in records(history, objectives):
        config, metrics = said.pop("config"), said.pop("metrics")
        flat.append({**said, **{f"config.{k}": v for k, v in config.items()}, **metrics})
    names = list(dict.fromkeys(name for row in flat for name in row))
    fixed = names.index("ended") + 1 if names else 0
    names[fixed:] = sorted(names[fixed:], key=lambda name: (not name.startswith("config."), name))
    return [{name: row.get(name) for name in names} for row in flat]


def csv_text(history: History, objectives: Sequence[Any] | None = None) -> str:
    """The rows as CSV with a header; floats in the shortest form that reads back bit for bit."""
    table = rows(history, objectives)
    text = io.StringIO()
    if table:
        writer = csv.DictWriter(text, fieldnames=list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    return text.getvalue()


def table(history: History, objectives: Sequence[Any] | None = None) -> pa.Table:
    """The rows as an Arrow table; a column whose values are of several kinds is text."""
    return _arrow(rows(history, objectives))


def _arrow(found: list[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    columns = {}
    for name in found[0] if found else ():
        values = [row[name] for row in found]
        kinds = {type(v) for v in values if v is not None}
        convert: Callable[[Any], Any] | None = None
        if kinds == {int, float}:
            convert = float
        elif len(kinds) > 1 or kinds & {list, dict}:
            convert = str
        columns[name] = values if convert is None else [None if v is None else convert(v) for v in values]
    return pa.table({name: pa.array(values) for name, values in columns.items()})


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write a table whole or not at all.  Raises ``OSError``."""
    import pyarrow.parquet as pq

    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pq.write_table(table, unfinished)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
