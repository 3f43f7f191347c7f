"""The losses of the class-conditional VAE against their formulae, its adversaries, and the isolation of its players."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainables import class_conditional_vae as method
from trainables.core import adversaries
from trainables.core.contract import InputSpec, Ramp, optimizers

STEP = torch.tensor(5.0, dtype=torch.float64)


def case(split, **changes):
    small = {"latents": 3, "latents_w": 2, "hidden": 7, "classifier_units": 5, "batch_size": 6}
    ramps = {"capacity_z": Ramp(end=15.0, steps=20), "capacity_w": Ramp(end=25.0, steps=4)}
    hp = method.Hyperparameters(**{**small, **ramps, **changes})
    torch.manual_seed(0)
    data = split((1, 4, 4), dtype=torch.float64, classes=("a", "b", "c"))
    model = method.build(hp, data.spec).double()
    drawn = {
        key: value.double() if value.is_floating_point() else value
        for key, value in method.draw(data, hp, torch.Generator().manual_seed(0)).items()
    }
    return hp, model, drawn


def parts(model, drawn):
    """Samples and KL of each group, and the reconstruction, in numpy from the networks alone."""
    vae, image, label = model["vae"], drawn["image_BCHW"], drawn["label_B"]
    y = torch.from_numpy(np.eye(3)[label.numpy()])
    told = torch.cat((image.flatten(1), y), 1)
    codes, kl = {}, {}
    for group, encoder in vae.encoders.items():
        statistics = encoder.network(told) if isinstance(encoder, method.Told) else encoder(image)
        mean, log_variance = (half.detach().numpy() for half in statistics.chunk(2, 1))
        codes[group] = mean + np.exp(log_variance / 2) * drawn[f"noise_{group}"].numpy()
        kl[group] = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1).sum(1).mean()
    inputs = np.concatenate([*codes.values(), y.numpy()], 1)
    p = vae.decoder.network(torch.from_numpy(inputs)).sigmoid().detach().numpy()
    x = image.numpy()
    return codes, kl, -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum((1, 2, 3)).mean(), y.numpy()


def bce(logits, target):
    h = 1 / (1 + np.exp(-logits))
    return -(target * np.log(h) + (1 - target) * np.log(1 - h)).sum(1).mean()


def test_capacity_loss_without_adversary(split):
    hp, model, drawn = case(split, adversary="none", beta=3.0, gamma=7.0)
    assert set(model) == {"vae"}
    found = method.losses(model, drawn, hp, STEP)
    _, kl, reconstruction, _ = parts(model, drawn)
    # Five steps of twenty towards 15 nats, and all four towards 25.
    expected = reconstruction + 3 * abs(kl["z"] - 15 * 5 / 20) + 7 * abs(kl["w"] - 25)
    assert found["vae"].item() == pytest.approx(expected, rel=1e-10)
    assert found["kl_z"].item() == pytest.approx(kl["z"], rel=1e-10)
    assert found["kl_w"].item() == pytest.approx(kl["w"], rel=1e-10)
    assert found["reconstruction"].item() == pytest.approx(reconstruction, rel=1e-10)


def test_the_baseline_has_no_capacity(split):
    hp, model, drawn = case(split, adversary="none", pressure="beta", beta=1.0, gamma=1.0)
    _, kl, reconstruction, _ = parts(model, drawn)
    found = method.losses(model, drawn, hp, STEP)["vae"].item()
    assert found == pytest.approx(reconstruction + kl["z"] + kl["w"], rel=1e-10)


def test_naive_form_has_one_code_that_is_told_the_class(split):
    hp, model, drawn = case(split, form="naive", beta=3.0)
    assert set(model) == {"vae"} and list(optimizers(method, hp, ["vae"])) == ["vae"]
    found = method.losses(model, drawn, hp, STEP)
    assert set(found) == {"vae", "reconstruction", "kl_z"}
    _, kl, reconstruction, _ = parts(model, drawn)
    assert found["vae"].item() == pytest.approx(reconstruction + 3 * abs(kl["z"] - 15 * 5 / 20), rel=1e-10)
    images, labels = drawn["image_BCHW"], drawn["label_B"]
    codes = method.codes(model, images, labels)
    assert set(codes) == {"z", "z_log_variance"}
    assert not torch.equal(codes["z"], method.codes(model, images, (labels + 1) % 3)["z"])


@pytest.mark.parametrize("adversary", adversaries.ADVERSARIES)
@pytest.mark.parametrize("seen", ["z", "w", "both"])
def test_contested_losses(split, adversary, seen):
    hp, model, drawn = case(
        split, adversary=adversary, classifier_input=seen, classifier_view="sample", adversary_weight=11.0
    )
    found = method.losses(model, drawn, hp, STEP)
    plain, _, _ = case(split, adversary="none")
    codes, _, _, y = parts(model, drawn)
    # In the report's form the classifier takes either code: the shorter, w, with a zero behind.
    padded = np.pad(codes["w"], ((0, 0), (0, 1))) if seen == "w" else codes["z"]
    with torch.no_grad():
        on_z, on_seen = (model["classifier"](torch.from_numpy(code)).numpy() for code in (codes["z"], padded))
    charge = {"uniform": bce(on_z, y * 0 + 1 / 3), "reverse": -bce(on_z, y), "report": bce(on_z, y)}[adversary]
    learns = {"uniform": 1, "reverse": 1, "report": -1}[adversary] * bce(on_seen, y)
    helped = 0.0
    if seen == "both":
        with torch.no_grad():
            helped = bce(model["vae"].auxiliary(torch.from_numpy(codes["w"])).numpy(), y)
    without = method.losses(model, drawn, plain, STEP)["vae"].item()
    assert found["adversary"].item() == pytest.approx(charge, rel=1e-9)
    assert found["classifier"].item() == pytest.approx(learns, rel=1e-9)
    assert found["vae"].item() - without == pytest.approx(11 * (charge + helped), rel=1e-9)
    assert found["classifier_accuracy"].item() == pytest.approx((on_z.argmax(1) == y.argmax(1)).mean())


@pytest.mark.parametrize("adversary", adversaries.ADVERSARIES)
@pytest.mark.parametrize("seen", ["z", "w", "both"])
def test_no_player_trains_the_other(split, adversary, seen):
    hp, model, drawn = case(split, adversary=adversary, classifier_input=seen)
    losses = method.losses(model, drawn, hp, STEP)
    for own, other in (("vae", "classifier"), ("classifier", "vae")):
        weights = list(model[other].parameters())
        leak = torch.autograd.grad(losses[own], weights, retain_graph=True, allow_unused=True)
        assert all(gradient is None for gradient in leak), own


@pytest.mark.parametrize(("adversary", "encoder", "classifier"), [("reverse", -1, 1), ("report", 1, -1)])
def test_who_helps_and_who_fights(split, adversary, encoder, classifier):
    """Each player's gradient is plus or minus that of the one cross-entropy BCE(h(z), y)."""
    _, model, drawn = case(split, adversary=adversary)
    code = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    y = torch.eye(3, dtype=torch.float64)[drawn["label_B"]]
    entropy = adversaries.cross_entropy(model["classifier"](code), y)
    of_code, *of_weights = torch.autograd.grad(entropy, [code, *model["classifier"].parameters()])
    loss = adversaries.encoder_loss(adversary, adversaries.frozen(model["classifier"], code), y)
    (found,) = torch.autograd.grad(loss, [code])
    torch.testing.assert_close(found, encoder * of_code)
    loss = adversaries.classifier_loss(adversary, model["classifier"](code), y)
    for one, other in zip(torch.autograd.grad(loss, list(model["classifier"].parameters())), of_weights, strict=True):
        torch.testing.assert_close(one, classifier * other)


