"""Where the held-out images lie in latent space, coloured by class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from trainables.core.charts import PALETTE, figure, rendered, styled
from trainables.pictures import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS, PANELS = 2_000, 2
APART = 0.05
"""How far the median of a class is from all others, as a share of the axes, for its name to be written there."""


@styled()
def draw(view: View) -> Image.Image | None:
    """A panel for each group of latents, at most two: its two most informative latents, by KL or else by variance.

    Without labels the panel shows how dense the codes are. None where no group has two latents.
    """
    groups = [group for group, code_NZ in view.evaluation.codes.items() if code_NZ.shape[1] > 1][:PANELS]
    if not groups:
        return None
    classes = view.split.classes if view.evaluation.labels_N is not None else ()
    page = figure(width=4.8 * len(groups) + (1.4 if classes else 0), height=4.8)
    for place, group in enumerate(groups, start=1):
        axes = page.add_subplot(1, len(groups), place)
        code_NZ = view.evaluation.codes[group][:POINTS]
        by_information = view.latents(group)[:2]
        pair = sorted(by_information, key=lambda one: one.index) if code_NZ.shape[1] == 2 else by_information
        x_N, y_N = (code_NZ[:, latent.index] for latent in pair)
        if view.evaluation.labels_N is None:
            axes.hexbin(x_N, y_N, gridsize=min(35, 4 + len(x_N) // 20), mincnt=1, cmap="viridis", linewidths=0.2)
        else:
            _by_class(axes, x_N, y_N, view.evaluation.labels_N[:POINTS], classes)
        axes.set_xlabel(pair[0].title)
        axes.set_ylabel(pair[1].title)
        axes.set_title(f"{group}: {len(code_NZ):,} held-out images")
    if classes:
        handles, names = page.axes[0].get_legend_handles_labels()
        page.legend(handles, names, loc="outside right center", markerscale=3)
    return rendered(page)


def _by_class(axes: Axes, x_N: np.ndarray, y_N: np.ndarray, label_N: np.ndarray, classes: tuple[str, ...]) -> None:
    """The most frequent classes have a colour each, the others are grey; names stand at medians that are apart."""
    from matplotlib.patheffects import withStroke

    frequent = np.argsort(-np.bincount(label_N, minlength=len(classes)), kind="stable")[: len(PALETTE)]
    others_N = ~np.isin(label_N, frequent)
    if others_N.any():
        axes.scatter(x_N[others_N], y_N[others_N], s=6, color="lightgrey", label="other classes", linewidths=0)
    middles = {}
    for colour, label in zip(PALETTE, sorted(frequent.tolist()), strict=False):
        own_N = label_N == label
        if own_N.any():
            axes.scatter(x_N[own_N], y_N[own_N], s=9, color=colour, label=classes[label], alpha=0.75, linewidths=0)
            middles[label] = np.array((np.median(x_N[own_N]), np.median(y_N[own_N])))
    span = np.maximum((np.ptp(x_N), np.ptp(y_N)), 1e-12)
    for label, middle in middles.items():
        others = [other for key, other in middles.items() if key != label]
        if all(np.abs((middle - other) / span).max() > APART for other in others):
            axes.annotate(
                classes[label],
                (float(middle[0]), float(middle[1])),
                ha="center",
                va="center",
                fontweight="bold",
                path_effects=[withStroke(linewidth=3, foreground="white")],
            )
