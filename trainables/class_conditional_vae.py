"""A VAE with codes that know the class, w, and codes that should not, z.

The report "Class-conditional and class-generic VAE".

    form "class_conditional":  L = rec + β·|KL(q(z|x)) − C_z(t)| + γ·|KL(q(w|x,y)) − C_w(t)| + λ·adversary(z)
    form "naive":              L = rec + β·|KL(q(z|x,y)) − C_z(t)|         (section 3.1: one code, no adversary)

The decoder is p(x|z,w,y), or p(x|z,y). ``pressure`` "beta" charges β·KL + γ·KL instead; with
β = γ = 1 that is the report's baseline. ``rec`` is summed over pixels, KL over latents; both are
means over the batch, in nats. A β' that goes with a reconstruction averaged over pixels is
β = β'·C·H·W here; γ and λ alike.

Where the report cannot be taken literally, its form can be chosen and another is the default:

- It calls eq. 5 a loss, but prints a log-likelihood: encoder and classifier change places, so the
  encoder helps and the classifier fails on purpose ("report"; its logits are clamped, for its loss
  has no least value). Correct is a classifier that minimises BCE(h(z), y) and an encoder that makes
  it fail. To maximise that BCE ("reverse") has no optimum; to push h(z) to 1/L ("uniform") has.
- It trains the classifier on w and applies it to z (``classifier_input`` "w"). A classifier that
  never saw z says nothing about what z holds, so the default trains it on z; "both" adds a second
  one on w that the VAE helps. Where w and z differ in size, "w" pads the shorter with zeros.

The classifier sees the means, each latent standardised over the batch (``classifier_view``). Shown samples, it
is blind to differences between classes far smaller than the posterior's noise, which the means still tell.

q(w|x,y) and the decoder are told y: a high accuracy of y from w may be nothing but this. Letters:
B batch, C channels, H height, W width, Z latents of z, V latents of w, L classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainables.core import adversaries, gaussians, limits, networks
from trainables.core.contract import CLASSES, LOG_VARIANCE, Adam, InputSpec, Ramp

PICTURES = ("class_traversal", "relabel", "scatter", "loss_curves")
CLASS_FREE = ("z",)


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """Raises ``ValueError`` for a value that is out of range."""

    form: str = "class_conditional"
    """"class_conditional" (z and w) or "naive" (z alone, told the class, without an adversary)."""
    pressure: str = "capacity"
    """"capacity" charges |KL − C(t)|, "beta" the KL itself."""
    beta: float = 100.0
    """β, weight of what is charged for z; 1 in the report's baseline."""
    gamma: float = 100.0
    """γ, weight of what is charged for w; 1 in the report's baseline."""
    capacity_z: Ramp = Ramp(end=15.0, steps=50_000)  # noqa: RUF009
    """C_z, capacity of z in nats."""
    capacity_w: Ramp = Ramp(end=25.0, steps=50_000)  # noqa: RUF009
    """C_w, capacity of w in nats."""
    capacity_loss: str = "rounded"
    """"absolute": |KL − C| as published; "rounded": the same from 1 nat off, and lands on C (``off_capacity``)."""
    latents: int = 20
    """Number of latents of z."""
    latents_w: int = 20
    """Number of latents of w."""
    adversary: str = "uniform"
    """"uniform", "reverse", "report" (see above) or "none"."""
    adversary_weight: float = 1000.0
    """λ, weight of the adversary: about ten times β, for the report gives none and at λ = β it did nothing."""
    classifier_input: str = "z"
    """What the classifier learns from: "z", "w" (the report), or "both"."""
    classifier_view: str = "mean"
    """What of a code it is shown: "mean" (standardised over the batch, as probes see it) or "sample"."""
    classifier_units: int = 400
    """Units of each of a classifier's two hidden layers."""
    classifier_lr: float = 1e-3
    """Adam's learning rate for the classifier."""
    network: str = "mlp"
    """"mlp" (784-400-400 on MNIST) or "burgess", which is told the class as planes beside the colours."""
    hidden: int = 400
    """Units of each of the two hidden layers of the network "mlp"."""
    likelihood: str = "bernoulli"
    """"bernoulli" or "gaussian"."""
    lr: float = 1e-3
    """Adam's learning rate for the VAE."""
    batch_size: int = 64
    """Images a step."""

    def __post_init__(self) -> None:
        limits.one_of(self, "form", ("class_conditional", "naive"))
        limits.one_of(self, "pressure", ("capacity", "beta"))
        limits.one_of(self, "capacity_loss", gaussians.CAPACITY_LOSSES)
        limits.one_of(self, "classifier_view", ("mean", "sample"))
        limits.one_of(self, "adversary", (*adversaries.ADVERSARIES, "none"))
        limits.one_of(self, "classifier_input", ("z", "w", "both"))
        limits.one_of(self, "network", ("mlp", "burgess"))
        limits.one_of(self, "likelihood", gaussians.LIKELIHOODS)
        limits.at_least(self, 1, "latents", "latents_w", "classifier_units", "hidden", "batch_size")
        limits.not_negative(self, "beta", "gamma", "adversary_weight")
        limits.ramp(self, "capacity_z")
        limits.ramp(self, "capacity_w")
        limits.positive(self, "lr", "classifier_lr")

    @property
    def groups(self) -> dict[str, int]:
        """Latents of each group of codes."""
        return {"z": self.latents} | ({"w": self.latents_w} if self.form == "class_conditional" else {})

    @property
    def contested(self) -> bool:
        """Whether there is an adversary."""
        return self.form == "class_conditional" and self.adversary != "none"


