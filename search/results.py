"""Tables of what came out of a sweep, and short names for what is shown in them.

Reads a ``History`` and nothing else. Numbers are the ledger's own, bit for bit; what is not finite becomes null in
every table, because JSON and CSV have no word for it. Knows nothing of MLflow, Ray or Optuna.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.history import History, Trial
from search.output_file import write_whole
from search.standings import Standing, standings

if TYPE_CHECKING:
    import pyarrow as pa

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
    seed = f" seed {trial.seed}" if trial.replicated else ""
    return f"{trial.number:03d} {trial.method} {short_config(trial.config, trial.params)}".rstrip() + seed


def duration(seconds: float) -> str:
    """``75`` as ``1m15s``."""
    seconds = max(0, round(seconds))
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


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


def record(trial: Trial, standing: Standing) -> dict[str, Any]:
    """One trial as JSON holds it; ``metrics`` are the last report's, times are seconds since 1970.

    ``rank`` is its configuration's; ``pareto`` is null unless there are several objectives; ``seeds`` has the mean of
    each objective over the configuration's replicates, with its 95 % interval (null for one replicate).
    """
    over = {
        metric: {"mean": found.mean, "low": found.low, "high": found.high, "count": found.count}
        for metric, found in standing.intervals.items()
    }
    said = {
        "trial": trial.number,
        "rank": standing.rank,
        "configuration": trial.configuration,
        "pareto": standing.pareto,
        "method": trial.method,
        "state": trial.state,
        "reason": trial.reason,
        "step": trial.step,
        "steps": trial.steps,
        "seed": trial.seed,
        "seeds": over,
        "config": trial.config,
        "metrics": trial.metrics,
        "attempts": trial.attempts,
        "started": trial.started,
        "ended": trial.ended,
    }
    return {key: finite(value) for key, value in said.items()}


def records(history: History, objectives: Sequence[Any] | None = None) -> list[dict[str, Any]]:
    """All trials in the order of the ranking, as JSON holds them."""
    return [record(t, s) for s in standings(history, objectives) for t in s.configuration.trials]


def rows(history: History, objectives: Sequence[Any] | None = None) -> list[dict[str, Any]]:
    """``records`` without nesting: columns ``config.gamma``, ``score/mig``; every row has every column."""
    flat = []
    for said in records(history, objectives):
        config, metrics, over = said.pop("config"), said.pop("metrics"), said.pop("seeds")
        together = {f"seeds.{metric}.{k}": v for metric, found in over.items() for k, v in found.items()}
        flat.append({**said, **together, **{f"config.{k}": v for k, v in config.items()}, **metrics})
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

    write_whole(path, lambda unfinished: pq.write_table(table, unfinished))
