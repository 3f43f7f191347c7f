"""Figures for plotly.js in one style: what colours and fonts they have is decided by the page, where it is shown.

A colour ``var(--name)`` is the page's, light or dark; the page's script puts it in. Knows nothing of sweeps.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.report.markup import Html, element
from trainables.core.charts import PALETTE

INK, FAINT, HAIR, ACCENT, BAD = (f"var(--{name})" for name in ("ink", "faint", "hair", "accent", "bad"))
CLEAR = "rgba(0,0,0,0)"
AXIS = {"gridcolor": HAIR, "zerolinecolor": HAIR, "linecolor": HAIR, "automargin": True, "title": {"standoff": 8}}
LAYOUT = {
    "font": {"size": 12, "color": INK},
    "paper_bgcolor": CLEAR,
    "plot_bgcolor": CLEAR,
    "margin": {"l": 52, "r": 12, "t": 12, "b": 44},
    "hoverlabel": {"bgcolor": "var(--raised)", "bordercolor": HAIR, "font": {"color": INK}, "align": "left"},
    "legend": {"orientation": "h", "x": 0, "y": -0.18, "yanchor": "top"},
    "colorway": list(PALETTE),
    "xaxis": AXIS,
    "yaxis": AXIS,
}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure and how much room it needs.  Its texts are escaped already: plotly takes some tags for markup."""

    data: list[dict[str, Any]]
    layout: Mapping[str, Any]
    says: str
    """What it shows, for those who do not see it."""
    height: int = 320
    least: int = 0
    """Pixels that it cannot be narrower than; it scrolls in a box of its own."""

    def shown(self, name: str) -> Html:
        """The figure as a part of the page, ``name`` being its id."""
        figure = {"data": self.data, "layout": merged(LAYOUT, {"height": self.height, **self.layout})}
        size = f"height:{self.height}px" + (f";min-width:{self.least}px" if self.least else "")
        chart = element("div", id=name, class_="chart", role="img", aria_label=self.says, style=size)
        return element("div", chart, embedded(figure, name), class_="scroll" if self.least else "figure")


def embedded(value: Any, name: str) -> Html:
    """A value as JSON that a script of the page finds by ``name``; nothing in it can end the element."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True).replace("<", "\\u003c")
    return Html(f'<script type="application/json" data-chart="{html.escape(name)}">{text}</script>')


def merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """``one`` with the values of ``other``, however deep."""
    found = dict(one)
    for key, value in other.items():
        if isinstance(value, Mapping) and isinstance(before := found.get(key), Mapping):
            value = merged(before, value)
        found[key] = value
    return found


def plain(text: str) -> str:
    """Text that plotly shows letter by letter."""
    return html.escape(text, quote=False)


def axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis with a title."""
    return merged(AXIS, {"title": {"text": plain(title)}, **more})
