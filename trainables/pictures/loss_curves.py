"""How the losses went: every ``train/…`` and ``val/…`` number over the steps, small multiples."""

from __future__ import annotations

import math

from PIL import Image

from trainables.core.charts import figure, rendered
from trainables.pictures import View

COLUMNS, MOST = 3, 12


def draw(view: View) -> Image.Image | None:
    """One panel a quantity, training and validation together; None before the second report."""
    if len(view.history) < 2:
        return None
    names: dict[str, list[str]] = {}
    for key in view.history[-1]:
        part, _, short = key.partition("/")
        if part in ("train", "val") and not short.startswith("kl_"):
            names.setdefault(short, []).append(key)
    panels = list(names.items())[:MOST]
    rows = math.ceil(len(panels) / COLUMNS)
    page = figure(width=3.0 * min(COLUMNS, len(panels)), height=2.1 * rows)
    for place, (short, keys) in enumerate(panels, start=1):
        axes = page.add_subplot(rows, min(COLUMNS, len(panels)), place)
        for key in keys:
            steps = [row["step"] for row in view.history if key in row]
            values = [row[key] for row in view.history if key in row]
            axes.plot(steps, values, marker=".", label="training" if key.startswith("train") else "validation")
        axes.set_title(short.replace("_", " "))
        if len(keys) > 1:
            axes.legend()
        if place > len(panels) - COLUMNS:
            axes.set_xlabel("step")
    return rendered(page)
