"""The primary images' classifier alone: JADE's first baseline.

Report "JADE: Joint Autoencoders": JADE's primary encoder with a narrow bottleneck, the content, and its classifier,
trained by cross-entropy on the few labels of ``data``, without decoder, noise or second dataset.

    classifier:  L = CE(label | content), a mean over the batch, in nats

Letters: B batch, C channels, H height, W width, K hidden layers of the classifier, U units of each, L classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainables.core import convolutional, limits
from trainables.core.contract import CLASSES, InputSpec

PICTURES = ("scatter", "loss_curves")


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """Raises ``ValueError`` for a value that is out of range."""

    latents_content: int = 10
    """Content dimensions: the bottleneck."""
    channels: int = 64
    """Channels of the first convolution; the others keep the report's proportions."""
    classifier_units: int = 500
    """Units of each of the classifier's three hidden layers."""
    dropout: float = 0.5
    """Part of these units that is dropped while training, below 1."""
    lr: float = 1e-3
    """Adam's learning rate."""
    batch_size: int = 64
    """Images a step."""

    def __post_init__(self) -> None:
        limits.at_least(self, 1, "latents_content", "channels", "classifier_units", "batch_size")
        limits.positive(self, "lr")
        convolutional.check_dropout(self)


class Bottleneck(nn.Module):
    """An encoder of images to content, and the classifier of the content."""

    def __init__(self, hp: Hyperparameters, spec: InputSpec) -> None:
        super().__init__()
        channels = convolutional.primary_channels(hp.channels)
        self.encoder = convolutional.encoder(spec.shape, channels, hp.latents_content)
        self.classifier = convolutional.Classifier(hp.latents_content, hp.classifier_units, spec.classes)


def build(hp: Hyperparameters, spec: InputSpec) -> nn.ModuleDict:
    """One player, ``classifier``.

    Raises ``ValueError`` without classes, or for images that are too small.
    """
    convolutional.require_classes("single_classifier", spec)
    return nn.ModuleDict({"classifier": Bottleneck(hp, spec)})


def draw(data: Any, hp: Hyperparameters, rng: torch.Generator) -> dict[str, Tensor]:
    """Images drawn with replacement, their labels, and uniform numbers ``dropout_KBU`` for the classifier's units."""
    size, device = hp.batch_size, rng.device
    index_B = torch.randint(len(data), (size,), generator=rng, device=device)
    dropout = (convolutional.HIDDEN_LAYERS, size, hp.classifier_units)
    return {
        "image_BCHW": data.images(index_B),
        "label_B": data.labels(index_B),
        "dropout_KBU": torch.rand(dropout, generator=rng, device=device),
    }


def losses(model: nn.ModuleDict, drawn: dict[str, Tensor], hp: Hyperparameters, step: Tensor) -> dict[str, Tensor]:
    """The loss of ``classifier`` and, detached, ``cross_entropy`` in nats and ``accuracy`` in [0, 1]."""
    player, label_B = _player(model), drawn["label_B"]
    keep_KBU = convolutional.kept(drawn["dropout_KBU"], hp.dropout)
    logits_BL = player.classifier(player.encoder(drawn["image_BCHW"]), keep_KBU)
    cross_entropy = F.cross_entropy(logits_BL, label_B)
    return {
        "classifier": cross_entropy,
        "cross_entropy": cross_entropy.detach(),
        "accuracy": convolutional.accuracy(logits_BL, label_B),
    }


def codes(model: nn.ModuleDict, images: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
    """``content``, the bottleneck's activations (B, content), and ``y``, the classes' probabilities (B, L)."""
    player = _player(model)
    content = player.encoder(images)
    return {"content": content, CLASSES: player.classifier(content).softmax(1)}


def _player(model: nn.ModuleDict) -> Bottleneck:
    return cast(Bottleneck, model["classifier"])