class Told(nn.Module):
    """A network that is told the class: beside its input's numbers, or as planes beside its channels."""

    def __init__(self, network: nn.Module, *, planes: bool = False) -> None:
        super().__init__()
        self.network = network
        self.planes = planes

    def forward(self, x: Tensor, y_BL: Tensor) -> Tensor:
        """``x`` is (B, C, H, W) or (B, N)."""
        if not self.planes:
            return self.network(torch.cat((x.flatten(1), y_BL), 1))
        y_BLHW = y_BL[:, :, None, None].expand(-1, -1, *x.shape[2:])
        return self.network(torch.cat((x, y_BLHW), 1))


class ClassVAE(nn.Module):
    """The player ``vae``: an encoder of each group, the decoder and, for "both", a classifier on w."""

    def __init__(self, hp: Hyperparameters, spec: InputSpec) -> None:
        super().__init__()
        (channels, height, width), self.classes = spec.shape, spec.classes
        inputs, hidden = channels * height * width, (hp.hidden, hp.hidden)
        planes = hp.network != "mlp"
        told = (channels + self.classes, height, width) if planes else (1, 1, inputs + self.classes)
        self.encoders = nn.ModuleDict()
        for group, latents in hp.groups.items():
            if group == "z" and hp.form == "class_conditional":
                self.encoders[group] = networks.encoder(hp.network, spec.shape, 2 * latents, hidden=hidden)
            else:
                network = networks.encoder(hp.network, told, 2 * latents, hidden=hidden)
                self.encoders[group] = Told(network, planes=planes)
        total = sum(hp.groups.values()) + self.classes
        self.decoder = Told(networks.decoder(hp.network, spec.shape, total, hidden=hidden))
        if hp.contested and hp.classifier_input == "both":
            self.auxiliary = networks.classifier(hp.latents_w, self.classes, units=hp.classifier_units)

    def one_hot(self, label_B: Tensor | None, dtype: torch.dtype) -> Tensor:
        """(B, L).  Raises ``ValueError`` without labels."""
        if label_B is None:
            raise ValueError("class_conditional_vae encodes and decodes with labels; the images have none.")
        return (label_B[:, None] == torch.arange(self.classes, device=label_B.device)).to(dtype)

    def posteriors(self, image_BCHW: Tensor, y_BL: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """Mean and log-variance of each group, each (B, Z) or (B, V)."""
        return {
            group: gaussians.posterior(encoder(image_BCHW, y_BL) if isinstance(encoder, Told) else encoder(image_BCHW))
            for group, encoder in self.encoders.items()
        }


def build(hp: Hyperparameters, spec: InputSpec) -> nn.ModuleDict:
    """Players ``vae`` and, where there is an adversary, ``classifier``.

    Raises ``ValueError`` where there are no classes, or the network cannot take ``spec.shape`` (C, H, W).
    """
    if spec.classes < 2:
        raise ValueError(
            f"class_conditional_vae needs images with labels of at least 2 classes, not {spec.classes}; "
            "choose a dataset that has labels, or the method beta_vae."
        )
    players = nn.ModuleDict({"vae": ClassVAE(hp, spec)})
    if hp.contested:
        inputs = max(hp.groups.values()) if hp.classifier_input == "w" else hp.latents
        players["classifier"] = networks.classifier(inputs, spec.classes, units=hp.classifier_units)
    return players


def optimizers(hp: Hyperparameters) -> dict[str, Adam]:
    """Adam's settings for each player."""
    settings = {"vae": Adam(lr=hp.lr)}
    if hp.contested:
        settings["classifier"] = Adam(lr=hp.classifier_lr)
    return settings


def draw(data: Any, hp: Hyperparameters, rng: torch.Generator) -> dict[str, Tensor]:
    """A batch drawn with replacement, its labels, and noise for each group's posterior."""
    size, device = hp.batch_size, rng.device
    index_B = torch.randint(len(data), (size,), generator=rng, device=device)
    drawn = {"image_BCHW": data.images(index_B), "label_B": data.labels(index_B)}
    for group, latents in hp.groups.items():
        drawn[f"noise_{group}"] = torch.randn(size, latents, generator=rng, device=device)
    return drawn


def losses(model: nn.ModuleDict, drawn: dict[str, Tensor], hp: Hyperparameters, step: Tensor) -> dict[str, Tensor]:
    """One loss per player and, detached, their parts.

    The parts are ``reconstruction``, ``kl_z``, ``kl_w`` and ``adversary`` (the encoder's, unweighted) in nats, and
    ``classifier_accuracy``: how often the classifier names the class from z, in [0, 1].
    """
    vae, image_BCHW = _vae(model), drawn["image_BCHW"]
    y_BL = vae.one_hot(drawn["label_B"], image_BCHW.dtype)
    posteriors = vae.posteriors(image_BCHW, y_BL)
    codes = {group: gaussians.reparameterise(*p, drawn[f"noise_{group}"]) for group, p in posteriors.items()}
    kl = {group: gaussians.kl(*p).sum(1).mean() for group, p in posteriors.items()}
    logits_BCHW = vae.decoder(torch.cat(list(codes.values()), 1), y_BL)
    reconstruction = gaussians.reconstruction(logits_BCHW, image_BCHW, hp.likelihood)
    loss = reconstruction + _pressure(kl, hp, step)
    parts = {"reconstruction": reconstruction.detach(), **{f"kl_{g}": value.detach() for g, value in kl.items()}}
    if not hp.contested:
        return {"vae": loss, **parts}
    if hp.classifier_view == "mean":
        codes = {group: _standardised(mean) for group, (mean, _) in posteriors.items()}
    charge, rest = _contest(model, codes, y_BL, hp)
    return {"vae": loss + charge, **parts, **rest}


def capacities(hp: Hyperparameters) -> dict[str, Ramp]:
    """The nats that the KL of each group should reach."""
    each = {"z": hp.capacity_z, "w": hp.capacity_w}
    return {group: each[group] for group in hp.groups} if hp.pressure == "capacity" else {}


def _pressure(kl: Mapping[str, Tensor], hp: Hyperparameters, step: Tensor) -> Tensor:
    """What the loss charges for the nats of each group."""
    weights = {"z": hp.beta, "w": hp.gamma}
    if hp.pressure == "beta":
        return sum((weights[group] * value for group, value in kl.items()), step.new_zeros(()))
    charges = [
        weights[group] * gaussians.off_capacity(kl[group], capacity.at(step), hp.capacity_loss)
        for group, capacity in capacities(hp).items()
    ]
    return torch.stack(charges).sum()


def _contest(
    model: nn.ModuleDict, codes: Mapping[str, Tensor], y_BL: Tensor, hp: Hyperparameters
) -> tuple[Tensor, dict[str, Tensor]]:
    """What the adversary costs the VAE; and the classifier's loss with the parts to record."""
    classifier, z_BZ = model["classifier"], codes["z"]
    seen = codes["w"] if hp.classifier_input == "w" else z_BZ
    if hp.classifier_input == "w":
        widest = max(hp.groups.values())
        z_BZ, seen = (F.pad(code, (0, widest - code.shape[1])) for code in (z_BZ, seen))
    logits_BL = adversaries.frozen(classifier, z_BZ)
    adversary = adversaries.encoder_loss(hp.adversary, logits_BL, y_BL)
    charge = hp.adversary_weight * adversary
    if hp.classifier_input == "both":
        helped = adversaries.cross_entropy(_vae(model).auxiliary(codes["w"]), y_BL)
        charge = charge + hp.adversary_weight * helped
    right_B = logits_BL.detach().argmax(1) == y_BL.argmax(1)
    return charge, {
        "classifier": adversaries.classifier_loss(hp.adversary, classifier(seen.detach()), y_BL),
        "adversary": adversary.detach(),
        "classifier_accuracy": right_B.to(y_BL.dtype).mean(),
    }


def _standardised(mean_BZ: Tensor) -> Tensor:
    """Each latent with mean 0 and deviation 1 over the batch."""
    centred_BZ = mean_BZ - mean_BZ.mean(0)
    return centred_BZ / (centred_BZ.square().mean(0) + 1e-8).sqrt()


def _vae(model: nn.ModuleDict) -> ClassVAE:
    return cast(ClassVAE, model["vae"])


def codes(model: nn.ModuleDict, images: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
    """The posteriors: ``z`` and ``w`` their means, ``z_log_variance`` and ``w_log_variance``.

    ``z`` is (B, Z), ``w`` (B, V); the naive form has no w. Raises ``ValueError`` without labels.
    """
    vae = _vae(model)
    found: dict[str, Tensor] = {}
    for group, (mean, log_variance) in vae.posteriors(images, vae.one_hot(labels, images.dtype)).items():
        found |= {group: mean, group + LOG_VARIANCE: log_variance}
    return found


def decode(model: nn.ModuleDict, codes: Mapping[str, Tensor], labels: Tensor | None) -> Tensor:
    """Logits (B, C, H, W) from codes z and w and the class: ``codes["y"]`` (B, L), or else ``labels`` (B,).

    Raises ``ValueError`` where neither is given.
    """
    vae = _vae(model)
    y_BL = codes[CLASSES] if CLASSES in codes else vae.one_hot(labels, codes["z"].dtype)
    return vae.decoder(torch.cat([codes[group] for group in vae.encoders], 1), y_BL)
