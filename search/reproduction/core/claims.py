"""Means with intervals, and plain verdicts on claims.  Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.intervals import Interval, interval

HOLDS, FAILS, OPEN = "holds", "does not hold", "cannot be told at this size"


class Results:
    """The records of one table."""

    def __init__(self, records: Sequence[Mapping[str, Any]]) -> None:
        self._records = records

    @property
    def rows(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(record["row"] for record in self._records))

    def values(self, row: str, name: str) -> dict[int, float]:
        """A measured number by seed."""
        return {r["seed"]: r["values"][name] for r in self._records if r["row"] == row and name in r["values"]}

    def mean(self, row: str, name: str) -> Interval:
        """A measured number's mean over the seeds."""
        return interval(self.values(row, name).values())

    def difference(self, row: str, other: str, name: str, other_name: str | None = None) -> Interval:
        """``row`` minus ``other`` over the seeds that both have: the interval of paired differences."""
        mine, theirs = self.values(row, name), self.values(other, other_name or name)
        return interval(mine[seed] - theirs[seed] for seed in mine if seed in theirs)

    @property
    def core_minutes(self) -> float:
        """What training and measuring took, on one core each."""
        return sum(sum(record["seconds"].values()) for record in self._records) / 60


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a report says, its figure, ours, and whether it holds."""

    text: str
    reported: str
    ours: str
    verdict: str


def claim(
    text: str,
    reported: str,
    found: Interval,
    *,
    above: float | None = None,
    below: float | None = None,
    unit: str = "",
    digits: int = 2,
    scale: float = 1.0,
    decidable: bool = True,
) -> Claim:
    """The claim that the true mean lies ``above`` (or ``below``, or between both).

    It holds when the whole interval does, does not when none of it does, and cannot be told otherwise, nor where the
    experiment is not ``decidable`` because it is far shorter than what the report speaks of.
    """
    low = -math.inf if above is None else above
    high = math.inf if below is None else below
    if not decidable:
        verdict = OPEN
    elif low < found.low and found.high < high:
        verdict = HOLDS
    elif found.high <= low or found.low >= high:
        verdict = FAILS
    else:
        verdict = OPEN
    shown = found.shown(digits, scale) + (f" {unit}" if unit else "")
    return Claim(text=text, reported=reported, ours=f"{shown} (n = {found.count})", verdict=verdict)


@dataclass(frozen=True, kw_only=True)
class Page:
    """A table of figures, the claims, and what else is to be said."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    claims: tuple[Claim, ...]
    notes: tuple[str, ...] = ()
