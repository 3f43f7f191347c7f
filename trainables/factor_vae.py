"""FactorVAE: a VAE that is also charged for the total correlation of its codes.

Kim & Mnih 2018 (arXiv 1802.05983), and the report "Disentangling Symbols and Movements".

    vae:            L = rec + KL + γ · TC
    discriminator:  ½ [ CE(D(z), joint) + CE(D(permuted z'), permuted) ]
    where           TC ≈ mean( D(z)₀ − D(z)₁ )

z' comes from a second batch, independent of the first. Neither player's loss has a gradient for the
other's weights. With ``tc = "gaussian"`` there is no discriminator: TC is that of the Gaussian with
the batch's aggregate covariance. ``rec`` is summed over pixels, KL over latents, both are means
over the batch, in nats. Where a publication averages ``rec`` over pixels, its γ' (and its weight of
the KL, which is 1 here) is γ = γ' · C·H·W here.

Letters: B batch, C channels, H height, W width, Z latents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainables.core import gaussians, limits, networks
from trainables.core.contract import Adam, InputSpec

PICTURES = ("traversal", "report_traversals", "loss_curves")


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """Raises ``ValueError`` for a value that is out of range."""

    gamma: float = 6.4
    """Weight of the total correlation; 0 is a plain VAE."""
    tc: str = "density_ratio"
    """How the total correlation is estimated: "density_ratio" (a discriminator) or "gaussian"."""
    latents: int = 10
    """Number of latents Z."""
    network: str = "burgess"
    """"burgess", "nar" (the report's), "report" (that of the report on beta-VAE) or "mlp"."""
    hidden: int = 400
    """Units of each of the two hidden layers of the network "mlp"."""
    likelihood: str = "bernoulli"
    """"bernoulli" or "gaussian"."""
    discriminator_units: int = 1000
    """Units of each of the discriminator's hidden layers."""
    discriminator_layers: int = 6
    """Hidden layers of the discriminator: 6 in Kim & Mnih 2018 and in the report's text, 5 in its code."""
    lr: float = 1e-4
    """Adam's learning rate for the VAE."""
    discriminator_lr: float = 1e-4
    """Adam's learning rate for the discriminator."""
    batch_size: int = 64
    """Images in each of the two batches of a step."""

    def __post_init__(self) -> None:
        limits.one_of(self, "tc", ("density_ratio", "gaussian"))
        limits.one_of(self, "network", networks.NETWORKS)
        limits.one_of(self, "likelihood", gaussians.LIKELIHOODS)
        limits.at_least(self, 1, "latents", "hidden", "discriminator_units")
        limits.at_least(self, 1, "discriminator_layers", most=100)
        limits.at_least(self, 2, "batch_size")
        limits.not_negative(self, "gamma")
        limits.positive(self, "lr", "discriminator_lr")


def build(hp: Hyperparameters, spec: InputSpec) -> nn.ModuleDict:
    """Players ``vae`` and, for the density ratio, ``discriminator``.

    Raises ``ValueError`` when the network cannot take ``spec.shape`` (C, H, W).
    """
    vae = networks.build(hp.network, spec.shape, hp.latents, hidden=(hp.hidden, hp.hidden))
    players = nn.ModuleDict({"vae": vae})
    if hp.tc == "density_ratio":
        players["discriminator"] = networks.discriminator(
            hp.latents, units=hp.discriminator_units, layers=hp.discriminator_layers
        )
    return players


def optimizers(hp: Hyperparameters) -> dict[str, Adam]:
    """Adam's settings for each player; the discriminator's momentum is that of Kim & Mnih."""
    settings = {"vae": Adam(lr=hp.lr)}
    if hp.tc == "density_ratio":
        settings["discriminator"] = Adam(lr=hp.discriminator_lr, betas=(0.5, 0.9))
    return settings


def draw(data: Any, hp: Hyperparameters, rng: torch.Generator) -> dict[str, Tensor]:
    """A batch drawn with replacement and its noise.

    For the density ratio also an independent second batch, ``other_…``, and ``permutation_BZ``: in
    each of its columns a permutation of the batch of its own.
    """
    size, device = hp.batch_size, rng.device

    def batch(prefix: str) -> dict[str, Tensor]:
        index_B = torch.randint(len(data), (size,), generator=rng, device=device)
        noise_BZ = torch.randn(size, hp.latents, generator=rng, device=device)
        return {f"{prefix}image_BCHW": data.images(index_B), f"{prefix}noise_BZ": noise_BZ}

    drawn = batch("")
    if hp.tc == "density_ratio":
        drawn |= batch("other_")
        order_BZ = torch.rand(size, hp.latents, generator=rng, device=device)
        drawn["permutation_BZ"] = order_BZ.argsort(0)
    return drawn


def permute_dims(z_BZ: Tensor, permutation_BZ: Tensor) -> Tensor:
    """``z_BZ`` with each column permuted by that column of ``permutation_BZ``;

    Kim & Mnih 2018, algorithm 1.
    """
    return z_BZ.gather(0, permutation_BZ)


def losses(model: nn.ModuleDict, drawn: dict[str, Tensor], hp: Hyperparameters, step: Tensor) -> dict[str, Tensor]:
    """One loss per player and, detached, their parts.

    The parts are ``reconstruction``, ``kl`` and ``total_correlation`` in nats and, with a
    discriminator, ``discriminator_accuracy`` in [0, 1], at chance 0.5.
    """
    vae, image_BCHW = networks.autoencoder(model), drawn["image_BCHW"]
    mean_BZ, log_variance_BZ = vae.encode(image_BCHW)
    z_BZ = gaussians.reparameterise(mean_BZ, log_variance_BZ, drawn["noise_BZ"])
    reconstruction = gaussians.reconstruction(vae.decode(z_BZ), image_BCHW, hp.likelihood)
    kl = gaussians.kl(mean_BZ, log_variance_BZ).sum(1).mean()
    rest: dict[str, Tensor] = {}
    if hp.tc == "density_ratio":
        total_correlation = _density_ratio(model["discriminator"], z_BZ)
        rest = _discriminate(model, z_BZ.detach(), drawn)
    else:
        total_correlation = gaussians.gaussian_total_correlation(mean_BZ, log_variance_BZ)
    return {
        "vae": reconstruction + kl + hp.gamma * total_correlation,
        "reconstruction": reconstruction.detach(),
        "kl": kl.detach(),
        "total_correlation": total_correlation.detach(),
        **rest,
    }


def _density_ratio(discriminator: nn.Module, z_BZ: Tensor) -> Tensor:
    """The total correlation, with a gradient for ``z_BZ`` and none for the weights."""
    frozen = {name: weight.detach() for name, weight in discriminator.named_parameters()}
    logits_B2 = torch.func.functional_call(discriminator, frozen, (z_BZ,))
    return (logits_B2[:, 0] - logits_B2[:, 1]).mean()


def _discriminate(model: nn.ModuleDict, z_BZ: Tensor, drawn: dict[str, Tensor]) -> dict[str, Tensor]:
    """The discriminator's loss and accuracy on ``z_BZ`` and permuted codes of the second batch."""
    with torch.no_grad():
        mean_BZ, log_variance_BZ = networks.autoencoder(model).encode(drawn["other_image_BCHW"])
        other_BZ = gaussians.reparameterise(mean_BZ, log_variance_BZ, drawn["other_noise_BZ"])
    permuted_BZ = permute_dims(other_BZ, drawn["permutation_BZ"])
    logits = model["discriminator"](torch.cat((z_BZ, permuted_BZ)))
    truth = torch.arange(2, device=logits.device).repeat_interleave(len(z_BZ))
    accuracy = (logits.detach().argmax(1) == truth).to(z_BZ.dtype).mean()
    return {
        "discriminator": F.cross_entropy(logits, truth),
        "discriminator_accuracy": accuracy,
    }


def codes(model: nn.ModuleDict, images: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
    """The posterior: ``z`` its mean, ``z_log_variance`` its log-variance, each (B, Z)."""
    mean_BZ, log_variance_BZ = networks.autoencoder(model).encode(images)
    return {"z": mean_BZ, "z_log_variance": log_variance_BZ}


def decode(model: nn.ModuleDict, codes: Mapping[str, Tensor], labels: Tensor | None) -> Tensor:
    """Logits (B, C, H, W) from ``codes["z"]`` (B, Z)."""
    return networks.autoencoder(model).decode(codes["z"])
