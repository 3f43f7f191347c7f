"""Encoders, decoders and discriminators.  This module knows nothing about losses or training.

Letters: B batch, C channels, H height, W width, Z latents, N inputs of a decoder. Decoders return
logits.

``burgess``: Burgess et al. 2018 (arXiv 1804.03599), with the channels 32, 32, 64, 64 of Locatello
et al. 2019. ``report``: the network of the report "Disentangling in beta-VAE". ``nar``: the
convolutional one of the report "Disentangling Symbols and Movements", for its 64×64 boards; 32×32
images skip its first layer. ``mlp``: two fully connected layers.
"""

from __future__ import annotations

import difflib
import itertools
import math
from typing import cast

import torch
from torch import Tensor, nn

from trainables.core import gaussians
from trainables.core.upsampling import Upsampling

NETWORKS = ("burgess", "report", "nar", "mlp")
CHANNELS = {16: (32, 64), 32: (32, 32, 64), 64: (32, 32, 64, 64), 128: (32, 32, 64, 64, 64)}
"""Channels of the Burgess network's 4×4 stride-2 layers, by the side of its images."""
PADDED = {28: 32}
"""Sides that the Burgess network pads with zeros inside, and crops from its output."""
NAR_CHANNELS = {32: (32, 64, 64), 64: (32, 32, 64, 64)}
NAR_UNITS = 128
REPORT_CHANNELS, REPORT_UNITS, SLOPE = 64, 24, 0.2


class Autoencoder(nn.Module):
    """An encoder to a diagonal Gaussian over Z latents, and a decoder."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, image_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and clamped log-variance of the posterior, each (B, Z)."""
        return gaussians.posterior(self.encoder(image_BCHW))

    def decode(self, z_BZ: Tensor) -> Tensor:
        """Logits (B, C, H, W); their sigmoid is the image."""
        return self.decoder(z_BZ)


def build(name: str, shape: tuple[int, int, int], latents: int, *, hidden: tuple[int, ...] = (400, 400)) -> Autoencoder:
    """The autoencoder ``name`` for images of ``shape`` (C, H, W).  Raises as ``encoder`` does.

    ``hidden`` are the layers of ``mlp``; the decoder has them in reverse.
    """
    return Autoencoder(
        encoder(name, shape, 2 * latents, hidden=hidden),
        decoder(name, shape, latents, hidden=hidden[::-1]),
    )


def autoencoder(model: nn.ModuleDict) -> Autoencoder:
    """The player ``vae`` of ``model``."""
    return cast(Autoencoder, model["vae"])


def encoder(
    name: str, shape: tuple[int, int, int], outputs: int, *, hidden: tuple[int, ...] = (400, 400)
) -> nn.Sequential:
    """Images (B, C, H, W) to (B, ``outputs``).

    Raises ``ValueError`` for an unknown network, or a shape that it cannot take.
    """
    side = _side(name, shape)
    if name == "mlp":
        return nn.Sequential(nn.Flatten(), *connected((math.prod(shape), *hidden, outputs)))
    if name == "report":
        first = nn.Conv2d(shape[0], REPORT_CHANNELS, 4, stride=2, padding=1)
        second = nn.Conv2d(REPORT_CHANNELS, REPORT_CHANNELS, 4, stride=2, padding=1)
        flat = REPORT_CHANNELS * (side // 4) ** 2
        third = _SameConvolution()
        convolutions = [m for c in (first, second, third) for m in (c, nn.LeakyReLU(SLOPE))]
        return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(flat, outputs))
    if name == "nar":
        return nn.Sequential(
            *_halvings((shape[0], *NAR_CHANNELS[side])),
            nn.Conv2d(NAR_CHANNELS[side][-1], NAR_UNITS, 4),
            nn.ReLU(inplace=True),
            nn.Conv2d(NAR_UNITS, outputs, 1),
            nn.Flatten(),
        )
    channels = CHANNELS[side]
    margin = (side - shape[1]) // 2
    padding = [nn.ZeroPad2d(margin)] if margin else []
    flat = channels[-1] * (side >> len(channels)) ** 2
    return nn.Sequential(*padding, *_halvings((shape[0], *channels)), nn.Flatten(), *connected((flat, 256, outputs)))


