"""What each latent does to one held-out image, the same image for every model."""

from __future__ import annotations

from PIL import Image

from trainables.core.evaluation import chosen, held_out
from trainables.core.traversals import traversal_grid
from trainables.pictures import View


def draw(view: View) -> Image.Image:
    """Latents by KL (rows) from −3 to 3 standard deviations of the prior (columns)."""
    split = held_out(view.dataset, view.device)
    first = chosen(len(split))[:1]
    label = split.labels(first)[0] if split.classes else None
    return traversal_grid(view.method, view.model, split.images(first)[0], label, view.evaluation.kl)
