"""How the losses went: every ``train/…`` and ``val/…`` number over the steps, small multiples."""

from __future__ import annotations

import math

from PIL import Image

from trainables.core.charts import PALETTE, figure, rendered, styled
from trainables.pictures import View

COLUMNS, MOST = 3, 12
PARTS = {"train": ("training", PALETTE[0]), "val": ("validation", PALETTE[1])}


@styled()
def draw(view: View) -> Image.Image | None:
    """One panel a quantity, training and validation together; None before the second report.

    At most twelve quantities are drawn, in the order in which they were reported; a line says how many more there are.
    """
    if len(view.history) < 2:
        return None
    names: dict[str, list[str]] = {}
    for key in view.history[-1]:
        part, _, short = key.partition("/")
        if part in PARTS and not short.startswith("kl_"):
            names.setdefault(short, []).append(key)
    panels = list(names.items())[:MOST]
    if not panels:
        return None
    columns = min(COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    page = figure(width=3.2 * columns, height=2.2 * rows + 0.4)
    seen = {}
    for place, (short, keys) in enumerate(panels, start=1):
        axes = page.add_subplot(rows, columns, place)
        for key in keys:
            label, colour = PARTS[key.partition("/")[0]]
            points = [(row["step"], row[key]) for row in view.history if math.isfinite(row.get(key, math.nan))]
            (seen[label],) = axes.plot(
                [step for step, _ in points], [value for _, value in points], marker=".", color=colour
            )
        axes.set_title(short.replace("_", " "))
        axes.locator_params(axis="x", nbins=4)
    page.legend(seen.values(), seen.keys(), loc="outside upper right", ncols=len(seen))
    more = len(names) - len(panels)
    page.supxlabel(f"step ({more} more quantities not shown)" if more else "step", fontsize=9)
    return rendered(page)
