"""Charts as pictures: matplotlib figures without a display, in one style.  This module knows nothing of models."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
}
DPI = 100

PALETTE = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
"""Ten colours that remain apart for colour-blind eyes: Petroff 2021 (arXiv 2107.02270), matplotlib's "petroff10"."""


@contextmanager
def styled() -> Iterator[None]:
    """The style, for whatever is drawn within: matplotlib reads it when axes and legends are made."""
    from matplotlib import rc_context

    with rc_context(STYLE):
        yield


def figure(width: float, height: float) -> Figure:
    """An empty figure of ``width`` × ``height`` inches at 100 dots an inch, which is how MLflow shows it."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def rendered(page: Figure) -> Image.Image:
    """The figure as an RGB picture."""
    file = io.BytesIO()
    page.savefig(file, format="png", facecolor="white")
    file.seek(0)
    return Image.open(file).convert("RGB")
