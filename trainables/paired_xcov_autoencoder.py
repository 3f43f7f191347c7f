"""Paired XCov autoencoder: of two images of one identity under different labels, the codes should be the same.

The report "Disentangling hidden factors of variations in Deep Networks", which builds on Cheung et al. 2014
(arXiv 1412.6583); ``xcov_autoencoder`` says what the terms are, and why cross-entropy has its minus sign.

    L = Σ_{i = 1, 2} [ α · rec_i + β · CE_i + γ · C_i ] + ζ ‖z₁ − z₂‖²

Both images' terms are summed, as in the report, and C is taken over each half of the pairs on its own. So with ζ = 0
this is the plain objective on the first images plus that on the second, and at equal α, β, γ it weighs its parts
against each other as the plain one does; beside a ζ, they count twice. ``rec`` is summed over pixels, the distance over
latents, and all are means over the batch.

The defaults are those of the report's code, α' = 1000, β = 100, γ = 1000, ζ = 100, where reconstruction is averaged
over 64×64 pixels: α = α' / (C·H·W) = 0.244 here. A ζ' that weighs a distance *averaged* over latents is ζ = ζ' / Z
here. The report pairs images of different labels, "different", which is the default; its code also pairs those of
equal ones, "any", and such a pair costs nothing where its codes hold the label.

Letters: B batch (pairs), C channels, H height, W width, L classes, Z latents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainables.core import gaussians, limits, xcov
from trainables.core.contract import InputSpec

PICTURES = ("traversal", "swap", "relabel", "class_grid", "scatter", "loss_curves")
PAIRINGS = ("different", "any")
CLASS_FREE = ("z",)


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """Raises ``ValueError`` for a value that is out of range."""

    alpha: float = 0.244
    """Weight of the reconstruction, summed over pixels."""
    beta: float = 100.0
    """Weight of the cross-entropy."""
    gamma: float = 1000.0
    """Weight of the cross-covariance C."""
    zeta: float = 100.0
    """Weight of the squared distance between the codes of a pair, summed over latents; 0 only draws pairs."""
    pairing: str = "different"
    """What a pair of one identity is: "different" labels, or "any" two images, which may share theirs."""
    latents: int = 256
    """Number of latents Z."""
    network: str = "halving"
    """"flat": two layers of ``hidden`` units; "halving": three, of four times, twice and once ``hidden``."""
    hidden: int = 512
    """Units of the hidden layers next to the codes."""
    likelihood: str = "gaussian"
    """"gaussian" (squared error) or "bernoulli"."""
    lr: float = 1e-4
    """Adam's learning rate."""
    batch_size: int = 8
    """Pairs a step; C is a covariance over them."""

    def __post_init__(self) -> None:
        limits.one_of(self, "pairing", PAIRINGS)
        limits.one_of(self, "network", xcov.NETWORKS)
        limits.one_of(self, "likelihood", gaussians.LIKELIHOODS)
        limits.at_least(self, 1, "latents", "hidden")
        limits.at_least(self, 2, "batch_size")
        limits.not_negative(self, "alpha", "beta", "gamma", "zeta")
        limits.positive(self, "lr")


def build(hp: Hyperparameters, spec: InputSpec) -> nn.ModuleDict:
    """One player, ``autoencoder``.  Raises ``ValueError`` where there are fewer than two classes."""
    return xcov.build(spec, hp.latents, hp.network, hp.hidden)


def draw(data: Any, hp: Hyperparameters, rng: torch.Generator) -> dict[str, Tensor]:
    """Pairs of one identity: images drawn with replacement, and ``other_…``, a partner of each.

    Raises ``ValueError`` where there are no labels or identities, or where an image has no partner.
    """
    index_B = torch.randint(len(data), (hp.batch_size,), generator=rng, device=rng.device)
    other_B = data.partners.same_identity(index_B, rng, different=hp.pairing == "different")
    return {
        "image_BCHW": data.images(index_B),
        "label_B": data.labels(index_B),
        "other_image_BCHW": data.images(other_B),
        "other_label_B": data.labels(other_B),
    }


def losses(model: nn.ModuleDict, drawn: dict[str, Tensor], hp: Hyperparameters, step: Tensor) -> dict[str, Tensor]:
    """The loss and, detached and unweighted, its parts.

    ``reconstruction``, ``cross_entropy``, ``xcov`` and ``accuracy`` are means over both halves of the pairs, so that
    they compare with those of the plain method; ``distance`` is ‖z₁ − z₂‖².
    """
    network = xcov.player(model)
    one, two = (
        xcov.terms(network, drawn[f"{half}image_BCHW"], drawn[f"{half}label_B"], hp.likelihood)
        for half in ("", "other_")
    )
    distance = (one.z_BZ - two.z_BZ).square().sum(1).mean()
    loss = sum(half.loss(alpha=hp.alpha, beta=hp.beta, gamma=hp.gamma) for half in (one, two)) + hp.zeta * distance
    second = two.record()
    record = {name: (value + second[name]) / 2 for name, value in one.record().items()}
    return {xcov.PLAYER: loss, **record, "distance": distance.detach()}


def codes(model: nn.ModuleDict, images: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
    """``z`` (B, Z), and the class probabilities ``y`` (B, L), both from the images alone."""
    return xcov.codes(model, images)


def decode(model: nn.ModuleDict, codes: Mapping[str, Tensor], labels: Tensor | None) -> Tensor:
    """Logits (B, C, H, W) from ``codes["z"]`` and the class: ``codes["y"]`` where given, else one-hot ``labels`` (B,).

    Raises ``ValueError`` when neither is given.
    """
    return xcov.decode(model, codes, labels)
