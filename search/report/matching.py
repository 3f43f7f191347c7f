"""Which latents of two models do the same: a one-to-one matching by the rank correlation of their codes.  Pure.

Both models encoded the same images. Letters: N images, Z latents of the one, V of the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WEAK = 0.3
"""Absolute correlation below which a pair is no match: of many latents some two always go together a little."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """A latent of the one and its partner among the other's, by number."""

    one: int
    other: int
    correlation: float
    """Spearman's; negative where one falls as the other rises."""

    @property
    def mirrored(self) -> bool:
        return self.correlation < 0.0


def correlation(one_NZ: np.ndarray, other_NV: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of every pair, (Z, V); 0 where a code never changes.

    Raises ``ValueError`` unless both have the same number of images.
    """
    if len(one_NZ) != len(other_NV):
        raise ValueError(f"Codes of {len(one_NZ)} and of {len(other_NV)} images cannot be of the same images.")
    return _standardised(one_NZ).T @ _standardised(other_NV)


def _standardised(codes_NZ: np.ndarray) -> np.ndarray:
    # Imported here: a ranking needs no scipy.
    from scipy.stats import rankdata

    ranks_NZ = rankdata(codes_NZ, axis=0) if codes_NZ.size else np.zeros(codes_NZ.shape)
    ranks_NZ -= ranks_NZ.mean(0) if len(ranks_NZ) else 0.0
    length_Z = np.linalg.norm(ranks_NZ, axis=0)
    return ranks_NZ / np.where(length_Z > 0.0, length_Z, 1.0)


def matched(one_NZ: np.ndarray, other_NV: np.ndarray) -> list[Match]:
    """The matching whose absolute correlations have the largest sum (Kuhn 1955), in the order of the one's latents.

    Pairs below ``WEAK`` are no matches. Raises ``ValueError`` unless both have the same number of images.
    """
    from scipy.optimize import linear_sum_assignment

    found_ZV = correlation(one_NZ, other_NV)
    pairs = zip(*linear_sum_assignment(-np.abs(found_ZV)), strict=True)
    each = (Match(one=int(z), other=int(v), correlation=float(found_ZV[z, v])) for z, v in pairs)
    return [match for match in each if abs(match.correlation) >= WEAK]
