"""Unsupervised disentanglement ranking: whether models that differ in their seed alone found the same latents.

Duan et al. 2020 (arXiv 1905.12614). It compares models with each other, so no single trial can give it.

How much each latent of one model tells of each of another's is a matrix: of absolute Lasso coefficients (α = 0.1) from
the one model's standardised codes to the other's, or of absolute Spearman correlations. A pair's score is ½ (mean over
columns of max² / sum + mean over rows of max² / sum), 0/0 counting 0, and a model's score the median over the others
of the pair in which the other predicts it. Latents whose mean KL is at most 0.01 nats take no part.

Letters: M models, N images, Z latents.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from trainables.core.bootstrap import with_errors
from trainables.core.encoded import finite, standardised
from trainables.scores import Metric, When

INFORMATIVE = 0.01
"""Latents whose mean KL is at most this many nats take no part."""
ALPHA = 0.1
"""Weight of the Lasso's penalty."""

KINDS = ("lasso", "spearman")

WHEN: When = "asked"

GIVES = (
    Metric(
        name="score/udr",
        direction="maximize",
        needs=("models",),
        points=100,
        ceiling="1; with the Lasso 0.9, the part that its penalty leaves",
        floor="0 for a collapsed model; noise 0 with the Lasso, and a little more with Spearman",
    ),
)


def score(
    codes_of_models: Sequence[np.ndarray],
    kl_of_models: Sequence[np.ndarray],
    *,
    kind: Literal["lasso", "spearman"] = "lasso",
    seed: int = 0,
    bootstrap: int = 0,
) -> dict[str, float]:
    """``udr_0``, ``udr_1``, … for each model and ``udr``, their mean, in [0, 1]; ``seed`` is of the bootstrap.

    ``codes_of_models`` are the mean codes (N, Z) of the same images by each model, ``kl_of_models`` the mean KL (Z,) of
    each latent in nats; models may differ in their latents. The study has 10,000 images, and at least 100 are accepted:
    a pair's score moves with the largest of its entries, by about 1 / √N. The standard error resamples images, of all
    models alike; that other seeds would have trained other models is not in it. Raises ``ValueError`` for arrays that
    do not fit, for fewer than two models and for another ``kind``.
    """
    if kind not in KINDS:
        raise ValueError(f"No kind of UDR {kind!r}; kinds are {', '.join(KINDS)}.")
    codes = [finite(codes_NZ, GIVES[0].points) for codes_NZ in codes_of_models]
    active = [np.asarray(kl_Z) > INFORMATIVE for kl_Z in kl_of_models]
    fits = len(codes) == len(active) and all(c.shape[1:] == a.shape for c, a in zip(codes, active, strict=False))
    if not fits or len(codes) < 2 or len({len(codes_NZ) for codes_NZ in codes}) > 1:
        raise ValueError(
            "UDR compares two models or more: codes (N, Z) of each, of the same images, and KL (Z,) of each, not "
            f"{[c.shape for c in codes]} and {[a.shape for a in active]}."
        )
    alive = tuple(codes_NZ[:, active_Z] for codes_NZ, active_Z in zip(codes, active, strict=True))
    return with_errors(lambda *codes: _ranking(codes, kind), alive, bootstrap=bootstrap, seed=seed)


def _ranking(codes: Sequence[np.ndarray], kind: str) -> dict[str, float]:
    codes = [standardised(codes_NZ, len(codes_NZ)) if codes_NZ.size else codes_NZ for codes_NZ in codes]
    relation = _lasso if kind == "lasso" else _spearman
    each = [
        float(np.median([pair_score(relation(codes[m], codes[model])) for m in range(len(codes)) if m != model]))
        for model in range(len(codes))
    ]
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


def _lasso(from_NZ: np.ndarray, to_NZ: np.ndarray) -> np.ndarray:
    """Of each latent of one model (rows) and each of the other's (columns), not negative."""
    if not from_NZ.size or not to_NZ.size:
        return np.zeros((from_NZ.shape[1], to_NZ.shape[1]))
    # Imported here: the registry of scores is read by commands that must be quick.
    from sklearn.linear_model import Lasso

    return np.abs(np.atleast_2d(Lasso(alpha=ALPHA).fit(from_NZ, to_NZ).coef_)).T


def _spearman(from_NZ: np.ndarray, to_NZ: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    ranks = [rankdata(codes, axis=0) if codes.size else codes for codes in (from_NZ, to_NZ)]
    centred = [r - r.mean(0) for r in ranks]
    scale = np.sqrt((centred[0] ** 2).sum(0))[:, None] * np.sqrt((centred[1] ** 2).sum(0))
    product = centred[0].T @ centred[1]
    return np.abs(np.divide(product, scale, out=np.zeros_like(product), where=scale > 0))