def decoder(
    name: str, shape: tuple[int, int, int], inputs: int, *, hidden: tuple[int, ...] = (400, 400)
) -> nn.Sequential:
    """(B, N) to logits (B, C, H, W); raises as ``encoder`` does.

    The ``report`` network ends in one fully connected layer with (8·H·W)·(C·H·W)·2 weights: 9.8
    million at 28×28, 268 million at 64×64.
    """
    side = _side(name, shape)
    if name == "mlp":
        return nn.Sequential(*connected((inputs, *hidden, math.prod(shape))), nn.Unflatten(1, shape))
    if name == "report":
        quarter = side // 4
        flat = REPORT_CHANNELS * (2 * quarter) ** 2
        return nn.Sequential(
            nn.Linear(inputs, REPORT_UNITS),
            nn.LeakyReLU(SLOPE),
            nn.Linear(REPORT_UNITS, quarter**2),
            nn.LeakyReLU(SLOPE),
            nn.Unflatten(1, (1, quarter, quarter)),
            Upsampling(1, REPORT_CHANNELS),
            nn.LeakyReLU(SLOPE),
            _SameConvolution(),
            nn.LeakyReLU(SLOPE),
            _SameConvolution(),
            nn.LeakyReLU(SLOPE),
            nn.Flatten(),
            nn.Linear(flat, math.prod(shape)),
            nn.Unflatten(1, shape),
        )
    if name == "nar":
        channels = NAR_CHANNELS[side]
        return nn.Sequential(
            nn.Unflatten(1, (inputs, 1, 1)),
            nn.Conv2d(inputs, NAR_UNITS, 1),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(NAR_UNITS, channels[-1], 4),
            nn.ReLU(inplace=True),
            ChannelsLast(),
            *_doublings((*channels[::-1], shape[0])),
        )
    channels = CHANNELS[side]
    small = side >> len(channels)
    margin = (side - shape[1]) // 2
    return nn.Sequential(
        *connected((inputs, 256, channels[-1] * small**2)),
        nn.ReLU(inplace=True),
        nn.Unflatten(1, (channels[-1], small, small)),
        ChannelsLast(),
        *_doublings((*channels[::-1], shape[0])),
        *([nn.ZeroPad2d(-margin)] if margin else []),
    )


def discriminator(inputs: int, *, units: int = 1000, layers: int = 6) -> nn.Sequential:
    """(B, ``inputs``) to two logits (B, 2); Kim & Mnih 2018, appendix A."""
    return nn.Sequential(*connected((inputs, *[units] * layers, 2), nn.LeakyReLU(SLOPE)))


def classifier(inputs: int, classes: int, *, units: int = 400, layers: int = 2) -> nn.Sequential:
    """(B, ``inputs``) to logits (B, ``classes``)."""
    return nn.Sequential(*connected((inputs, *[units] * layers, classes)))


class ChannelsLast(nn.Module):
    """Lays its input out with channels innermost, in which convolutions on CPUs are faster."""

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return channels_last(x_BCHW)


class FirstConvolution(nn.Conv2d):
    """A convolution of images, which it lays out as ``ChannelsLast`` does."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(channels_last(input))


def channels_last(x_BCHW: Tensor) -> Tensor:
    """The same numbers with channels innermost; for one channel the same memory, with strides that say so."""
    _, channels, height, width = x_BCHW.shape
    if channels == 1:
        # Torch takes the usual strides of one channel for both layouts, and would choose the slower one.
        return x_BCHW.contiguous().as_strided(x_BCHW.shape, (height * width, 1, width, 1))
    return x_BCHW.contiguous(memory_format=torch.channels_last)


class _SameConvolution(nn.Sequential):
    """A 4×4 convolution of stride 1 that keeps the size; the odd zeros come last."""

    def __init__(self) -> None:
        super().__init__(nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(REPORT_CHANNELS, REPORT_CHANNELS, 4))


def _halvings(channels: tuple[int, ...]) -> list[nn.Module]:
    """Convolutions 4×4 of stride 2, each with a rectifier."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(channels):
        kind = nn.Conv2d if layers else FirstConvolution
        layers += [kind(before, after, 4, stride=2, padding=1), nn.ReLU(inplace=True)]
    # Long done by the first; saved models count it.
    layers.insert(1, ChannelsLast())
    return layers


def _doublings(channels: tuple[int, ...]) -> list[nn.Module]:
    """``Upsampling`` with rectifiers between."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(channels):
        layers += [Upsampling(before, after), nn.ReLU(inplace=True)]
    return layers[:-1]


def connected(sizes: tuple[int, ...], activation: nn.Module | None = None) -> list[nn.Module]:
    """Fully connected layers with ``activation`` (default ReLU) between them."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), activation or nn.ReLU(inplace=True)]
    return layers[:-1]


def _side(name: str, shape: tuple[int, int, int]) -> int:
    """The side of the images as the network sees them.

    Raises ``ValueError`` for what it cannot take.
    """
    if name not in NETWORKS:
        nearest = difflib.get_close_matches(str(name), NETWORKS, n=1)
        raise ValueError(
            f"No network {name!r}; networks are {', '.join(NETWORKS)}."
            + (f" Did you mean {nearest[0]!r}?" if nearest else "")
        )
    _, height, width = shape
    size = f"{height}×{width}"
    if name == "burgess" and (height != width or height not in {*CHANNELS, *PADDED}):
        sides = ", ".join(str(s) for s in sorted({*CHANNELS, *PADDED}))
        raise ValueError(
            f"The network 'burgess' takes square images with a side of {sides}, not {size}; "
            "resize the images, or use the network 'mlp'."
        )
    if name == "report" and (height != width or height % 4 or not height):
        raise ValueError(
            f"The network 'report' takes square images with a side divisible by 4, not {size}; "
            "resize the images, or use the network 'mlp'."
        )
    if name == "nar" and (height != width or height not in NAR_CHANNELS):
        sides = " or ".join(str(s) for s in NAR_CHANNELS)
        raise ValueError(
            f"The network 'nar' takes square images with a side of {sides}, not {size}; "
            "resize the images, or use the network 'burgess' or 'mlp'."
        )
    return PADDED.get(height, height) if name == "burgess" else height