@given(
    logits=st.lists(st.lists(st.floats(-8, 8), min_size=4, max_size=4), min_size=1, max_size=5), label=st.integers(0, 3)
)
def test_uniform_pulls_every_sigmoid_to_the_uniform_answer(logits, label):
    logits_BL = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    y_BL = torch.eye(4, dtype=torch.float64)[[label] * len(logits)]
    loss = adversaries.encoder_loss("uniform", logits_BL, y_BL)
    (gradient,) = torch.autograd.grad(loss, [logits_BL])
    torch.testing.assert_close(gradient, (logits_BL.sigmoid() - 0.25) / len(logits))
    assert loss.item() >= adversaries.uniform_bound(4) - 1e-12


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_least_of_uniform_is_its_entropy_bound(classes):
    y_BL = torch.eye(classes, dtype=torch.float64)
    least = torch.full_like(y_BL, math.log(1 / (classes - 1)))
    found = adversaries.encoder_loss("uniform", least, y_BL).item()
    assert found == pytest.approx(adversaries.uniform_bound(classes), rel=1e-12)
    if classes == 2:
        assert found == pytest.approx(2 * math.log(2))


def test_the_reports_classifier_stops_somewhere():
    far = torch.tensor([[1e6, -1e6]])
    wrong = torch.tensor([[0.0, 1.0]])
    assert adversaries.classifier_loss("report", far, wrong).item() == pytest.approx(-20.0, abs=1e-3)
    assert adversaries.classifier_loss("uniform", far, wrong).item() == pytest.approx(2e6)


