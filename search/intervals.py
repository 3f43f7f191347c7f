"""Means over replicates with intervals, and whether two of them can be told apart.  Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean over replicates with its 95 % interval by Student's t; infinite for one replicate."""

    mean: float
    low: float
    high: float
    count: int

    @property
    def half(self) -> float:
        """Half its width."""
        return (self.high - self.low) / 2

    def shown(self, digits: int = 2, scale: float = 1.0) -> str:
        """``mean ± half width``."""
        spread = f" ± {self.half * scale:.{digits}f}" if math.isfinite(self.half) else " (one run)"
        return f"{self.mean * scale:.{digits}f}{spread}"


def interval(values: Iterable[float]) -> Interval:
    """The mean of ``values`` and its 95 % interval.  Raises ``ValueError`` for none."""
    found = [float(value) for value in values]
    if not found:
        raise ValueError("An interval needs at least one value.")
    mean = math.fsum(found) / len(found)
    if len(found) == 1:
        return Interval(mean=mean, low=-math.inf, high=math.inf, count=1)
    half = quantile(0.975, len(found) - 1) * deviation(found) / math.sqrt(len(found))
    return Interval(mean=mean, low=mean - half, high=mean + half, count=len(found))


def difference(one: Sequence[float], other: Sequence[float]) -> Interval:
    """The mean of ``one`` minus that of ``other`` with its 95 % interval (Welch 1947), ``count`` the smaller number.

    Infinite where either has a single value, unless nothing varies. Raises ``ValueError`` for none.
    """
    first, second = interval(one), interval(other)
    mean = first.mean - second.mean
    parts = [deviation(values) ** 2 / len(values) if len(values) > 1 else math.inf for values in (one, other)]
    count = min(len(one), len(other))
    if math.isinf(sum(parts)):
        return Interval(mean=mean, low=-math.inf, high=math.inf, count=count)
    if not sum(parts):
        return Interval(mean=mean, low=mean, high=mean, count=count)
    freedom = sum(parts) ** 2 / sum(p**2 / (len(v) - 1) for p, v in zip(parts, (one, other), strict=True))
    half = quantile(0.975, freedom) * math.sqrt(sum(parts))
    return Interval(mean=mean, low=mean - half, high=mean + half, count=count)


def deviation(values: Sequence[float]) -> float:
    """The standard deviation of two values or more, with n − 1 below."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def quantile(share: float, freedom: float) -> float:
    """The quantile of Student's t distribution."""
    # Imported here: commands that only look must be quick.
    from scipy.special import stdtrit

    return float(stdtrit(freedom, share))
