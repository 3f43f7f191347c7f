"""The cross-covariance penalty and the losses of both XCov autoencoders against their formulae."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainables import paired_xcov_autoencoder as paired
from trainables import xcov_autoencoder as plain
from trainables.core import xcov
from trainables.core.contract import InputSpec

STEP = torch.tensor(0.0)
SMALL = {"latents": 3, "hidden": 16, "batch_size": 12}
METHODS = pytest.mark.parametrize("method", [plain, paired], ids=["plain", "paired"])


def case(method, split, **changes):
    """(hp, model, data, drawn) in float64."""
    hp = method.Hyperparameters(**{**SMALL, **changes})
    torch.manual_seed(0)
    data = split((2, 5, 6), dtype=torch.float64)
    model = method.build(hp, data.spec).double()
    return hp, model, data, method.draw(data, hp, torch.Generator().manual_seed(3))


def softmax(x):
    exp = np.exp(x - x.max(1, keepdims=True))
    return exp / exp.sum(1, keepdims=True)


def by_hand(model, hp, image, label):
    """(weighted loss, parts, z) of one batch, in numpy."""
    network = model["autoencoder"]
    with torch.no_grad():
        code = network.encoder(image).numpy()
        logits, z = code[:, :2], code[:, 2:]
        y = softmax(logits)
        pixels = network.decoder(torch.from_numpy(np.concatenate((z, y), axis=1))).sigmoid().numpy()
    x, truth = image.numpy(), label.numpy()
    covariance = (y - y.mean(0)).T @ (z - z.mean(0)) / len(z)
    parts = {
        "reconstruction": ((x - pixels) ** 2).sum((1, 2, 3)).mean(),
        "cross_entropy": -np.log(y[np.arange(len(y)), truth]).mean(),
        "xcov": 0.5 * np.linalg.norm(covariance) ** 2,
        "accuracy": (logits.argmax(1) == truth).mean(),
    }
    return hp.alpha * parts["reconstruction"] + hp.beta * parts["cross_entropy"] + hp.gamma * parts["xcov"], parts, z


@given(rows=st.integers(2, 9), classes=st.integers(1, 4), latents=st.integers(1, 5), seed=st.integers(0, 999))
def test_xcov_is_its_formula_and_knows_no_offset(rows, classes, latents, seed):
    rng = np.random.default_rng(seed)
    y, z = rng.normal(size=(rows, classes)), rng.normal(size=(rows, latents))
    expected = 0.5 * sum(np.cov(y[:, i], z[:, j], ddof=0)[0, 1] ** 2 for i in range(classes) for j in range(latents))
    found = xcov.xcov(torch.from_numpy(y), torch.from_numpy(z)).item()
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)
    moved = xcov.xcov(torch.from_numpy(y + 3), torch.from_numpy(2 * z - 7)).item()
    assert moved == pytest.approx(4 * expected, rel=1e-6, abs=1e-12)


def test_xcov_known_answers():
    # Two classes told apart perfectly by one code of ±1: both covariances are ½ in size, so ½ (¼ + ¼).
    y = torch.eye(2).repeat(5, 1)
    assert xcov.xcov(y, 2 * y[:, :1] - 1).item() == pytest.approx(0.25)
    # Every class with every code: independent exactly.
    grid_y, grid_z = torch.eye(3).repeat_interleave(4, 0), torch.tensor([-1.0, 0.5, 2.0, 9.0]).repeat(3)[:, None]
    assert xcov.xcov(grid_y, grid_z).item() == pytest.approx(0, abs=1e-12)
    # The mean is squared, not the sum: a batch repeated costs the same.
    assert xcov.xcov(y.repeat(7, 1), (2 * y[:, :1] - 1).repeat(7, 1)).item() == pytest.approx(0.25)


def test_xcov_gradient():
    rng = torch.Generator().manual_seed(0)
    y, z = (torch.randn(5, n, generator=rng, dtype=torch.float64, requires_grad=True) for n in (3, 2))
    assert torch.autograd.gradcheck(xcov.xcov, (y, z))


def test_xcov_is_not_rounded_to_half_precision():
    rng = torch.Generator().manual_seed(0)
    y, z = torch.rand(64, 4, generator=rng), torch.randn(64, 3, generator=rng)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = xcov.xcov(y, z)
    assert inside.dtype == torch.float32 and torch.equal(inside, xcov.xcov(y, z))
    assert xcov.xcov(y.bfloat16(), z.bfloat16()).dtype == torch.float32


def test_plain_loss(split):
    hp, model, _, drawn = case(plain, split, alpha=0.3, beta=2.0, gamma=5.0)
    found = plain.losses(model, drawn, hp, STEP)
    loss, parts, _ = by_hand(model, hp, drawn["image_BCHW"], drawn["label_B"])
    assert found.pop("autoencoder").item() == pytest.approx(loss, rel=1e-10)
    assert {name: value.item() for name, value in found.items()} == pytest.approx(parts, rel=1e-10)


def test_paired_loss(split):
    hp, model, _, drawn = case(paired, split, alpha=0.3, beta=2.0, gamma=5.0, zeta=0.7)
    found = paired.losses(model, drawn, hp, STEP)
    one, first, z = by_hand(model, hp, drawn["image_BCHW"], drawn["label_B"])
    two, second, other_z = by_hand(model, hp, drawn["other_image_BCHW"], drawn["other_label_B"])
    distance = np.mean([np.sum((a - b) ** 2) for a, b in zip(z, other_z, strict=True)])
    assert found.pop("autoencoder").item() == pytest.approx(one + two + 0.7 * distance, rel=1e-10)
    means = {name: (first[name] + second[name]) / 2 for name in first} | {"distance": distance}
    assert {name: value.item() for name, value in found.items()} == pytest.approx(means, rel=1e-10)


def test_without_zeta_pairs_cost_what_two_plain_batches_do(split):
    shared = {"alpha": 0.3, "beta": 2.0, "gamma": 5.0, "network": "halving"}
    hp, model, _, drawn = case(paired, split, zeta=0.0, **shared)
    alone, twin, _, first = case(plain, split, **shared)
    assert torch.equal(first["image_BCHW"], drawn["image_BCHW"])
    second = {key: drawn[f"other_{key}"] for key in first}
    weights = list(model.parameters())
    both = paired.losses(model, drawn, hp, STEP)["autoencoder"]
    halves = [plain.losses(twin, half, alone, STEP)["autoencoder"] for half in (first, second)]
    assert both.item() == pytest.approx(sum(halves).item(), rel=1e-12)
    for a, b in zip(
        torch.autograd.grad(both, weights), torch.autograd.grad(sum(halves), list(twin.parameters())), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


@METHODS
@pytest.mark.parametrize("weight", ["alpha", "beta", "gamma"])
def test_a_weight_of_zero_leaves_no_gradient_of_its_part(method, weight, split):
    hp, model, _, drawn = case(method, split, **({"zeta": 0.0} if method is paired else {}), alpha=0.3)
    rest = dataclasses.replace(hp, **{weight: 0.0})
    alone = dataclasses.replace(hp, **{name: 0.0 for name in ("alpha", "beta", "gamma") if name != weight})
    encoder = list(model["autoencoder"].encoder.parameters())
    whole, without, part = (
        torch.autograd.grad(method.losses(model, drawn, setting, STEP)["autoencoder"], encoder)
        for setting in (hp, rest, alone)
    )
    for a, b, c in zip(whole, without, part, strict=True):
        torch.testing.assert_close(a, b + c, rtol=1e-8, atol=1e-11)
    assert sum(c.abs().sum() for c in part) > 0


@pytest.mark.parametrize("pairing", paired.PAIRINGS)
def test_pairs_are_two_images_of_one_identity(pairing, split):
    data = split((1, 4, 4), identities=6)
    # Images that say which row they are.
    data.pixels = torch.arange(len(data), dtype=torch.float32)[:, None, None, None].expand(-1, 1, 4, 4)
    hp = paired.Hyperparameters(**{**SMALL, "batch_size": 600, "pairing": pairing})
    drawn = paired.draw(data, hp, torch.Generator().manual_seed(0))
    row, other = (drawn[f"{half}image_BCHW"][:, 0, 0, 0].long().numpy() for half in ("", "other_"))
    assert (drawn["label_B"].numpy() == data.label_array[row]).all()
    assert (drawn["other_label_B"].numpy() == data.label_array[other]).all()
    assert (row != other).all() and (data.identity_array[row] == data.identity_array[other]).all()
    same = (drawn["label_B"] == drawn["other_label_B"]).float().mean()
    assert same == 0 if pairing == "different" else 0.2 < same < 0.8


@METHODS
def test_decode_takes_soft_classes_and_else_labels(method, split):
    _, model, data, _ = case(method, split)
    index = torch.arange(7)
    labels = data.labels(index)
    codes = method.codes(model, data.images(index), labels)
    network = model["autoencoder"]
    soft = network.decoder(torch.cat((codes["z"], codes["y"]), 1))
    hard = network.decoder(torch.cat((codes["z"], torch.eye(2, dtype=torch.float64)[labels]), 1))
    assert torch.equal(method.decode(model, codes, labels), soft)
    assert torch.equal(method.decode(model, codes, None), soft)
    assert torch.equal(method.decode(model, {"z": codes["z"]}, labels), hard)
    assert not torch.equal(soft, hard)
    with pytest.raises(ValueError, match="labels"):
        method.decode(model, {"z": codes["z"]}, None)


@METHODS
def test_codes_do_not_see_the_label(method, split):
    _, model, data, _ = case(method, split)
    images = data.images(torch.arange(4))
    found = [method.codes(model, images, labels) for labels in (None, torch.zeros(4).long(), torch.ones(4).long())]
    assert all(torch.equal(found[0][group], other[group]) for other in found[1:] for group in ("z", "y"))


def widths(layers):
    """Inputs of the first layer and outputs of each."""
    linear = [layer for layer in layers if isinstance(layer, torch.nn.Linear)]
    return [linear[0].in_features, *(layer.out_features for layer in linear)]


def test_networks_are_those_of_the_report():
    # On the device that holds no numbers: the paired network has 22 million weights.
    with torch.device("meta"):
        flat = plain.build(plain.Hyperparameters(), InputSpec(shape=(1, 28, 28), classes=10))["autoencoder"]
        halving = paired.build(paired.Hyperparameters(), InputSpec(shape=(1, 64, 64), classes=7))["autoencoder"]
    assert widths(flat.encoder) == [784, 500, 500, 10 + 2]
    assert widths(flat.decoder) == [10 + 2, 500, 500, 784]
    assert widths(halving.encoder) == [4096, 2048, 1024, 512, 7 + 256]
    assert widths(halving.decoder) == [7 + 256, 512, 1024, 2048, 4096]


@pytest.mark.parametrize(("published", "default"), [(100 / 784, plain), (1000 / 4096, paired)])
def test_default_alpha_is_the_published_one_on_sums(published, default):
    assert default.Hyperparameters().alpha == pytest.approx(published, abs=5e-4)


@METHODS
@pytest.mark.parametrize("classes", [0, 1])
def test_data_without_classes_are_refused(method, classes):
    with pytest.raises(ValueError, match=r"labels of at least two classes"):
        method.build(method.Hyperparameters(), InputSpec(shape=(1, 8, 8), classes=classes))


@METHODS
@pytest.mark.parametrize(
    ("field", "value"),
    [("hidden", 0), ("batch_size", 1), ("alpha", -0.1), ("beta", math.inf), ("gamma", math.nan), ("network", "halve")],
)
def test_impossible_values_are_refused(method, field, value):
    with pytest.raises(ValueError, match=field):
        method.Hyperparameters(**{field: value})


def test_impossible_pairings_are_refused():
    with pytest.raises(ValueError, match="Did you mean 'different'"):
        paired.Hyperparameters(pairing="differnt")
    with pytest.raises(ValueError, match="zeta"):
        paired.Hyperparameters(zeta=-1.0)
