"""Shapes of the networks, what they refuse, and the bias that is added outside its convolution."""

from __future__ import annotations

import pytest
import torch

from trainables.core import networks

SHAPES = [
    *[("burgess", (channels, side, side)) for side in (16, 28, 32, 64, 128) for channels in (1, 3)],
    *[("report", shape) for shape in ((1, 28, 28), (3, 8, 8), (1, 4, 4))],
    *[("nar", (channels, side, side)) for side in (32, 64) for channels in (1, 3)],
    ("mlp", (2, 5, 9)),
]


@pytest.mark.parametrize(("name", "shape"), SHAPES)
def test_shapes(name, shape):
    network = networks.build(name, shape, 6, hidden=(20, 30))
    mean, log_variance = network.encode(torch.rand(2, *shape))
    assert mean.shape == log_variance.shape == (2, 6)
    assert network.decode(mean).shape == (2, *shape)


def weights(network):
    return [tuple(p.shape) for name, p in network.named_parameters() if "weight" in name]


def test_burgess_is_the_published_one():
    network = networks.build("burgess", (1, 64, 64), 10)
    assert weights(network.encoder) == [
        (32, 1, 4, 4),
        (32, 32, 4, 4),
        (64, 32, 4, 4),
        (64, 64, 4, 4),
        (256, 1024),
        (20, 256),
    ]
    # A transposed convolution's weight has its inputs first.
    assert weights(network.decoder) == [
        (256, 10),
        (1024, 256),
        (64, 64, 4, 4),
        (64, 32, 4, 4),
        (32, 32, 4, 4),
        (32, 1, 4, 4),
    ]


def test_report_network_has_the_report_sizes():
    network = networks.build("report", (1, 28, 28), 12)
    linear = [m for m in network.modules() if isinstance(m, torch.nn.Linear)]
    sizes = [(m.in_features, m.out_features) for m in linear]
    assert sizes == [(3136, 24), (12, 24), (24, 49), (12544, 784)]
    layers = [m for m in network.encoder.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [(m.out_channels, m.kernel_size, m.stride) for m in layers] == [
        (64, (4, 4), (2, 2)),
        (64, (4, 4), (2, 2)),
        (64, (4, 4), (1, 1)),
    ]
    convolutions = [shape for shape in weights(network.decoder) if len(shape) == 4]
    assert convolutions == [(1, 64, 4, 4), (64, 64, 4, 4), (64, 64, 4, 4)]
    slopes = {m.negative_slope for m in network.modules() if isinstance(m, torch.nn.LeakyReLU)}
    assert slopes == {0.2}


def test_nar_network_has_the_report_sizes():
    network = networks.build("nar", (3, 64, 64), 10)
    halvings = [(32, 3, 4, 4), (32, 32, 4, 4), (64, 32, 4, 4), (64, 64, 4, 4)]
    assert weights(network.encoder) == [*halvings, (128, 64, 4, 4), (20, 128, 1, 1)]
    # The mirror: a transposed convolution's weight has its inputs first, as the convolution's has them second.
    assert weights(network.decoder) == [(128, 10, 1, 1), (128, 64, 4, 4), *halvings[::-1]]
    smaller = networks.build("nar", (3, 32, 32), 10)
    assert weights(smaller.encoder)[1:] == weights(network.encoder)[2:]
    assert weights(smaller.decoder)[:-1] == weights(network.decoder)[:-2]


def test_classifier_is_a_plain_network():
    layers = networks.classifier(7, 3, units=5)
    assert weights(layers) == [(5, 7), (5, 5), (3, 5)]
    assert [type(m).__name__ for m in layers] == ["Linear", "ReLU", "Linear", "ReLU", "Linear"]


def test_discriminator_has_six_hidden_layers():
    assert weights(networks.discriminator(10)) == [(1000, 10), *[(1000, 1000)] * 5, (2, 1000)]
    assert weights(networks.discriminator(4, units=8, layers=5)) == [(8, 4), *[(8, 8)] * 4, (2, 8)]


@pytest.mark.parametrize(
    ("name", "shape", "says"),
    [
        ("burges", (1, 32, 32), "Did you mean 'burgess'"),
        ("burgess", (1, 30, 30), "16, 28, 32, 64, 128, not 30×30"),
        ("burgess", (1, 32, 64), "not 32×64"),
        ("report", (1, 30, 30), "divisible by 4, not 30×30"),
        ("report", (1, 28, 32), "square"),
        ("nar", (3, 28, 28), "side of 32 or 64, not 28×28"),
        ("nar", (3, 64, 32), "square"),
    ],
)
def test_impossible_networks(name, shape, says):
    with pytest.raises(ValueError, match=says):
        networks.build(name, shape, 4)
