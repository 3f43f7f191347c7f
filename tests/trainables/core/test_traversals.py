"""The traversal grid, on a method whose pictures are known."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import trainables
from trainables.core.contract import hyperparameters
from trainables.core.traversals import GREEN, RED, png, traversal_grid

SIDE = 16


def bars(channels=1, latents=4, others=0):
    """A method without weights: latent j of group z lights band j, w darkens."""

    def codes(model, images, labels):
        found = {"z": torch.zeros(len(images), latents), "z_log_variance": torch.zeros(1, latents)}
        return found | ({"w": torch.zeros(len(images), others)} if others else {})

    def decode(model, codes, labels):
        logits = torch.full((len(codes["z"]), channels, SIDE, SIDE), -9.0)
        for j in range(latents):
            rows = slice(j * SIDE // latents, (j + 1) * SIDE // latents)
            logits[:, :, rows] += 6 * codes["z"][:, j, None, None, None]
        if others:
            logits -= codes["w"].sum(1)[:, None, None, None]
        assert labels is None or labels.shape == (len(logits),)
        return logits

    return SimpleNamespace(codes=codes, decode=decode), nn.ModuleDict()


def count(picture, colour):
    return int((np.asarray(picture) == colour).all(2).sum())


@pytest.mark.parametrize("channels", [1, 3])
def test_grid_has_frames_and_enlarged_cells(channels):
    method, model = bars(channels)
    picture = traversal_grid(method, model, torch.rand(channels, SIDE, SIDE), None, np.arange(4.0))
    assert picture.mode == "RGB"
    assert picture.width > 12 * 48 and picture.height > 4 * 48
    # Frames three pixels wide around 48 × 48, and letters of the same colour.
    frame = 54 * 54 - 48 * 48
    assert count(picture, RED) >= frame and count(picture, GREEN) >= frame


def test_rows_are_ordered_by_kl_and_columns_by_value():
    method, model = bars()
    kl = np.array([0.1, 3.0, 0.0, 1.0])
    picture = traversal_grid(method, model, torch.zeros(1, SIDE, SIDE), None, kl, values=(-1.0, 0.0, 3.0))
    grey = np.asarray(picture.convert("L")).astype(int)
    right = grey[:, -8 - 50 + 2 : -8 - 2]  # the column of the largest value
    tops = [24 + 50 * row for row in range(4)]
    lit = [int((right[top : top + 48].mean(1) > 200).argmax() // 12) for top in tops]
    assert lit == [1, 3, 0, 2]
    middle = grey[:, -8 - 100 + 2 : -8 - 50 - 2]
    assert all(middle[top : top + 48].max() < 10 for top in tops)


def test_several_groups_and_rows_left_out():
    method, model = bars(latents=4, others=16)
    image, label = torch.zeros(1, SIDE, SIDE), torch.tensor(1)
    kl = {"z": np.array([4.0, 3.0, 2.0, 1.0]), "w": np.linspace(0, 0.5, 16)}
    few = traversal_grid(method, model, image, label, kl, rows=6)
    every = traversal_grid(method, model, image, label, np.concatenate(list(kl.values())), rows=20)
    assert every.height - few.height == 14 * 50 - 16
    without = traversal_grid(method, model, image, label, {"z": kl["z"]})
    assert without.height == few.height + 6 * 50


@pytest.mark.parametrize("kl", [np.zeros(3), {"z": np.zeros(5)}])
def test_kl_that_does_not_fit(kl):
    method, model = bars()
    with pytest.raises(ValueError, match="KL"):
        traversal_grid(method, model, torch.zeros(1, SIDE, SIDE), None, kl)


@pytest.mark.parametrize("name", trainables.names())
@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 64, 64), (3, 128, 128)])
def test_every_method_has_a_small_picture(name, shape):
    method = trainables.method(name)
    hp = hyperparameters(method, {"latents": 20}, 100)
    model = method.build(hp, shape)
    picture = traversal_grid(method, model, torch.rand(shape), None, np.zeros(20))
    assert model.training
    assert len(png(picture)) < 300_000


def test_png_stays_below_its_limit():
    plain = Image.new("RGB", (300, 200), "red")
    assert Image.open(io.BytesIO(png(plain))).size == (300, 200)
    pixels = np.random.default_rng(0).integers(0, 256, size=(500, 600, 3), dtype=np.uint8)
    written = png(Image.fromarray(pixels), 100_000)
    assert len(written) <= 100_000
    assert 200 < Image.open(io.BytesIO(written)).width < 600
