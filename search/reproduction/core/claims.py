"""Means with intervals, and plain verdicts on claims.  Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

HOLDS, FAILS, OPEN = "holds", "does not hold", "cannot be told at this size"


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean over replicates with its 95 % interval by Student's t; infinite for one replicate."""

    mean: float
    low: float
    high: float
    count: int

    def shown(self, digits: int = 2, scale: float = 1.0) -> str:
        """``mean ± half width``."""
        half = (self.high - self.low) / 2
        spread = f" ± {half * scale:.{digits}f}" if math.isfinite(half) else " (one run)"
        return f"{self.mean * scale:.{digits}f}{spread}"


def interval(values: Iterable[float]) -> Interval:
    """The mean of ``values`` and its 95 % interval.  Raises ``ValueError`` for none."""
    array = np.asarray(list(values), np.float64)
    if not len(array):
        raise ValueError("An interval needs at least one value.")
    mean = float(array.mean())
    if len(array) == 1:
        return Interval(mean=mean, low=-math.inf, high=math.inf, count=1)
    from scipy import stats

    half = float(stats.t.ppf(0.975, len(array) - 1) * array.std(ddof=1) / math.sqrt(len(array)))
    return Interval(mean=mean, low=mean - half, high=mean + half, count=len(array))


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
