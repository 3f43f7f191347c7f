"""Diagonal Gaussian posteriors: sampling, divergence, total correlation; the reconstruction.

Everything is in nats. Letters: B batch, Z latents, C channels, H height, W width. Half-precision
input is computed on in float32: sums over thousands of pixels need it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LOG_VARIANCE_LIMIT = 10.0
"""Log-variances are clamped to plus and minus this."""

LIKELIHOODS = ("bernoulli", "gaussian")


def posterior(statistics_BY: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and clamped log-variance, each (B, Z), from an encoder's output (B, 2Z)."""
    mean_BZ, log_variance_BZ = _precise(statistics_BY).chunk(2, dim=1)
    return mean_BZ, log_variance_BZ.clamp(-LOG_VARIANCE_LIMIT, LOG_VARIANCE_LIMIT)


def reparameterise(mean_BZ: Tensor, log_variance_BZ: Tensor, noise_BZ: Tensor) -> Tensor:
    """A sample (B, Z) of the posterior from standard normal ``noise_BZ``; Kingma & Welling 2014."""
    return mean_BZ + (0.5 * log_variance_BZ).exp() * noise_BZ


def kl(mean_BZ: Tensor, log_variance_BZ: Tensor) -> Tensor:
    """KL from N(mean, variance) to N(0, 1) in each latent, (B, Z): ½ (m² + e^v − v − 1)."""
    return 0.5 * (mean_BZ.square() + log_variance_BZ.exp() - log_variance_BZ - 1)


CAPACITY_LOSSES = ("rounded", "absolute")


def off_capacity(kl: Tensor, capacity: Tensor, form: str) -> Tensor:
    """|KL − C| in nats, for scalars; Burgess et al. 2018 (arXiv 1804.03599), equation 8.

    ``absolute``: as it is written. Its gradient has the same size however near KL is to C, so KL is thrown about C by
    every step, and the reconstruction pays for it. ``rounded``: the same from 1 nat off, and ½ ((KL − C)² + 1) within,
    where the gradient fades. Raises ``ValueError`` for another form.
    """
    if form == "absolute":
        return (kl - capacity).abs()
    if form != "rounded":
        raise ValueError(f"No capacity_loss {form!r}; there are {', '.join(CAPACITY_LOSSES)}.")
    return F.huber_loss(kl, capacity.to(kl.dtype)) + 0.5


def reconstruction_per_image(logits_BCHW: Tensor, image_BCHW: Tensor, likelihood: str) -> Tensor:
    """The reconstruction loss summed over each image's pixels, (B,).

    ``bernoulli``: binary cross-entropy. ``gaussian``: squared error of sigmoid(logits), which is
    the negative log-likelihood for a variance of ½, up to a constant.  Raises ``ValueError`` for
    another likelihood.
    """
    logits_BCHW = _precise(logits_BCHW)
    if likelihood == "bernoulli":
        loss = F.binary_cross_entropy_with_logits(logits_BCHW, image_BCHW, reduction="none")
    elif likelihood == "gaussian":
        loss = (logits_BCHW.sigmoid() - image_BCHW).square()
    else:
        raise ValueError(f"No likelihood {likelihood!r}; likelihoods are {', '.join(LIKELIHOODS)}.")
    return loss.flatten(1).sum(1)


def reconstruction(logits_BCHW: Tensor, image_BCHW: Tensor, likelihood: str) -> Tensor:
    """The mean of ``reconstruction_per_image`` over the batch, a scalar."""
    return reconstruction_per_image(logits_BCHW, image_BCHW, likelihood).mean()


def gaussian_total_correlation(mean_BZ: Tensor, log_variance_BZ: Tensor) -> Tensor:
    """½ (Σ log diag S − log det S) of the aggregate posterior's covariance S, a scalar.

    Differentiable. S is exact for the mixture of the batch's posteriors: the covariance of the
    means (divided by B) plus the mean of the variances. It is the total correlation of the Gaussian
    with that covariance, which estimates the data's from above: the smaller the batch, the larger.
    Report "Disentangling Symbols and Movements", section 3.3.
    """
    centred_BZ = mean_BZ - mean_BZ.mean(0)
    # A product and a sum instead of a matrix product: autocast would round the latter to half
    # precision.
    covariance_ZZ = (centred_BZ[:, :, None] * centred_BZ[:, None, :]).mean(0)
    covariance_ZZ = covariance_ZZ + log_variance_BZ.exp().mean(0).diag()
    scale_Z = covariance_ZZ.diagonal().sqrt()
    # log det S = Σ log diag S + log det of the correlations, which are far better conditioned; and
    # the variant that does not look at its error code never waits for the device.
    factor_ZZ, _ = torch.linalg.cholesky_ex(covariance_ZZ / scale_Z[:, None] / scale_Z)
    return -factor_ZZ.diagonal().log().sum()


def _precise(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))
