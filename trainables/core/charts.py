"""Charts as pictures: matplotlib figures without a display, in one style.  This module knows nothing of models."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
}
DPI = 100


def figure(width: float, height: float) -> Figure:
    """An empty figure of ``width`` × ``height`` inches at 100 dots an inch, which is how MLflow shows it."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def rendered(page: Figure) -> Image.Image:
    """The figure as an RGB picture."""
    from matplotlib import rc_context

    file = io.BytesIO()
    with rc_context(STYLE):
        page.savefig(file, format="png", facecolor="white")
    file.seek(0)
    return Image.open(file).convert("RGB")
