"""What each latent does to one held-out image, the same image for every model."""

from __future__ import annotations

from PIL import Image

from trainables.core.traversals import Block, traversal_grid
from trainables.pictures import View


def draw(view: View) -> Image.Image | None:
    """Latents by KL (rows) from −3 to 3 standard deviations of the prior (columns); None without a decoder.

    Latents without a prior come by their variance, and go as many standard deviations of the codes from their mean.
    """
    if not view.decodes:
        return None
    first, label_B = view.chosen(1), view.labels(view.chosen(1))
    image = view.split.images(first)[0]
    label = None if label_B is None else label_B[0]
    return traversal_grid(view.method, view.model, image, label, [Block(latents=view.latents())])
