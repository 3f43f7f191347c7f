"""Rows for the tests of scores: factors at random, codes that know them or not, and every score as one function."""

from __future__ import annotations

from functools import partial

import numpy as np

from trainables import scores
from trainables.scores import beta_vae_score, dci, factor_vae_score, gaussian_tc, irs, mask_score, mig, modularity, sap

SIZES = (3, 4, 5)


def factors(rows, sizes=SIZES, seed=0):
    return np.random.default_rng(seed).integers(sizes, size=(rows, len(sizes)))


def noise(rows, latents=6, seed=1):
    return np.random.default_rng(seed).normal(size=(rows, latents))


def mixed(factors_NF, latents=4, *, seed=2, spread=0.3):
    """Codes that each know several factors, not exactly."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(factors_NF.shape[1], latents))
    scaled = factors_NF / np.maximum(factors_NF.max(0), 1)
    return scaled @ mixing + spread * rng.normal(size=(len(factors_NF), latents))


def with_dead(codes_NZ):
    """The codes, one that is constant, and one that is but for the rounding of float32."""
    dead = np.full((len(codes_NZ), 2), 0.1, np.float32)
    dead[::2, 1] = np.nextafter(np.float32(0.1), np.float32(1))
    return np.concatenate([codes_NZ, dead], axis=1)


def _codes_alone(codes_NZ, factors_NF, **settings):
    return gaussian_tc.score(codes_NZ, **settings)


OF_ROWS = {
    "mig": mig.score,
    "sap": sap.score,
    "sap-continuous": partial(sap.score, continuous=True),
    "dci": dci.score,
    "modularity": modularity.score,
    "irs": irs.score,
    "factor_vae_score": partial(factor_vae_score.score_rows, votes=1000, evaluations=500),
    "beta_vae_score": partial(beta_vae_score.score_rows, train=1000, evaluations=500),
    "gaussian_tc": _codes_alone,
}
"""Scores of one model's rows that give standard errors."""

OF_FACTORS = {name: score for name, score in OF_ROWS.items() if name != "gaussian_tc"} | {
    "mask_score": mask_score.score
}
"""Scores of codes and factors."""


def least(name):
    """The rows that the score of that name accepts."""
    return scores.load(name.partition("-")[0]).GIVES[0].points
