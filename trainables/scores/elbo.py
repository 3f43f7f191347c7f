"""Reconstruction, divergence and their sum on data that were not trained on.

Letters: N images, Z latents.
"""

from __future__ import annotations

import numpy as np

from trainables.scores import Metric

ACTIVE = 0.01
"""A latent whose mean KL exceeds this many nats is active."""

GIVES = (
    Metric(name="val/reconstruction", direction="minimize"),
    Metric(name="val/kl", direction="minimize"),
    Metric(name="val/elbo", direction="maximize"),
    Metric(name="val/active_units", direction="maximize", ceiling="the number of latents", floor="0"),
)


def score(reconstruction_N: np.ndarray, kl_NZ: np.ndarray) -> dict[str, float]:
    """Means over images of nats per image, and what each latent contributes.

    Gives ``reconstruction``, ``kl`` (summed over latents), ``elbo`` = −(reconstruction + kl),
    ``active_units`` (latents whose mean KL exceeds 0.01 nats) and ``kl_00``, ``kl_01``, … per
    latent. ``elbo`` bounds the log-likelihood for the Bernoulli likelihood; for the Gaussian one it
    does so up to a constant, so compare it within one likelihood. Raises ``ValueError`` for arrays
    that do not fit.
    """
    reconstruction_N = np.asarray(reconstruction_N, np.float64)
    kl_NZ = np.asarray(kl_NZ, np.float64)
    if reconstruction_N.ndim != 1 or kl_NZ.ndim != 2 or len(reconstruction_N) != len(kl_NZ):
        raise ValueError(
            "Reconstruction must be one number an image and KL one row an image, not "
            f"{reconstruction_N.shape} and {kl_NZ.shape}."
        )
    if not len(kl_NZ):
        raise ValueError("Reconstruction and KL need at least one image.")
    kl_Z = kl_NZ.mean(0)
    reconstruction, kl = float(reconstruction_N.mean()), float(kl_Z.sum())
    width = max(2, len(str(kl_NZ.shape[1] - 1)))
    return {
        "reconstruction": reconstruction,
        "kl": kl,
        "elbo": -(reconstruction + kl),
        "active_units": float((kl_Z > ACTIVE).sum()),
        **{f"kl_{latent:0{width}d}": float(value) for latent, value in enumerate(kl_Z)},
    }
