"""Grids of cells, and traversals of a method whose pictures are known."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from trainables.core.cells import GREEN, HAIR, RED, compared, grid
from trainables.core.contract import CLASSES
from trainables.core.traversals import VALUES, Block, ordered, png, traversal_grid

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

    return SimpleNamespace(codes=codes, decode=decode)


def count(picture, colour):
    return int((np.asarray(picture) == colour).all(2).sum())


def drawn(method, image, sizes, kl=None, label=None, values=VALUES, most=12):
    block = Block(latents=ordered(sizes, kl), values=values, most=most)
    return traversal_grid(method, nn.ModuleDict(), image, label, [block])


@pytest.mark.parametrize("channels", [1, 3])
def test_grid_has_frames_and_enlarged_cells(channels):
    picture = drawn(bars(channels), torch.rand(channels, SIDE, SIDE), {"z": 4}, np.arange(4.0))
    assert picture.mode == "RGB"
    assert picture.width > 12 * 48 and picture.height > 4 * 48
    # Frames three pixels wide around 48 × 48, and letters of the same colour.
    frame = 54 * 54 - 48 * 48
    assert count(picture, RED) >= frame and count(picture, GREEN) >= frame


def test_the_original_is_framed_red_and_its_reconstruction_green_below_it():
    picture = np.asarray(compared(np.zeros((1, SIDE, SIDE)), np.ones((1, SIDE, SIDE))))
    for top, colour, inside in ((8 + 16, RED, 0), (8 + 16 + 54 + 8 + 16, GREEN, 255)):
        box = picture[top : top + 54, 8 : 8 + 54]
        for edge in (box[:3], box[-3:], box[:, :3], box[:, -3:]):
            assert (edge == colour).all()
        assert (box[3:-3, 3:-3] == inside).all()


def test_rows_are_ordered_by_kl_and_columns_by_value():
    kl = np.array([0.1, 3.0, 0.0, 1.0])
    picture = drawn(bars(), torch.zeros(1, SIDE, SIDE), {"z": 4}, kl, values=(-1.0, 0.0, 3.0))
    grey = np.asarray(picture.convert("L")).astype(int)
    right = grey[:, -8 - 48 + 2 : -8 - 2]  # the column of the largest value
    tops = [24 + 50 * row for row in range(4)]
    lit = [int((right[top : top + 48].mean(1) > 200).argmax() // 12) for top in tops]
    assert lit == [1, 3, 0, 2]
    middle = grey[:, -8 - 98 + 2 : -8 - 50 - 2]
    assert all(middle[top : top + 48].max() < 10 for top in tops)


def test_several_groups_and_rows_left_out():
    method, image, label = bars(latents=4, others=16), torch.zeros(1, SIDE, SIDE), torch.tensor(1)
    sizes = {"z": 4, "w": 16}
    kl = {"z": np.array([4.0, 3.0, 2.0, 1.0]), "w": np.linspace(0, 0.5, 16)}
    few = drawn(method, image, sizes, kl, label, most=6)
    every = drawn(method, image, sizes, np.concatenate(list(kl.values())), label, most=20)
    assert every.height - few.height == 14 * 50 - 16
    assert [row.name for row in ordered(sizes, kl)][:6] == ["z0", "z1", "z2", "z3", "w15", "w14"]


@pytest.mark.parametrize("kl", [np.zeros(3), {"z": np.zeros(5)}])
def test_kl_that_does_not_fit(kl):
    with pytest.raises(ValueError, match="KL"):
        ordered({"z": 4}, kl)


def test_latents_without_kl_come_last_by_variance_and_move_in_their_own_unit():
    codes = {"z": np.array([[0.0, 1.0], [2.0, 1.0]]), "w": np.array([[1.0, 4.0], [3.0, 8.0]])}
    found = ordered({"z": 2, "w": 2}, {"z": np.array([0.1, 0.2])}, codes)
    assert [(row.name, row.centre, row.unit) for row in found] == [
        ("z1", 0.0, 1.0),
        ("z0", 0.0, 1.0),
        ("w1", 6.0, 2.0),
        ("w0", 2.0, 1.0),
    ]
    with pytest.raises(ValueError, match="Codes of 'w' must have 3 columns, not 2"):
        ordered({"w": 3}, None, codes)


def test_the_class_is_soft_in_the_reconstruction_and_one_hot_in_traversals():
    told = []

    def codes(model, images, labels):
        return {"z": torch.zeros(len(images), 1), CLASSES: torch.tensor([[0.2, 0.7, 0.1]])}

    def decode(model, codes, labels):
        told.append((codes.get(CLASSES), labels))
        return torch.zeros(len(codes["z"]), 1, SIDE, SIDE)

    method = SimpleNamespace(codes=codes, decode=decode)
    for label, expected in ((None, 1), (2, 2)):
        told.clear()
        drawn(method, torch.zeros(1, SIDE, SIDE), {"z": 1}, label=label)
        (soft, _), (none, labels) = told
        assert soft.tolist() == [[pytest.approx(p) for p in (0.2, 0.7, 0.1)]] and none is None
        assert labels.tolist() == [expected] * len(VALUES)


def test_the_mode_of_the_model_is_kept():
    model = nn.ModuleDict()
    for training in (True, False):
        model.train(training)
        traversal_grid(bars(), model, torch.zeros(1, SIDE, SIDE), None, [Block(latents=ordered({"z": 4}))])
        assert model.training == training


@pytest.mark.parametrize(("side", "expected"), [(8, 48), (28, 56), (64, 64), (200, 96)])
def test_cells_are_large_enough_and_not_too_large(side, expected):
    picture = grid(np.full((2, 3, 1, side, side), 0.5))
    assert picture.size == (8 + 3 * (expected + 2) - 2 + 8, 8 + 2 * (expected + 2) - 2 + 8)
    assert count(picture, (128, 128, 128)) == 6 * expected**2


def test_frames_and_titles_of_a_grid():
    frames = {(0, 1): RED, (1, 0): GREEN}
    picture = np.asarray(grid(np.zeros((2, 2, 1, 48, 48)), frames=frames))
    for (row, column), colour in frames.items():
        y, x = 8 + 56 * row, 8 + 56 * column
        assert (picture[y : y + 54, x : x + 3] == colour).all() and (picture[y + 3, x + 3] == 0).all()
    assert (picture[8:62, 8:10] == 255).all() and (picture[10:60, 10] == HAIR).all()
    plain = grid(np.zeros((2, 2, 1, 48, 48)))
    titled = grid(np.zeros((2, 2, 1, 48, 48)), columns=("a\nb", "c"), title="t", note="n\nn")
    assert titled.height == plain.height + 2 * 16 + 18 + 2 * 16


def test_png_stays_below_its_limit():
    plain = Image.new("RGB", (300, 200), "red")
    assert Image.open(io.BytesIO(png(plain))).size == (300, 200)
    pixels = np.random.default_rng(0).integers(0, 256, size=(500, 600, 3), dtype=np.uint8)
    written = png(Image.fromarray(pixels), 100_000)
    assert len(written) <= 100_000
    assert 200 < Image.open(io.BytesIO(written)).width < 600


def test_fewer_colours_leave_frames_as_they_are():
    noise = np.random.default_rng(0).random((6, 6, 3, 64, 64)) * 0.3 + 0.6
    picture = grid(noise, frames={(0, 0): RED, (0, 1): GREEN})
    small = Image.open(io.BytesIO(png(picture, 200_000)))
    assert small.size == picture.size and len(png(picture, 10**7)) > 200_000
    for colour in (RED, GREEN):
        assert count(small.convert("RGB"), colour) >= 70 * 70 - 64 * 64
