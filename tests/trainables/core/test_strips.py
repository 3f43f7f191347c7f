"""Strips: a row for each latent, in the order in which a checkpoint's codes are read again."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from trainables.core.comparable import COLUMNS
from trainables.core.strips import strips
from trainables.core.traversals import ordered


def view(channels):
    """A model that paints what its three latents are, a pixel each: content0, style0, style1."""
    codes = {"style": np.array([[0.1, 0.2]] * 2), "content": np.array([[0.3], [0.3]])}
    kl = {"style": np.array([0.5, 2.0]), "content": np.array([1.0])}

    def decoded(found, label_B):
        content, style = found["content"], found["style"]
        pixels = torch.cat([content, style], dim=1)[:, None, None, :].expand(-1, channels, 2, -1)
        return pixels.sigmoid().numpy()

    return SimpleNamespace(
        evaluation=SimpleNamespace(codes=codes, kl=kl),
        chosen=lambda count: torch.arange(count),
        labels=lambda index_B: None,
        codes=lambda index_B: {group: torch.tensor(code[:1]) for group, code in codes.items()},
        latents=lambda: ordered({group: code.shape[1] for group, code in codes.items()}, kl, codes),
        decoded=decoded,
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_each_row_moves_its_own_latent(channels):
    picture = strips(view(channels))
    assert picture.mode == ("L" if channels == 1 else "RGB")
    assert picture.size == (COLUMNS * 3, 3 * 2)
    pixels_RHKW = np.asarray(picture.convert("L"), dtype=int).reshape(3, 2, COLUMNS, 3)
    moving = np.ptp(pixels_RHKW[:, 0], axis=1) > 100
    assert (moving == np.eye(3, dtype=bool)).all(), "content0, style0, style1, whatever their KL"
    assert (np.diff(pixels_RHKW[0, 0, :, 0]) > 0).all()
