"""JADE: two variational autoencoders of different images, with the classes' content in common.

Report "JADE: Joint Autoencoders". Few labels are known of the primary images x (``data``), many of the secondary
images y (``data.secondary``).

    L = Σ over x, y [ w_rec · rec + w_kl · (KL style + KL content) + w_cls · CE(label | content) ]
        + w_match · KL( q(content | x) ‖ q(content | y) )          over pairs (x, y) of the same class

One classifier reads the content of both: a sample while training, the mean afterwards. The decoders read style and
content. ``rec`` is summed over pixels, KL over latents; all terms are means over the batch, in nats. Where a
publication averages ``rec`` over pixels, its weight w' is w_rec = w' / (C·H·W) here, with each dataset's own C·H·W.

Where the report cannot be followed: the second line of its eq. 1 is misprinted (it must be y, z₃ and z₄ throughout);
its q(z₂ | x, ℓ) has a label that no encoder receives and no test image has, so it is q(z₂ | x) here; it gives neither
the weights, which are all 1 unless set, nor a reason for the direction of the matching KL, so ``matching`` offers both.

Letters: B batch, C channels, H height, W width, Z latents (style, then content), P both batches, K hidden layers of
the classifier, U units of each, L classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainables.core import convolutional, gaussians, limits
from trainables.core.contract import CLASSES, LOG_VARIANCE, InputSpec
from trainables.core.networks import Autoencoder

PICTURES = ("activation_variance", "traversal", "loss_curves")
CLASS_FREE = ("style",)

DIRECTIONS = ("primary_to_secondary", "secondary_to_primary", "symmetric")


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """Raises ``ValueError`` for a value that is out of range."""

    reconstruction_weight: float = 1.0
    """w_rec, of both reconstructions."""
    kl_weight: float = 1.0
    """w_kl, of the KL of both images' style and content."""
    classifier_weight: float = 1.0
    """w_cls, of both cross-entropies."""
    matching_weight: float = 1.0
    """w_match, of the KL between the contents of a pair."""
    matching: str = "primary_to_secondary"
    """"primary_to_secondary" is KL(q(content | x) ‖ q(content | y)), "secondary_to_primary" the other way round,
    "symmetric" the mean of both.
    """
    latents: int = 10
    """Style dimensions of each autoencoder."""
    latents_content: int = 10
    """Content dimensions of each autoencoder."""
    channels: int = 64
    """Channels of the first convolution; the others keep the report's proportions."""
    classifier_units: int = 500
    """Units of each of the classifier's three hidden layers."""
    dropout: float = 0.5
    """Part of these units that is dropped while training, below 1."""
    likelihood: str = "bernoulli"
    """"bernoulli" or "gaussian"."""
    lr: float = 1e-3
    """Adam's learning rate."""
    batch_size: int = 64
    """Pairs of images a step."""

    def __post_init__(self) -> None:
        limits.not_negative(self, "reconstruction_weight", "kl_weight", "classifier_weight", "matching_weight")
        limits.one_of(self, "matching", DIRECTIONS)
        limits.one_of(self, "likelihood", gaussians.LIKELIHOODS)
        limits.at_least(self, 1, "latents", "latents_content", "channels", "classifier_units", "batch_size")
        limits.positive(self, "lr")
        convolutional.check_dropout(self)


