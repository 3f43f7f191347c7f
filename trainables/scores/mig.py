"""Mutual information gap: how far one code alone knows each factor.

Chen et al. 2018 (arXiv 1802.04942), with the discretisation of Locatello et al. 2019 (arXiv
1811.12359): each code in 20 bins of equal width over its own range. The gap of a factor is the
largest mutual information with a code minus the second largest, divided by the factor's entropy;
the score is the mean over factors. Letters: N rows, Z codes, F factors.
"""

from __future__ import annotations

import numpy as np

from trainables.scores import Metric

BINS = 20
POINTS = 10_000
"""Rows of the definition. With fewer, every mutual information is biased upward, noise's too."""

GIVES = (
    Metric(
        name="score/mig",
        direction="maximize",
        needs=("factors",),
        ceiling="1; with 20 bins only 0.85 for a factor of 32 values and 0.81 for one of 40",
        floor="0",
    ),
)


def score(codes_NZ: np.ndarray, factors_NF: np.ndarray, *, seed: int = 0) -> dict[str, float]:
    """``{"mig": …}`` in [0, 1] of finite codes and integer factors; ``seed`` is not used.

    A factor with one value has no entropy and is left out of the mean. Raises ``ValueError`` when
    none is left, and for arrays that do not fit.
    """
    codes_NZ, factors_NF = checked(codes_NZ, factors_NF)
    bins_NZ = np.stack([_bins(code_N) for code_N in codes_NZ.T], axis=1)
    gaps = []
    for factor_N in factors_NF.T:
        values, index_N = np.unique(factor_N, return_inverse=True)
        if len(values) < 2:
            continue
        information_Z = _information(bins_NZ, index_N, len(values))
        second, first = np.sort(np.append(information_Z, 0.0))[-2:]
        share = np.bincount(index_N) / len(index_N)
        gaps.append((first - second) / -(share * np.log(share)).sum())
    if not gaps:
        raise ValueError("Every factor has a single value in these rows; MIG needs one that varies.")
    return {"mig": float(np.mean(gaps))}


def checked(codes_NZ: np.ndarray, factors_NF: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays, codes in float32 or float64.

    Raises ``ValueError`` unless they are finite, integer and of N ≥ 2 rows each.
    """
    codes_NZ, factors_NF = np.asarray(codes_NZ), np.asarray(factors_NF)
    if codes_NZ.ndim != 2 or factors_NF.ndim != 2 or len(codes_NZ) != len(factors_NF):
        raise ValueError(
            f"Codes and factors must be matrices with the same rows, not {codes_NZ.shape} and {factors_NF.shape}."
        )
    if len(codes_NZ) < 2 or not codes_NZ.shape[1] or not factors_NF.shape[1]:
        raise ValueError(
            f"Codes and factors need at least 2 rows and a column, not {codes_NZ.shape} and {factors_NF.shape}."
        )
    if not np.issubdtype(factors_NF.dtype, np.integer):
        raise ValueError(f"Factors must be integers, one for each value, not {factors_NF.dtype}.")
    if codes_NZ.dtype not in (np.float32, np.float64):
        codes_NZ = codes_NZ.astype(np.float64)
    if not np.isfinite(codes_NZ).all():
        raise ValueError("Codes must be finite numbers.")
    return codes_NZ, factors_NF


def _bins(code_N: np.ndarray) -> np.ndarray:
    low, high = code_N.min(), code_N.max()
    if high - low <= 100 * np.finfo(code_N.dtype).eps * max(abs(low), abs(high)):
        # Constant but for rounding: so narrow a range cannot be cut into 20.
        return np.zeros(len(code_N), np.int64)
    # Without the last edge, the largest value falls into the last bin and not into one of its own.
    edges = np.histogram_bin_edges(code_N, BINS)[:-1]
    return np.searchsorted(edges, code_N, side="right") - 1


def _information(bins_NZ: np.ndarray, index_N: np.ndarray, values: int) -> np.ndarray:
    """Mutual information (Z,) of discretised codes with a factor of ``values`` values, in nats."""
    rows, latents = bins_NZ.shape
    cell_NZ = (bins_NZ + BINS * np.arange(latents)) * values + index_N[:, None]
    counts = np.bincount(cell_NZ.ravel(), minlength=latents * BINS * values)
    joint_ZBV = counts.reshape(latents, BINS, values) / rows
    independent_ZBV = joint_ZBV.sum(2, keepdims=True) * joint_ZBV.sum(1, keepdims=True)
    seen = joint_ZBV > 0
    ratio = np.divide(joint_ZBV, independent_ZBV, out=np.ones_like(joint_ZBV), where=seen)
    return (joint_ZBV * np.log(ratio)).sum((1, 2))
