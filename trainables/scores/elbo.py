"""Reconstruction, divergence and their sum on data that were not trained on.

A method without a posterior still has its reconstruction, one without a decoder its divergence.

Letters: N images, Z latents.
"""

from __future__ import annotations

import numpy as np

from trainables.scores import Metric, When

ACTIVE = 0.01
"""A latent whose mean KL exceeds this many nats is active."""

WHEN: When = "report"

GIVES = (
    Metric(name="val/reconstruction", direction="minimize", points=1, needs=("reconstruction",)),
    Metric(name="val/kl", direction="minimize", points=1, needs=("posterior",)),
    Metric(name="val/elbo", direction="maximize", points=1, needs=("posterior", "reconstruction")),
    Metric(
        name="val/active_units",
        direction="maximize",
        points=1,
        needs=("posterior",),
        ceiling="the number of latents",
        floor="0",
    ),
)


def score(reconstruction_N: np.ndarray | None = None, kl_NZ: np.ndarray | None = None) -> dict[str, float]:
    """Means over images of nats per image, and what each latent contributes; what is not given is left out.

    Of ``reconstruction_N``: ``reconstruction``. Of ``kl_NZ``: ``kl`` (summed over latents), ``active_units`` (latents
    whose mean KL exceeds 0.01 nats) and ``kl_00``, ``kl_01``, … per latent. Of both, which must then be of the same
    images: ``elbo`` = −(reconstruction + kl). ``elbo`` bounds the log-likelihood for the Bernoulli likelihood; for the
    Gaussian one it does so up to a constant, so compare it within one likelihood. Raises ``ValueError`` for arrays
    that do not fit.
    """
    found: dict[str, float] = {}
    if reconstruction_N is not None:
        reconstruction_N = np.asarray(reconstruction_N, np.float64)
        if reconstruction_N.ndim != 1 or not len(reconstruction_N):
            raise ValueError(f"Reconstruction must be one number for each image, not {reconstruction_N.shape}.")
        found["reconstruction"] = float(reconstruction_N.mean())
    if kl_NZ is None:
        return found
    kl_NZ = np.asarray(kl_NZ, np.float64)
    if kl_NZ.ndim != 2 or not len(kl_NZ):
        raise ValueError(f"KL must be one row of latents for each image, not {kl_NZ.shape}.")
    kl_Z = kl_NZ.mean(0)
    found["kl"] = float(kl_Z.sum())
    if reconstruction_N is not None:
        if len(reconstruction_N) != len(kl_NZ):
            raise ValueError(
                f"Reconstruction and KL must be of the same images, not of {len(reconstruction_N)} and {len(kl_NZ)}."
            )
        found["elbo"] = -(found["reconstruction"] + found["kl"])
    width = max(2, len(str(kl_NZ.shape[1] - 1)))
    return {
        **found,
        "active_units": float((kl_Z > ACTIVE).sum()),
        **{f"kl_{latent:0{width}d}": float(value) for latent, value in enumerate(kl_Z)},
    }