class Autoencoders(nn.Module):
    """An autoencoder of each dataset, and the classifier of the content of both."""

    def __init__(self, hp: Hyperparameters, spec: InputSpec, secondary: InputSpec) -> None:
        super().__init__()
        self.style = hp.latents
        latents = hp.latents + hp.latents_content
        first = convolutional.primary_channels(hp.channels)
        second = convolutional.secondary_channels(hp.channels)
        self.primary = _autoencoder(spec.shape, first, latents)
        self.secondary = _autoencoder(secondary.shape, second, latents)
        self.classifier = convolutional.Classifier(hp.latents_content, hp.classifier_units, spec.classes)

    def codes(self, autoencoder: Autoencoder, image_BCHW: Tensor) -> dict[str, Tensor]:
        """Mean and log-variance of style and content, and the probabilities of the classes."""
        mean_BZ, log_variance_BZ = autoencoder.encode(image_BCHW)
        content = mean_BZ[:, self.style :]
        return {
            "style": mean_BZ[:, : self.style],
            "style" + LOG_VARIANCE: log_variance_BZ[:, : self.style],
            "content": content,
            "content" + LOG_VARIANCE: log_variance_BZ[:, self.style :],
            CLASSES: self.classifier(content).softmax(1),
        }


def _autoencoder(shape: tuple[int, int, int], channels: tuple[int, ...], latents: int) -> Autoencoder:
    return Autoencoder(
        convolutional.encoder(shape, channels, 2 * latents),
        convolutional.decoder(shape, channels, latents),
    )


def build(hp: Hyperparameters, spec: InputSpec) -> nn.ModuleDict:
    """One player, ``autoencoders``.

    Raises ``ValueError`` without a second dataset, where the two have not the same number of classes, or for images
    that are too small.
    """
    secondary = convolutional.second_dataset("jade", spec)
    return nn.ModuleDict({"autoencoders": Autoencoders(hp, spec, secondary)})


def _player(model: nn.ModuleDict) -> Autoencoders:
    return cast(Autoencoders, model["autoencoders"])


def draw(data: Any, hp: Hyperparameters, rng: torch.Generator) -> dict[str, Tensor]:
    """Primary images drawn with replacement, for each a secondary image of its class, and the noise of both.

    ``dropout_KPU`` are uniform numbers for the units of the classifier, the primary batch first.
    """
    size, device = hp.batch_size, rng.device
    index_B = torch.randint(len(data), (size,), generator=rng, device=device)
    label_B = data.labels(index_B)
    partner_B = data.secondary.partners.of_class(label_B, rng)
    latents = hp.latents + hp.latents_content
    dropout = (convolutional.HIDDEN_LAYERS, 2 * size, hp.classifier_units)
    return {
        "image_BCHW": data.images(index_B),
        "secondary_image_BCHW": data.secondary.images(partner_B),
        "label_B": label_B,
        "noise_BZ": torch.randn(size, latents, generator=rng, device=device),
        "secondary_noise_BZ": torch.randn(size, latents, generator=rng, device=device),
        "dropout_KPU": torch.rand(dropout, generator=rng, device=device),
    }


class _Encoded(NamedTuple):
    """What the loss needs of one dataset's batch."""

    mean_BZ: Tensor
    log_variance_BZ: Tensor
    z_BZ: Tensor
    reconstruction: Tensor
    kl: Tensor


def losses(model: nn.ModuleDict, drawn: dict[str, Tensor], hp: Hyperparameters, step: Tensor) -> dict[str, Tensor]:
    """The loss of ``autoencoders`` and, detached, its parts in nats, before their weights.

    The parts are ``reconstruction``, ``secondary_reconstruction``, ``kl`` (both datasets, style and content),
    ``matching``, ``cross_entropy``, ``secondary_cross_entropy``; and ``accuracy`` on the primary batch, in [0, 1].
    """
    player, label_B, content = _player(model), drawn["label_B"], slice(hp.latents, None)
    x = _encoded(player.primary, drawn["image_BCHW"], drawn["noise_BZ"], hp)
    y = _encoded(player.secondary, drawn["secondary_image_BCHW"], drawn["secondary_noise_BZ"], hp)
    keep_KPU = convolutional.kept(drawn["dropout_KPU"], hp.dropout)
    logits_PL = player.classifier(torch.cat((x.z_BZ[:, content], y.z_BZ[:, content])), keep_KPU)
    logits_BL, secondary_logits_BL = logits_PL.chunk(2)
    parts = {
        "reconstruction": x.reconstruction,
        "secondary_reconstruction": y.reconstruction,
        "kl": x.kl + y.kl,
        "matching": matching(
            (x.mean_BZ[:, content], x.log_variance_BZ[:, content]),
            (y.mean_BZ[:, content], y.log_variance_BZ[:, content]),
            hp.matching,
        ),
        "cross_entropy": F.cross_entropy(logits_BL, label_B),
        "secondary_cross_entropy": F.cross_entropy(secondary_logits_BL, label_B),
    }
    loss = (
        hp.reconstruction_weight * (parts["reconstruction"] + parts["secondary_reconstruction"])
        + hp.kl_weight * parts["kl"]
        + hp.matching_weight * parts["matching"]
        + hp.classifier_weight * (parts["cross_entropy"] + parts["secondary_cross_entropy"])
    )
    recorded = {name: part.detach() for name, part in parts.items()}
    return {"autoencoders": loss, **recorded, "accuracy": convolutional.accuracy(logits_BL, label_B)}


