"""JADE and its baselines: the matching KL, what each weight scales, dropout, and the sizes of the networks."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from trainables import jade, paired_classifier, single_classifier
from trainables.core import convolutional, gaussians
from trainables.core.contract import InputSpec

SIZES = {"batch_size": 12, "channels": 8, "classifier_units": 16}
STEP = torch.tensor(0.0)
WEIGHTS = {
    "reconstruction_weight": ("reconstruction", "secondary_reconstruction"),
    "kl_weight": ("kl",),
    "classifier_weight": ("cross_entropy", "secondary_cross_entropy"),
    "matching_weight": ("matching",),
}


def case(split, method=jade, **changes):
    hp = method.Hyperparameters(**{**SIZES, **changes})
    second = split((1, 12, 12), dtype=torch.float64, count=80)
    data = split((3, 16, 16), dtype=torch.float64, count=40, secondary=second)
    torch.manual_seed(0)
    model = method.build(hp, data.spec).double()
    drawn = method.draw(data, hp, torch.Generator().manual_seed(0))
    return (
        hp,
        model,
        data,
        {key: value.double() if value.is_floating_point() else value for key, value in drawn.items()},
    )


numbers = st.floats(-3, 3, width=32)


@settings(max_examples=40)
@given(numbers, numbers, numbers, numbers)
def test_kl_between_is_that_of_normal_distributions(m1, v1, m2, v2):
    mean, log_variance, to_mean, to_log_variance = (torch.tensor([[x]], dtype=torch.float64) for x in (m1, v1, m2, v2))
    found = jade.kl_between(mean, log_variance, to_mean, to_log_variance)
    first = Normal(mean, (log_variance / 2).exp(), validate_args=False)
    second = Normal(to_mean, (to_log_variance / 2).exp(), validate_args=False)
    torch.testing.assert_close(found, kl_divergence(first, second), atol=1e-9, rtol=1e-9)
    prior = torch.zeros_like(mean)
    torch.testing.assert_close(jade.kl_between(mean, log_variance, prior, prior), gaussians.kl(mean, log_variance))


def test_direction_of_the_matching():
    # A narrow Gaussian inside a wide one: KL ½ (ln 4 + ¼ − 1) a latent, and ½ (−ln 4 + 4 − 1) the other way round.
    narrow = torch.zeros(5, 2), torch.zeros(5, 2)
    wide = torch.zeros(5, 2), torch.full((5, 2), 4.0).log()
    ln4 = 1.3862944
    assert jade.matching(narrow, wide, "primary_to_secondary").item() == pytest.approx(ln4 - 0.75, rel=1e-5)
    assert jade.matching(narrow, wide, "secondary_to_primary").item() == pytest.approx(3 - ln4, rel=1e-5)
    assert jade.matching(narrow, wide, "symmetric").item() == pytest.approx(1.125, rel=1e-5)
    with pytest.raises(ValueError, match=r"'forward'.*primary_to_secondary"):
        jade.matching(narrow, wide, "forward")


def test_the_loss_is_the_formula(split):
    hp, model, _, drawn = case(
        split, reconstruction_weight=0.3, kl_weight=0.5, classifier_weight=7.0, matching_weight=2.0
    )
    found = jade.losses(model, drawn, hp, STEP)
    player, label = model["autoencoders"], drawn["label_B"]
    keep = (drawn["dropout_KPU"] >= 0.5) * 2.0
    total, contents = torch.zeros(()), []
    for part, image, noise, masks in (
        (player.primary, drawn["image_BCHW"], drawn["noise_BZ"], keep[:, :12]),
        (player.secondary, drawn["secondary_image_BCHW"], drawn["secondary_noise_BZ"], keep[:, 12:]),
    ):
        mean, log_variance = part.encoder(image).chunk(2, dim=1)
        posterior = Normal(mean, (log_variance / 2).exp())
        z = mean + posterior.scale * noise
        pixels = F.binary_cross_entropy(part.decoder(z).sigmoid(), image, reduction="sum") / 12
        kl = kl_divergence(posterior, Normal(0.0, 1.0)).sum() / 12
        ce = F.cross_entropy(player.classifier(z[:, 10:], masks), label)
        total = total + 0.3 * pixels + 0.5 * kl + 7.0 * ce
        contents.append(Normal(mean[:, 10:], posterior.scale[:, 10:]))
    total = total + 2.0 * kl_divergence(*contents).sum() / 12
    assert found["autoencoders"].item() == pytest.approx(total.item(), rel=1e-9)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_each_weight_scales_its_own_terms_alone(split, weight):
    hp, model, _, drawn = case(split)
    parameters = list(model.parameters())

    def gradient(**weights):
        loss = jade.losses(model, drawn, dataclasses.replace(hp, **weights), STEP)["autoencoders"]
        found = torch.autograd.grad(loss, parameters, allow_unused=True)
        return torch.cat(
            [(torch.zeros_like(p) if g is None else g).flatten() for p, g in zip(parameters, found, strict=True)]
        )

    alone = gradient(**{**dict.fromkeys(WEIGHTS, 0.0), weight: 1.0})
    assert alone.abs().max() > 0
    torch.testing.assert_close(gradient(**{weight: 3.5}) - gradient(), 2.5 * alone, atol=1e-9, rtol=1e-7)
    only = jade.losses(model, drawn, dataclasses.replace(hp, **{**dict.fromkeys(WEIGHTS, 0.0), weight: 1.0}), STEP)
    expected = sum(only[part].item() for part in WEIGHTS[weight])
    assert only["autoencoders"].item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("method", [jade, paired_classifier])
def test_pairs_are_of_one_class(split, method):
    _, _, data, drawn = case(split, method, batch_size=64)
    second = data.secondary

    def labels(images, pixels, truth):
        same = (images[:, None] == pixels[None]).flatten(2).all(2)
        assert same.any(1).all()
        return truth[same.double().argmax(1)]

    assert torch.equal(labels(drawn["image_BCHW"], data.pixels, data.truth), drawn["label_B"])
    assert torch.equal(labels(drawn["secondary_image_BCHW"], second.pixels, second.truth), drawn["label_B"])
    assert len(drawn["label_B"].unique()) == 2


@pytest.mark.parametrize(
    ("method", "key"), [(jade, "dropout_KPU"), (paired_classifier, "dropout_KPU"), (single_classifier, "dropout_KBU")]
)
def test_dropout_is_drawn_and_absent_from_evaluation(split, method, key):
    hp, model, data, drawn = case(split, method)
    part = "cross_entropy"
    loss = method.losses(model, drawn, hp, STEP)[part]
    other = method.losses(model, {**drawn, key: drawn[key].flip(2)}, hp, STEP)[part]
    assert loss != other
    none = method.losses(model, drawn, dataclasses.replace(hp, dropout=0.0), STEP)[part]
    assert (
        none
        == method.losses(
            model, {**drawn, key: torch.ones_like(drawn[key])}, dataclasses.replace(hp, dropout=0.0), STEP
        )[part]
    )
    index = torch.arange(5)
    images, player = data.images(index), model[next(iter(model))]
    for _ in range(2):
        model.train()
        first = method.codes(model, images, data.labels(index))
        plain = player.classifier(first["content"]).softmax(1)
        assert torch.equal(first["y"], plain)


@settings(max_examples=40)
@given(dropout=st.floats(0, 0.95), seed=st.integers(0, 1000))
def test_kept_units_keep_their_mean(dropout, seed):
    uniform = torch.rand(20_000, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    keep = convolutional.kept(uniform, dropout)
    assert set(keep.unique().tolist()) <= {0.0, 1 / (1 - dropout)}
    assert keep.mean().item() == pytest.approx(1, abs=5 * (dropout / (1 - dropout) / 20_000) ** 0.5 + 1e-9)


@pytest.mark.parametrize("side", [8, 12, 16, 28, 32, 45])
@pytest.mark.parametrize("channels", [convolutional.primary_channels(8), convolutional.secondary_channels(8)])
def test_decoders_return_to_the_size_of_the_images(side, channels):
    shape = (3, side, side + 3)
    codes = convolutional.encoder(shape, channels, 6)(torch.rand(2, *shape))
    assert codes.shape == (2, 6)
    assert convolutional.decoder(shape, channels, 6)(codes).shape == (2, *shape)


def test_the_report_s_networks():
    first, second = convolutional.primary_channels(64), convolutional.secondary_channels(64)
    assert (first, second) == ((64, 96, 64, 8), (32, 32, 16))
    primary, secondary = convolutional.encoder((3, 32, 32), first, 40), convolutional.encoder((1, 28, 28), second, 40)
    assert (primary[-1].in_features, secondary[-1].in_features) == (128, 144)
    weights = 9 * (3 * 64 + 64 * 96 + 96 * 64 + 64 * 8) + 128 * 40
    assert sum(p.numel() for p in primary.parameters()) == weights + 64 + 96 + 64 + 8 + 40
    sizes = [m.size for m in convolutional.decoder((1, 28, 28), second, 20) if isinstance(m, torch.nn.Upsample)]
    assert sizes == [(7, 7), (14, 14), (28, 28)]
    layers = [m for m in convolutional.Classifier(10, 500, 10).modules() if isinstance(m, torch.nn.Linear)]
    assert [(m.in_features, m.out_features) for m in layers] == [(10, 500), (500, 500), (500, 500), (500, 10)]


SMALL = InputSpec(shape=(1, 16, 16), classes=2)


@pytest.mark.parametrize(
    ("method", "spec", "message"),
    [
        (jade, SMALL, "no second one"),
        (
            paired_classifier,
            dataclasses.replace(SMALL, secondary=InputSpec(shape=(1, 16, 16), classes=3)),
            "2, the second 3",
        ),
        (single_classifier, InputSpec(shape=(1, 16, 16)), "0 classes"),
        (single_classifier, InputSpec(shape=(1, 7, 16), classes=2), "too small"),
    ],
)
def test_what_cannot_be_trained_is_refused(method, spec, message):
    with pytest.raises(ValueError, match=message):
        method.build(method.Hyperparameters(**SIZES), spec)


@pytest.mark.parametrize("dropout", [-0.1, 1.0, float("nan")])
def test_impossible_dropout(dropout):
    with pytest.raises(ValueError, match="dropout"):
        jade.Hyperparameters(dropout=dropout)
