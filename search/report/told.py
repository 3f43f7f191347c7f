"""What all parts of the page read: a sweep as its ledger tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.goals import Goal, goals
from search.history import History
from search.ledger import Row
from search.report.words import configured, numbers
from search.standings import Standing, standings
from search.sweep import Sweep
from trainables.core.storage import Where


@dataclass(frozen=True, kw_only=True)
class Told:
    """A sweep and everything that is read of it more than once."""

    folder: Where
    rows: Sequence[Row]
    history: History
    sweep: Sweep | None
    """The specification; None where this Teasel would refuse it."""
    goals: Sequence[Goal]
    order: Sequence[Standing]
    names: Mapping[int, str]
    """What each configuration is called."""


def told(folder: Where, rows: Sequence[Row], history: History) -> Told:
    """The sweep whose files are in ``folder``; ``history`` is what ``rows`` tell."""
    return Told(
        folder=folder,
        rows=rows,
        history=history,
        sweep=specified(history),
        goals=goals(history.sweep.get("objectives", ())),
        order=standings(history),
        names={c.number: f"{numbers(c)} {configured(c.first)}" for c in history.configurations},
    )


def specified(history: History) -> Sweep | None:
    """The specification of a sweep; None where this Teasel would refuse it."""
    try:
        return Sweep.model_validate(history.sweep)
    except ValueError:
        return None