def _encoded(autoencoder: Autoencoder, image_BCHW: Tensor, noise_BZ: Tensor, hp: Hyperparameters) -> _Encoded:
    mean_BZ, log_variance_BZ = autoencoder.encode(image_BCHW)
    z_BZ = gaussians.reparameterise(mean_BZ, log_variance_BZ, noise_BZ)
    reconstruction = gaussians.reconstruction(autoencoder.decode(z_BZ), image_BCHW, hp.likelihood)
    return _Encoded(
        mean_BZ, log_variance_BZ, z_BZ, reconstruction, gaussians.kl(mean_BZ, log_variance_BZ).sum(1).mean()
    )


def matching(x: tuple[Tensor, Tensor], y: tuple[Tensor, Tensor], direction: str) -> Tensor:
    """The KL between the contents of pairs in nats, a mean over the batch, a scalar.

    ``x`` and ``y`` are mean and log-variance of the contents, each (B, Z content). Raises ``ValueError`` for an unknown
    direction.
    """
    if direction == "primary_to_secondary":
        kl_BZ = kl_between(*x, *y)
    elif direction == "secondary_to_primary":
        kl_BZ = kl_between(*y, *x)
    elif direction == "symmetric":
        kl_BZ = 0.5 * (kl_between(*x, *y) + kl_between(*y, *x))
    else:
        raise ValueError(f"No direction {direction!r} of matching; directions are {', '.join(DIRECTIONS)}.")
    return kl_BZ.sum(1).mean()


def kl_between(mean_BZ: Tensor, log_variance_BZ: Tensor, to_mean_BZ: Tensor, to_log_variance_BZ: Tensor) -> Tensor:
    """KL from one Gaussian to another in each latent in nats, (B, Z): ½ (v₂ − v₁ + (e^v₁ + (m₁ − m₂)²) / e^v₂ − 1)."""
    spread_BZ = (log_variance_BZ - to_log_variance_BZ).exp()
    distance_BZ = (mean_BZ - to_mean_BZ).square() * (-to_log_variance_BZ).exp()
    return 0.5 * (to_log_variance_BZ - log_variance_BZ + spread_BZ + distance_BZ - 1)


def codes(model: nn.ModuleDict, images: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
    """Of primary images: ``style`` (B, Z style) and ``content`` (B, Z content), log-variances, ``y`` (B, L)."""
    player = _player(model)
    return player.codes(player.primary, images)


def secondary_codes(model: nn.ModuleDict, images: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
    """The same of secondary images."""
    player = _player(model)
    return player.codes(player.secondary, images)


def decode(model: nn.ModuleDict, codes: Mapping[str, Tensor], labels: Tensor | None) -> Tensor:
    """Logits (B, C, H, W) of primary images from ``codes["style"]`` and ``codes["content"]``."""
    return _player(model).primary.decode(torch.cat((codes["style"], codes["content"]), dim=1))
