"""How much each latent varies among images of one class, as a share of how much it varies among all.

The report "JADE: Joint Autoencoders" shows the activations of 500 images of one class against 2,500 mixed ones: what a
class has in common must vary less within it than its style does. Legend: N images, Z latents, L classes.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from trainables.core.charts import PALETTE, figure, rendered, styled
from trainables.pictures import View

OF_ONE, MIXED = 500, 2_500
"""Images of one class and of all, at most."""
CONSTANT = 1e-3
"""Mixed variance below which a latent is drawn pale: a share of next to nothing says nothing."""


@styled()
def draw(view: View) -> Image.Image | None:
    """Bars of the most frequent class grouped by kind of latent, a dot for the mean over classes.

    None without labels, or without two images of one class.
    The codes are the posterior means of held-out images. A line shows the mean share of each group.
    """
    label_N = view.evaluation.labels_N
    if label_N is None:
        return None
    counts_L = np.bincount(label_N, minlength=len(view.split.classes))
    one = int(counts_L.argmax())
    if counts_L[one] < 2:
        return None
    shares = {group: shares_of(code_NZ, label_N, len(counts_L)) for group, code_NZ in view.evaluation.codes.items()}
    total = sum(code_NZ.shape[1] for code_NZ in view.evaluation.codes.values())
    page = figure(width=max(6.0, min(12.0, 0.36 * total + 2.2)), height=4.0)
    axes = page.add_subplot()
    names: list[str] = []
    for colour, (group, (share_LZ, mixed_Z)) in zip(PALETTE, shares.items(), strict=False):
        size, first = len(mixed_Z), len(names)
        place_Z = np.arange(first, first + size)
        shown_Z = mixed_Z >= CONSTANT
        mean = float(share_LZ[one, shown_Z].mean()) if shown_Z.any() else float("nan")
        over_Z = share_LZ[counts_L > 1].mean(0)
        label = f"{group}: mean {mean:.2f}, over all classes {over_Z[shown_Z].mean():.2f}" if shown_Z.any() else group
        axes.bar(place_Z[shown_Z], share_LZ[one, shown_Z], color=colour, label=label)
        axes.bar(place_Z[~shown_Z], share_LZ[one, ~shown_Z], color=colour, alpha=0.25)
        axes.hlines(mean, first - 0.5, first + size - 0.5, color=colour, linestyles="dashed", linewidth=1.5)
        axes.plot(place_Z, over_Z, "o", color="black", markersize=4, label="mean over classes" if not names else None)
        names += [str(j) for j in range(size)]
    axes.axhline(1.0, color="grey", linewidth=1)
    axes.set_xticks(range(len(names)), names)
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("latent (pale: nearly constant over all images)")
    axes.set_ylabel("variance within / variance of mixed")
    within, mixed = min(int(counts_L[one]), OF_ONE), min(len(label_N), MIXED)
    axes.set_title(f"{within:,} images of class {view.split.classes[one]} against {mixed:,} mixed images")
    page.legend(loc="outside lower center", ncols=3)
    return rendered(page)


def shares_of(code_NZ: np.ndarray, label_N: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Variance within each class over mixed variance, (L, Z), NaN for fewer than two images; and the latter, (Z,)."""
    mixed_Z = code_NZ[:MIXED].var(0)
    share_LZ = np.full((classes, code_NZ.shape[1]), np.nan)
    for label in range(len(share_LZ)):
        own_NZ = code_NZ[label_N == label][:OF_ONE]
        if len(own_NZ) > 1:
            share_LZ[label] = own_NZ.var(0) / np.maximum(mixed_Z, 1e-12)
    return share_LZ, mixed_Z
