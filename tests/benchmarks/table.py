"""One table: what was measured, Teasel, its peer, the ratio, the goal, and whether it is met.

A ratio says how many times better Teasel is, whichever way is better. Knows nothing of what is measured.
"""

from __future__ import annotations

from dataclasses import dataclass

HEAD = "| what | Teasel | peer | ratio | goal | met |\n|---|---|---|---|---|---|"


@dataclass(frozen=True, kw_only=True)
class Row:
    """``times`` is a goal for the ratio, ``least`` and ``most`` for Teasel's own value."""

    what: str
    ours: float
    peer: float | None = None
    better: str = "more"
    """"more" or "less"."""
    times: float | None = None
    least: float | None = None
    most: float | None = None

    @property
    def ratio(self) -> float | None:
        if self.peer is None:
            return None
        upper, lower = (self.ours, self.peer) if self.better == "more" else (self.peer, self.ours)
        return upper / lower if lower else float("inf")

    @property
    def met(self) -> bool | None:
        """``None`` without a goal."""
        if self.times is not None and self.ratio is not None:
            return self.ratio >= self.times
        if self.least is not None:
            return self.ours >= self.least
        return None if self.most is None else self.ours <= self.most

    @property
    def goal(self) -> str:
        if self.times is not None:
            return f"≥ {self.times:g} ×"
        if self.least is not None:
            return f"≥ {self.least:g}"
        return "" if self.most is None else f"≤ {self.most:g}"

    def __str__(self) -> str:
        ratio = "" if self.ratio is None else f"{self.ratio:.2f} ×" if self.ratio < 20 else f"{self.ratio:.0f} ×"
        met = {None: "", True: "yes", False: "**no**"}[self.met]
        cells = (self.what, number(self.ours), "" if self.peer is None else number(self.peer), ratio, self.goal, met)
        return f"| {' | '.join(cells)} |"


def number(value: float) -> str:
    """Three digits, or all before the point."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
