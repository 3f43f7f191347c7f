"""The cross-covariance penalty, and the network and loss terms of the autoencoders that are trained with it.

Cheung, Livezey, Bansal & Olshausen 2014 (arXiv 1412.6583), and the report "Disentangling hidden factors of variations
in Deep Networks". An encoder ends in L class logits and Z linear codes; the decoder is given the codes and the class
probabilities. This module knows nothing about batches, pairs or training.

Letters: B batch, C channels, H height, W width, L classes, Z latents.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainables.core import gaussians
from trainables.core.contract import CLASSES, InputSpec
from trainables.core.networks import connected

PLAYER = "autoencoder"
"""The one player of these methods."""

NETWORKS = {"flat": (1, 1), "halving": (4, 2, 1)}
"""The units of each hidden layer of the encoder, in multiples of ``hidden``; the decoder has them in reverse."""


class Network(nn.Module):
    """Fully connected layers, C·H·W – hidden – [L class logits | Z codes] – hidden reversed – C·H·W, with ReLU."""

    def __init__(self, spec: InputSpec, latents: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.classes = spec.classes
        pixels, code = math.prod(spec.shape), spec.classes + latents
        self.encoder = nn.Sequential(nn.Flatten(), *connected((pixels, *widths, code)))
        self.decoder = nn.Sequential(*connected((code, *widths[::-1], pixels)), nn.Unflatten(1, spec.shape))

    def encode(self, image_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits (B, L) and codes (B, Z)."""
        code = _precise(self.encoder(image_BCHW))
        return code[:, : self.classes], code[:, self.classes :]

    def decode(self, z_BZ: Tensor, class_BL: Tensor) -> Tensor:
        """Logits (B, C, H, W) from codes and class probabilities; their sigmoid is the image."""
        return self.decoder(torch.cat((z_BZ, class_BL.to(z_BZ.dtype)), dim=1))


def build(spec: InputSpec, latents: int, network: str, hidden: int) -> nn.ModuleDict:
    """The player, with the layers of ``NETWORKS[network]``.

    Raises ``ValueError`` where there are fewer than two classes to tell apart.
    """
    if spec.classes < 2:
        raise ValueError(
            f"An XCov autoencoder classifies its images, and the data have {spec.classes or 'no'} "
            f"class{'es' * (spec.classes != 1)}; use a dataset whose images have labels of at least two classes."
        )
    widths = tuple(multiple * hidden for multiple in NETWORKS[network])
    return nn.ModuleDict({PLAYER: Network(spec, latents, widths)})


def player(model: nn.ModuleDict) -> Network:
    """The player of ``model``."""
    return cast(Network, model[PLAYER])


def xcov(y_BL: Tensor, z_BZ: Tensor) -> Tensor:
    """½ ‖(1/B) (Y − mean)ᵀ (Z − mean)‖²_F over the batch, a scalar; Cheung et al. 2014, equation 6.

    Half the sum of the squares of all L·Z covariances, each divided by B. It is zero for uncorrelated batches only; of
    independent ones it expects about ½ Σ var(y) Σ var(z) / B. Computed in float32 or better.
    """
    y_BL, z_BZ = _precise(y_BL), _precise(z_BZ)
    y_BL, z_BZ = y_BL - y_BL.mean(0), z_BZ - z_BZ.mean(0)
    # Products and a sum instead of a matrix product: autocast would round the latter to half precision.
    covariance_LZ = (y_BL[:, :, None] * z_BZ[:, None, :]).mean(0)
    return 0.5 * covariance_LZ.square().sum()


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What one batch costs, scalars, and its codes."""

    reconstruction: Tensor
    """Summed over pixels, mean over the batch: squared error, or nats."""
    cross_entropy: Tensor
    """Mean over the batch, nats."""
    xcov: Tensor
    accuracy: Tensor
    """Of the most probable class, in [0, 1]."""
    z_BZ: Tensor

    def loss(self, *, alpha: float, beta: float, gamma: float) -> Tensor:
        """α · reconstruction + β · cross-entropy + γ · C."""
        return alpha * self.reconstruction + beta * self.cross_entropy + gamma * self.xcov

    def record(self) -> dict[str, Tensor]:
        """All but the codes, detached."""
        names = ("reconstruction", "cross_entropy", "xcov", "accuracy")
        return {name: getattr(self, name).detach() for name in names}


def terms(network: Network, image_BCHW: Tensor, label_B: Tensor, likelihood: str) -> Terms:
    """The parts of the loss on a batch; ``likelihood`` as in ``gaussians.reconstruction_per_image``."""
    logits_BL, z_BZ = network.encode(image_BCHW)
    y_BL = logits_BL.softmax(1)
    return Terms(
        reconstruction=gaussians.reconstruction(network.decode(z_BZ, y_BL), image_BCHW, likelihood),
        cross_entropy=F.cross_entropy(logits_BL, label_B),
        xcov=xcov(y_BL, z_BZ),
        accuracy=(logits_BL.detach().argmax(1) == label_B).to(z_BZ.dtype).mean(),
        z_BZ=z_BZ,
    )


def codes(model: nn.ModuleDict, image_BCHW: Tensor) -> dict[str, Tensor]:
    """``z`` (B, Z), and the class probabilities ``y`` (B, L)."""
    logits_BL, z_BZ = player(model).encode(image_BCHW)
    return {"z": z_BZ, CLASSES: logits_BL.softmax(1)}


def decode(model: nn.ModuleDict, codes: Mapping[str, Tensor], label_B: Tensor | None) -> Tensor:
    """Logits (B, C, H, W) from ``codes["z"]`` and the classes: soft, ``codes["y"]``, else one-hot ``label_B``.

    Raises ``ValueError`` when neither is given.
    """
    network = player(model)
    if CLASSES in codes:
        return network.decode(codes["z"], codes[CLASSES])
    if label_B is None:
        raise ValueError("An XCov autoencoder decodes codes of a class; give class probabilities 'y', or labels.")
    return network.decode(codes["z"], F.one_hot(label_B, network.classes))


def _precise(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))
