"""beta-VAE, in its beta form and its capacity form.

Higgins et al. 2017 (ICLR), Burgess et al. 2018 (arXiv 1804.03599), and the report "Disentangling in
beta-VAE".

    form "beta":      L = rec + β · KL
    form "capacity":  L = rec + γ · |KL − C(t)|,   C(t) growing linearly from 0 to its end

``rec`` is summed over pixels and KL over latents; both are means over the batch, in nats. A
published β' that weighs KL against a reconstruction *averaged* over pixels is β = β' · C·H·W here
(× 784 for MNIST: β' = 0.005 is about β = 4); the normalised β_norm of Higgins et al., where KL is
averaged over latents too, is β = β_norm · C·H·W / Z.

Letters: B batch, C channels, H height, W width, Z latents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainables.core import gaussians, limits, networks
from trainables.core.contract import InputSpec, Ramp


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """Raises ``ValueError`` for a value that is out of range."""

    form: str = "beta"
    """"beta" or "capacity"."""
    beta: float = 4.0
    """Weight of the KL in the beta form; 1 is a plain VAE."""
    gamma: float = 100.0
    """Weight of |KL − C| in the capacity form; studies use 100 and 1000."""
    capacity: Ramp = Ramp(end=25.0, steps=100_000)  # noqa: RUF009
    """Capacity C of the KL in nats, in the capacity form."""
    capacity_loss: str = "rounded"
    """"absolute": |KL − C| as published; "rounded": the same from 1 nat off, and lands on C (``off_capacity``)."""
    latents: int = 10
    """Number of latents Z."""
    network: str = "burgess"
    """"burgess", "report" (the report's), "nar" (that of the report on FactorVAE) or "mlp"."""
    hidden: int = 400
    """Units of each of the two hidden layers of the network "mlp"."""
    likelihood: str = "bernoulli"
    """"bernoulli" or "gaussian"."""
    lr: float = 1e-4
    """Adam's learning rate."""
    batch_size: int = 64
    """Images a step."""

    def __post_init__(self) -> None:
        limits.one_of(self, "form", ("beta", "capacity"))
        limits.one_of(self, "capacity_loss", gaussians.CAPACITY_LOSSES)
        limits.one_of(self, "network", networks.NETWORKS)
        limits.one_of(self, "likelihood", gaussians.LIKELIHOODS)
        limits.at_least(self, 1, "latents", "hidden", "batch_size")
        limits.not_negative(self, "beta", "gamma")
        limits.ramp(self, "capacity")
        limits.positive(self, "lr")


def build(hp: Hyperparameters, spec: InputSpec) -> nn.ModuleDict:
    """One player, ``vae``.

    Raises ``ValueError`` when the network cannot take ``spec.shape`` (C, H, W).
    """
    vae = networks.build(hp.network, spec.shape, hp.latents, hidden=(hp.hidden, hp.hidden))
    return nn.ModuleDict({"vae": vae})


def draw(data: Any, hp: Hyperparameters, rng: torch.Generator) -> dict[str, Tensor]:
    """A batch drawn with replacement, and the posterior's noise."""
    size, device = hp.batch_size, rng.device
    index_B = torch.randint(len(data), (size,), generator=rng, device=device)
    return {
        "image_BCHW": data.images(index_B),
        "noise_BZ": torch.randn(size, hp.latents, generator=rng, device=device),
    }


def losses(model: nn.ModuleDict, drawn: dict[str, Tensor], hp: Hyperparameters, step: Tensor) -> dict[str, Tensor]:
    """The loss of ``vae`` and, detached, its parts in nats: ``reconstruction`` and ``kl``."""
    vae, image_BCHW = networks.autoencoder(model), drawn["image_BCHW"]
    mean_BZ, log_variance_BZ = vae.encode(image_BCHW)
    z_BZ = gaussians.reparameterise(mean_BZ, log_variance_BZ, drawn["noise_BZ"])
    reconstruction = gaussians.reconstruction(vae.decode(z_BZ), image_BCHW, hp.likelihood)
    kl = gaussians.kl(mean_BZ, log_variance_BZ).sum(1).mean()
    return {
        "vae": reconstruction + _pressure(kl, hp, step),
        "reconstruction": reconstruction.detach(),
        "kl": kl.detach(),
    }


def _pressure(kl: Tensor, hp: Hyperparameters, step: Tensor) -> Tensor:
    """What the loss charges for ``kl`` nats."""
    if hp.form == "beta":
        return hp.beta * kl
    return hp.gamma * gaussians.off_capacity(kl, hp.capacity.at(step), hp.capacity_loss)


def capacities(hp: Hyperparameters) -> dict[str, Ramp]:
    """The nats that the KL of each group should reach."""
    return {"z": hp.capacity} if hp.form == "capacity" else {}


def codes(model: nn.ModuleDict, images: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
    """The posterior: ``z`` its mean, ``z_log_variance`` its log-variance, each (B, Z)."""
    mean_BZ, log_variance_BZ = networks.autoencoder(model).encode(images)
    return {"z": mean_BZ, "z_log_variance": log_variance_BZ}


def decode(model: nn.ModuleDict, codes: Mapping[str, Tensor], labels: Tensor | None) -> Tensor:
    """Logits (B, C, H, W) from ``codes["z"]`` (B, Z)."""
    return networks.autoencoder(model).decode(codes["z"])