def test_z_is_not_told_the_class_and_w_is(split):
    _, model, drawn = case(split, network="mlp")
    images, labels = drawn["image_BCHW"], drawn["label_B"]
    one, other = (method.codes(model, images, label) for label in (labels, (labels + 1) % 3))
    assert torch.equal(one["z"], other["z"])
    assert (one["w"] - other["w"]).abs().min() > 0
    changed = method.decode(model, one, (labels + 1) % 3)
    assert not torch.allclose(method.decode(model, one, labels), changed)
    soft = {**one, "y": torch.eye(3, dtype=torch.float64)[(labels + 1) % 3]}
    assert torch.equal(method.decode(model, soft, None), changed)


def test_convolutions_are_told_the_class_as_planes(split):
    data = split((3, 16, 16))
    hp = method.Hyperparameters(network="burgess", latents=3, latents_w=2)
    model = method.build(hp, data.spec)
    assert [encoder(torch.zeros(1, 3, 16, 16)).shape for encoder in [model["vae"].encoders["z"]]] == [(1, 6)]
    images, labels = data.images(torch.arange(4)), data.labels(torch.arange(4))
    one, other = (method.codes(model, images, label)["w"] for label in (labels, 1 - labels))
    assert one.shape == (4, 2) and not torch.allclose(one, other)


def test_labels_are_asked_for(split):
    _, model, drawn = case(split)
    with pytest.raises(ValueError, match="encodes and decodes with labels"):
        method.codes(model, drawn["image_BCHW"], None)
    with pytest.raises(ValueError, match="labels of at least 2 classes, not 0"):
        method.build(method.Hyperparameters(), InputSpec(shape=(1, 28, 28)))


def test_each_player_has_its_own_rate():
    hp = method.Hyperparameters(lr=2e-4, classifier_lr=3e-3)
    found = optimizers(method, hp, ["vae", "classifier"])
    assert (found["vae"].lr, found["classifier"].lr) == (2e-4, 3e-3)


def test_the_classifier_is_shown_standardised_means(split):
    hp, model, drawn = case(split, adversary_weight=11.0)
    seen = []
    model["classifier"].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach()))
    found = method.losses(model, drawn, hp, STEP)
    assert found["classifier"].isfinite() and seen
    for code_BZ in seen:
        torch.testing.assert_close(code_BZ.mean(0), torch.zeros_like(code_BZ[0]), atol=1e-9, rtol=0)
        torch.testing.assert_close(code_BZ.square().mean(0), torch.ones_like(code_BZ[0]), atol=1e-3, rtol=0)
