"""Networks of the report on JADE: convolutions with max-pooling, their mirror image, and a classifier with dropout.

Encoders are 3×3 convolutions with ReLU, a 2×2 max-pool behind each of the first three; decoders are their mirror image
with nearest-neighbour upsampling to the sizes before each pool (3 → 7 → 14 → 28). This module knows nothing about
losses or training.

Letters: B batch, C channels, H height, W width, Z latents, N inputs of a decoder, K hidden layers of the classifier, U
units of each, L classes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from trainables.core import limits
from trainables.core.contract import InputSpec
from trainables.core.networks import ChannelsLast, FirstConvolution

Shape = tuple[int, int, int]

POOLS = 3
LEAST_SIDE, LEAST_CHANNELS = 2**POOLS, 4
HIDDEN_LAYERS = 3


def primary_channels(channels: int) -> tuple[int, int, int, int]:
    """Channels of the primary images' encoder; the report's are {64, 96, 64, 8}, ``channels`` being 64."""
    return _at_least(channels, 3 * channels // 2, channels, channels // 8)


def secondary_channels(channels: int) -> tuple[int, int, int]:
    """Channels of the secondary images' encoder; the report's are {32, 32, 16}, ``channels`` being 64."""
    return _at_least(channels // 2, channels // 2, channels // 4)


def _at_least(*channels: int) -> tuple:
    return tuple(max(LEAST_CHANNELS, width) for width in channels)


def encoder(shape: Shape, channels: Sequence[int], outputs: int) -> nn.Sequential:
    """Images (B, C, H, W) to (B, ``outputs``).  Raises ``ValueError`` for images that cannot be pooled three times."""
    small = channels[-1] * math.prod(_sizes(shape)[-1])
    layers: list[nn.Module] = []
    for index, (before, after) in enumerate(itertools.pairwise((shape[0], *channels))):
        layers.append((nn.Conv2d if layers else FirstConvolution)(before, after, 3, padding=1))
        if index < POOLS:
            # The largest value behind ReLU is ReLU of the largest, at a quarter of the work.
            layers.append(nn.MaxPool2d(2))
        layers.append(nn.ReLU())
    # Long done by the first; saved models count it.
    layers.insert(1, ChannelsLast())
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(small, outputs))


def decoder(shape: Shape, channels: Sequence[int], inputs: int) -> nn.Sequential:
    """(B, ``inputs``) to logits (B, C, H, W), the mirror image of ``encoder``; raises as it does."""
    sizes = _sizes(shape)
    small = (channels[-1], *sizes[-1])
    layers: list[nn.Module] = [nn.Linear(inputs, math.prod(small)), nn.ReLU(), nn.Unflatten(1, small), ChannelsLast()]
    for index in reversed(range(len(channels))):
        if index < POOLS:
            layers.append(nn.Upsample(size=sizes[index]))
        after = channels[index - 1] if index else shape[0]
        layers += [nn.Conv2d(channels[index], after, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _sizes(shape: Shape) -> list[tuple[int, int]]:
    """(H, W) of the images, then behind each pool."""
    if min(shape[1:]) < LEAST_SIDE:
        raise ValueError(
            f"images of {shape[1]}×{shape[2]} pixels are too small for three max-pools: both sides must be at least "
            f"{LEAST_SIDE}. Choose a larger size of the dataset."
        )
    return [(shape[1] >> pools, shape[2] >> pools) for pools in range(POOLS + 1)]


class Classifier(nn.Module):
    """Content (B, Z) to logits (B, L) through three layers of U units, each with ReLU and dropout."""

    def __init__(self, inputs: int, units: int, classes: int) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(before, units) for before in (inputs, *[units] * (HIDDEN_LAYERS - 1)))
        self.output = nn.Linear(units, classes)

    def forward(self, content_BZ: Tensor, keep_KBU: Tensor | None = None) -> Tensor:
        """``keep_KBU`` multiplies the hidden units (``kept``); None, once trained, drops none."""
        hidden_BU = content_BZ
        for index, layer in enumerate(self.hidden):
            hidden_BU = layer(hidden_BU).relu()
            if keep_KBU is not None:
                hidden_BU = hidden_BU * keep_KBU[index]
        return self.output(hidden_BU)


def kept(uniform_KBU: Tensor, dropout: float) -> Tensor:
    """What units are multiplied by: 0 with probability ``dropout``, else 1 / (1 − dropout).

    ``uniform_KBU`` are uniform numbers in [0, 1). Srivastava et al. 2014, in the inverted form.
    """
    return (uniform_KBU >= dropout).to(uniform_KBU.dtype) / (1 - dropout)


def accuracy(logits_BL: Tensor, label_B: Tensor) -> Tensor:
    """Part of the batch whose class has the largest logit, a detached scalar in [0, 1]."""
    return (logits_BL.detach().argmax(1) == label_B).double().mean()


def check_dropout(hp: Any) -> None:
    """Raises ``ValueError`` unless ``hp.dropout`` is a number from 0 to below 1."""
    limits.not_negative(hp, "dropout")
    if hp.dropout >= 1:
        raise ValueError(f"dropout must be below 1, not {hp.dropout!r}: nothing would be left of the hidden layers.")


def require_classes(method: str, spec: InputSpec) -> None:
    """Raises ``ValueError`` where there is nothing to classify."""
    if spec.classes < 2:
        raise ValueError(f"{method} classifies, and the data have {spec.classes} classes; it needs at least two.")


def second_dataset(method: str, spec: InputSpec) -> InputSpec:
    """The second dataset's spec; raises ``ValueError`` where it is missing or its classes cannot be the same."""
    require_classes(method, spec)
    if spec.secondary is None:
        raise ValueError(f"{method} trains on two datasets of the same classes, and there is no second one.")
    if spec.secondary.classes != spec.classes:
        raise ValueError(
            f"{method} needs the same classes in both datasets, and the first has {spec.classes}, the second "
            f"{spec.secondary.classes}."
        )
    return spec.secondary
