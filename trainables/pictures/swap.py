"""Two held-out images of different classes exchange their z, and each keeps its class."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from trainables.core.cells import GREEN, RED, grid
from trainables.core.contract import latents
from trainables.pictures import View

PAIRS, SEARCHED = 5, 400
COLUMNS = ("image A", "image B", "reconstr.\nof A", "reconstr.\nof B", "class of A\nz of B", "class of B\nz of A")


def draw(view: View) -> Image.Image | None:
    """Pairs (rows) of different classes and, where it is known, of different identity.

    Only the first group of latents, z, changes places; others stay with their class. Reconstructions have the class
    that the model saw, swaps the true one. None without a decoder or without such a pair.
    """
    if not view.decodes or view.split.label_array is None:
        return None
    a_P, b_P = _pairs(view)
    if not len(a_P):
        return None
    both = torch.cat((a_P, b_P))
    codes, labels = view.codes(both), view.labels(both)
    swapped = latents(codes)
    group = next(iter(swapped))
    swapped[group] = torch.cat(swapped[group].chunk(2)[::-1])
    columns = [
        np.split(of, 2) for of in (view.images(both), view.decoded(codes, labels), view.decoded(swapped, labels))
    ]
    image_PKCHW = np.stack([half for halves in columns for half in halves], axis=1)
    frames = {(row, k): RED if k < 2 else GREEN for row in range(len(a_P)) for k in range(4)}
    names = view.split.classes
    label_N = view.split.label_array
    titles = [f"{names[label_N[a]]} / {names[label_N[b]]}" for a, b in zip(a_P, b_P, strict=True)]
    return grid(image_PKCHW, rows=titles, columns=_columns(group), frames=frames, smallest=64)


def _columns(group: str) -> list[str]:
    return [title.replace("z of", f"{group} of") for title in COLUMNS]


def _pairs(view: View) -> tuple[torch.Tensor, torch.Tensor]:
    """Indices of at most ``PAIRS`` pairs, no image twice; of different identity, unless no such pair exists."""
    left = view.chosen(SEARCHED).tolist()
    label_N, identity_N = view.split.label_array, view.split.identity_array
    assert label_N is not None, "the caller looked"
    pairs: list[tuple[int, int]] = []
    for who_N in (identity_N, None):
        rest = list(left)
        while rest and len(pairs) < PAIRS:
            a = rest.pop(0)
            for b in rest:
                if label_N[a] != label_N[b] and (who_N is None or who_N[a] != who_N[b]):
                    rest.remove(b)
                    pairs.append((a, b))
                    break
        if pairs:
            break
    found = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2)
    return found[:, 0], found[:, 1]
