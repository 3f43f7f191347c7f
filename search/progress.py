"""How a sweep stands: how many trials have ended, and the best so far.  Pure: a history in, values out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from search.goals import goals
from search.history import COMPLETE, FAIL, RUNNING, History, Trial
from search.results import finite
from search.standings import ranking


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A sweep in numbers."""

    name: str
    id: str
    trials: int
    """Of the whole budget."""
    ended: int
    complete: int
    running: int
    """Begun and not ended; where no driver runs, ``resume`` goes on with them."""
    closed: str | None
    """``finished`` or ``interrupted``, where the last driver said goodbye."""
    created: float
    """Seconds since 1970."""
    spent: float
    """Seconds that drivers have run."""
    best: dict[str, Any] | None
    """Number, method, configuration and objectives of the best trial so far."""

    def record(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {key: finite(value) for key, value in asdict(self).items()}


def progress(history: History) -> Progress:
    """How far a sweep has come."""
    first = best(history)
    wanted = [goal.metric for goal in goals(history.sweep.get("objectives", ()))]
    return Progress(
        name=str(history.sweep["name"]),
        id=history.id,
        trials=history.budget,
        ended=sum(trial.state != RUNNING for trial in history.trials),
        complete=sum(trial.state == COMPLETE for trial in history.trials),
        running=sum(trial.state == RUNNING for trial in history.trials),
        closed=history.closed,
        created=history.created,
        spent=history.spent,
        best=None if first is None else _told(first, wanted),
    )


def _told(trial: Trial, wanted: list[str]) -> dict[str, Any]:
    return {
        "trial": trial.number,
        "method": trial.method,
        "config": dict(trial.config),
        "objectives": {metric: finite(trial.metrics.get(metric)) for metric in wanted},
    }


def best(history: History) -> Trial | None:
    """The best complete trial; before there is one, the best value that any trial has reported."""
    complete = [t for t in ranking(history) if t.state == COMPLETE]
    wanted = goals(history.sweep.get("objectives", ()))
    reported = [t for t in history.trials if t.reports and t.state != FAIL]
    return next(iter(complete or sorted(reported, key=lambda t: [g.value(t.metrics) for g in wanted])), None)
