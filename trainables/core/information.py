"""Mutual information of discretised codes with factors, in nats.

Each code is cut into 20 bins of equal width over its own range, as Locatello et al. 2019 (arXiv 1811.12359) do. It is
biased upward by about (bins − 1)(values − 1) / 2N nats, noise's too. Letters: N rows, Z codes, F factors, B bins,
V values of a factor.
"""

from __future__ import annotations

import numpy as np

BINS = 20


def bins(code_N: np.ndarray) -> np.ndarray:
    """The bin of each row, from 0 to 19; all 0 where the code is constant."""
    low, high = code_N.min(), code_N.max()
    if high - low <= 100 * np.finfo(code_N.dtype).eps * max(abs(low), abs(high)):
        # So narrow a range cannot be cut into 20.
        return np.zeros(len(code_N), np.int64)
    # Without the last edge, the largest value falls into the last bin and not into one of its own.
    edges = np.histogram_bin_edges(code_N, BINS)[:-1]
    return np.searchsorted(edges, code_N, side="right") - 1


def mutual_information(codes_NZ: np.ndarray, factors_NF: np.ndarray) -> np.ndarray:
    """(Z, F) of finite codes and integer factors; 0 for constant codes and for factors with one value."""
    rows, latents = codes_NZ.shape
    bins_ZN = np.stack([bins(code_N) for code_N in codes_NZ.T])
    # Not a sum of rounding: whether it is 0 tells whether a code knows anything.
    knows_Z = bins_ZN.any(1)
    found = []
    for factor_N in factors_NF.T:
        names, index_N = np.unique(factor_N, return_inverse=True)
        cell_ZN = (bins_ZN + BINS * np.arange(latents)[:, None]) * len(names) + index_N
        counts = np.bincount(cell_ZN.ravel(), minlength=latents * BINS * len(names))
        joint_ZBV = counts.reshape(latents, BINS, len(names)) / rows
        independent_ZBV = joint_ZBV.sum(2, keepdims=True) * joint_ZBV.sum(1, keepdims=True)
        ratio = np.divide(joint_ZBV, independent_ZBV, out=np.ones_like(joint_ZBV), where=joint_ZBV > 0)
        found.append(np.where(knows_Z, (joint_ZBV * np.log(ratio)).sum((1, 2)), 0.0))
    return np.stack(found, axis=1)


def entropy(factors_NF: np.ndarray) -> np.ndarray:
    """The entropy (F,) of the values of each factor."""
    shares = [np.unique(factor_N, return_counts=True)[1] / len(factor_N) for factor_N in factors_NF.T]
    return np.array([-(share * np.log(share)).sum() for share in shares])
