"""Unsupervised disentanglement ranking: whether models that differ in their seed alone found the same latents.

Duan et al. 2020 (arXiv 1905.12614). It compares models with each other, so no single trial can give it.

Letters: M models, N images, Z latents.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from trainables.scores import Metric

INFORMATIVE = 0.01
"""Latents whose mean KL is at most this many nats take no part."""
ALPHA = 0.1
"""Weight of the Lasso's penalty."""

GIVES = (
    Metric(name="score/udr", direction="maximize", needs=("models",), ceiling="1", floor="0 for a collapsed model"),
)


def score(
    codes_MNZ: np.ndarray, kl_MZ: np.ndarray, *, correlation: Literal["lasso", "spearman"] = "lasso"
) -> dict[str, float]:
    """``udr``, the mean over models of each one's score, and ``udr_0``, ``udr_1``, … for each model, in [0, 1].

    ``codes_MNZ`` are the mean codes of the same images by all models; ``kl_MZ`` the mean KL of each latent, nats. A
    model's score is the median over the other models of the pair's. A pair's score is ½ (mean over columns of
    max² / sum + mean over rows of max² / sum) of how much the latents of one tell of the other's; 0/0 counts 0.
    Raises ``ValueError`` for arrays that do not fit or fewer than two models.
    """
    codes_MNZ, kl_MZ = np.asarray(codes_MNZ, np.float64), np.asarray(kl_MZ, np.float64)
    if codes_MNZ.ndim != 3 or kl_MZ.shape != (codes_MNZ.shape[0], codes_MNZ.shape[2]) or len(codes_MNZ) < 2:
        raise ValueError(
            f"UDR compares two models or more, codes (M, N, Z) and KL (M, Z), not {codes_MNZ.shape} and {kl_MZ.shape}."
        )
    models = len(codes_MNZ)
    deviation = codes_MNZ.std(1, keepdims=True)
    standard = (codes_MNZ - codes_MNZ.mean(1, keepdims=True)) / np.where(deviation > 1e-9, deviation, 1.0)
    active = kl_MZ > INFORMATIVE
    pairs = np.full((models, models), np.nan)
    for one in range(models):
        for other in range(models):
            if one != other:
                relation = _relation(standard[one], standard[other], correlation)
                pairs[one, other] = pair_score(relation[active[one]][:, active[other]])
    each = [float(np.nanmedian(np.concatenate((pairs[m], pairs[:, m])))) for m in range(models)]
    return {"udr": float(np.mean(each)), **{f"udr_{m}": value for m, value in enumerate(each)}}


def pair_score(relation_ZZ: np.ndarray) -> float:
    """½ (mean over columns of max² / sum + mean over rows of max² / sum); 0 where there are no rows or columns."""
    if not relation_ZZ.size:
        return 0.0
    sides = []
    for axis in (0, 1):
        total = relation_ZZ.sum(axis)
        sides.append(np.divide(relation_ZZ.max(axis) ** 2, total, out=np.zeros_like(total), where=total > 0).mean())
    return float(np.mean(sides))


def _relation(from_NZ: np.ndarray, to_NZ: np.ndarray, correlation: str) -> np.ndarray:
    """How much each latent of one model (rows) tells of each of the other's (columns), not negative."""
    if correlation == "lasso":
        from sklearn.linear_model import Lasso

        fitted = Lasso(alpha=ALPHA).fit(from_NZ, to_NZ)
        return np.abs(np.atleast_2d(fitted.coef_)).T
    if correlation != "spearman":
        raise ValueError(f"No correlation {correlation!r}; correlations are lasso, spearman.")
    from scipy.stats import rankdata

    ranks = [rankdata(codes, axis=0) for codes in (from_NZ, to_NZ)]
    centred = [r - r.mean(0) for r in ranks]
    scale = np.sqrt((centred[0] ** 2).sum(0))[:, None] * np.sqrt((centred[1] ** 2).sum(0))
    product = centred[0].T @ centred[1]
    return np.abs(np.divide(product, scale, out=np.zeros_like(product), where=scale > 0))
