"""Parts of a sweep in words, for every form a report takes.  Plain text: who puts it into a page escapes it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import yaml

from search.history import COMPLETE, FAIL, PRUNED, RUNNING, Configuration, History, Trial
from search.intervals import Interval
from search.results import short_config

STATES = {COMPLETE: "complete", PRUNED: "stopped early", FAIL: "failed", RUNNING: "not finished"}


def one_line(value: Any) -> str:
    """``value`` as text on one line, without characters that cannot be printed."""
    return "".join(c if c.isprintable() else "\ufffd" for c in " ".join(str(value).split()))


def number(value: float | None) -> str:
    """Four digits, or a dash where there is nothing."""
    return "–" if value is None else signed(f"{value:.4g}")


def signed(text: str) -> str:
    """A number with a minus as it is printed, instead of a hyphen."""
    return f"−{text[1:]}" if text.startswith("-") else text


def measured(found: Interval | None) -> str:
    """``0.421 ± 0.012``: a mean and half its interval, as exact as that is; the mean alone of a single replicate."""
    if found is None:
        return "–"
    if not 0.0 < found.half < math.inf:
        return number(found.mean) + (" ± 0" if found.half == 0.0 else "")
    digits = max(0, 1 - math.floor(math.log10(found.half)))
    return f"{signed(f'{found.mean:.{digits}f}')} ± {found.half:.{digits}f}"


def pairs(values: Mapping[str, Any]) -> str:
    """``asha (rungs [20], reduction_factor 3.0)``: what is set, the name first."""
    shown = {k: v for k, v in values.items() if v is not None and v != []}
    name = shown.pop("name", None)
    rest = ", ".join(f"{k} {one_line(v)}" for k, v in shown.items())
    return f"{one_line(name)}{f' ({rest})' if rest else ''}" if name else rest


def dataset(data: Mapping[str, Any]) -> str:
    """``usps (size 16, per_class 100), with mnist``."""
    rest = pairs({**(data.get("options") or {}), **(data.get("subset") or {})})
    second = data.get("secondary")
    beside = f", with {dataset(second)}" if second else ""
    return f"{one_line(data.get('name', '?'))}{f' ({rest})' if rest else ''}{beside}"


def configured(trial: Trial) -> str:
    """``beta_vae β=4 Z=10``: the method and what was searched of its configuration."""
    return one_line(f"{trial.method} {short_config(trial.config, trial.params)}")


def numbers(configuration: Configuration) -> str:
    """``003``, or ``003, 004, 005``: the trials of a configuration."""
    return ", ".join(f"{trial.number:03d}" for trial in configuration.trials)


def whole(trial: Trial) -> str:
    """The whole configuration as YAML."""
    said = {"method": trial.method, **trial.config}
    return yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=100)


def reason(configuration: Configuration) -> str:
    """Why a configuration ended as it did: the reason of the replicate that decided it."""
    deciding = [trial for trial in configuration.trials if trial.state == configuration.state]
    return one_line(next((trial.reason for trial in deciding), ""))


def replicated(history: History) -> bool:
    """Whether some configuration is trained under several seeds."""
    return history.seeds > 1 or any(len(c.trials) > 1 for c in history.configurations)


def moment(seconds: float) -> str:
    """``2026-11-25 01:02 UTC``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
