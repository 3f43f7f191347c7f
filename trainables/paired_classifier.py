"""Classifiers of primary and secondary images with the last layers in common: JADE's second baseline.

Report "JADE: Joint Autoencoders": JADE's two encoders, each with a narrow bottleneck, the content, and the one
classifier of both, trained by cross-entropy alone, without decoders, noise or matching.

    classifier:  L = CE(label | content of x) + CE(label | content of y), means over the batch, in nats

x are images of ``data``, with few labels, y of ``data.secondary``, with many. The batches are drawn as JADE's are,
each y being of the class of its x, so that the losses are all that differs.

Letters: B batch, C channels, H height, W width, P both batches, K hidden layers of the classifier, U units of each, L
classes.
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
    """Content dimensions: the bottleneck of each encoder."""
    channels: int = 64
    """Channels of the primary encoder's first convolution; the others keep the report's proportions."""
    classifier_units: int = 500
    """Units of each of the classifier's three hidden layers."""
    dropout: float = 0.5
    """Part of these units that is dropped while training, below 1."""
    lr: float = 1e-3
    """Adam's learning rate."""
    batch_size: int = 64
    """Pairs of images a step."""

    def __post_init__(self) -> None:
        limits.at_least(self, 1, "latents_content", "channels", "classifier_units", "batch_size")
        limits.positive(self, "lr")
        convolutional.check_dropout(self)


class Bottlenecks(nn.Module):
    """An encoder of each dataset's images to content, and the classifier of the content of both."""

    def __init__(self, hp: Hyperparameters, spec: InputSpec, secondary: InputSpec) -> None:
        super().__init__()
        first = convolutional.primary_channels(hp.channels)
        second = convolutional.secondary_channels(hp.channels)
        self.primary = convolutional.encoder(spec.shape, first, hp.latents_content)
        self.secondary = convolutional.encoder(secondary.shape, second, hp.latents_content)
        self.classifier = convolutional.Classifier(hp.latents_content, hp.classifier_units, spec.classes)

    def codes(self, encoder: nn.Module, image_BCHW: Tensor) -> dict[str, Tensor]:
        """The bottleneck's activations and the probabilities of the classes."""
        content = encoder(image_BCHW)
        return {"content": content, CLASSES: self.classifier(content).softmax(1)}


def build(hp: Hyperparameters, spec: InputSpec) -> nn.ModuleDict:
    """One player, ``classifier``.

    Raises ``ValueError`` without a second dataset, where the two have not the same number of classes, or for images
    that are too small.
    """
    secondary = convolutional.second_dataset("paired_classifier", spec)
    return nn.ModuleDict({"classifier": Bottlenecks(hp, spec, secondary)})


def draw(data: Any, hp: Hyperparameters, rng: torch.Generator) -> dict[str, Tensor]:
    """Primary images drawn with replacement, and for each a secondary image of its class.

    ``dropout_KPU`` are uniform numbers for the units of the classifier, the primary batch first.
    """
    size, device = hp.batch_size, rng.device
    index_B = torch.randint(len(data), (size,), generator=rng, device=device)
    label_B = data.labels(index_B)
    partner_B = data.secondary.partners.of_class(label_B, rng)
    dropout = (convolutional.HIDDEN_LAYERS, 2 * size, hp.classifier_units)
    return {
        "image_BCHW": data.images(index_B),
        "secondary_image_BCHW": data.secondary.images(partner_B),
        "label_B": label_B,
        "dropout_KPU": torch.rand(dropout, generator=rng, device=device),
    }


def losses(model: nn.ModuleDict, drawn: dict[str, Tensor], hp: Hyperparameters, step: Tensor) -> dict[str, Tensor]:
    """The loss of ``classifier`` and, detached, its parts.

    The parts are ``cross_entropy`` and ``secondary_cross_entropy`` in nats, and ``accuracy`` on the primary batch, in
    [0, 1].
    """
    player, label_B = _player(model), drawn["label_B"]
    content = torch.cat((player.primary(drawn["image_BCHW"]), player.secondary(drawn["secondary_image_BCHW"])))
    logits_PL = player.classifier(content, convolutional.kept(drawn["dropout_KPU"], hp.dropout))
    logits_BL, secondary_logits_BL = logits_PL.chunk(2)
    first, second = F.cross_entropy(logits_BL, label_B), F.cross_entropy(secondary_logits_BL, label_B)
    return {
        "classifier": first + second,
        "cross_entropy": first.detach(),
        "secondary_cross_entropy": second.detach(),
        "accuracy": convolutional.accuracy(logits_BL, label_B),
    }


def codes(model: nn.ModuleDict, images: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
    """Of primary images: ``content`` (B, content), and ``y``, the classes' probabilities (B, L)."""
    player = _player(model)
    return player.codes(player.primary, images)


def secondary_codes(model: nn.ModuleDict, images: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
    """The same of secondary images."""
    player = _player(model)
    return player.codes(player.secondary, images)


def _player(model: nn.ModuleDict) -> Bottlenecks:
    return cast(Bottlenecks, model["classifier"])
