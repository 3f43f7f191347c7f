"""Encoded rows: the codes of images beside the factors that the images were made from, checked once for every score.

Where a score fits a model, the first two thirds of the rows fit it and the last third tests it, without shuffling.
Letters: N rows, Z codes, F factors.
"""

from __future__ import annotations

import numpy as np

CONSTANT = 1e-6
"""Codes whose standard deviation is below this part of their size are constant but for rounding."""


def checked(
    codes_NZ: np.ndarray, factors_NF: np.ndarray, points: int = 2, *, real: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays: codes as ``finite`` has them, factors as integers, or with ``real`` as float64.

    Raises ``ValueError`` unless they are finite, with the same N ≥ ``points`` rows, and factors are integers (or
    ``real`` is given).
    """
    codes_NZ, factors_NF = np.asarray(codes_NZ), np.asarray(factors_NF)
    if codes_NZ.ndim != 2 or factors_NF.ndim != 2 or len(codes_NZ) != len(factors_NF):
        raise ValueError(
            f"Codes and factors must be matrices with the same rows, not {codes_NZ.shape} and {factors_NF.shape}."
        )
    if not codes_NZ.shape[1] or not factors_NF.shape[1]:
        raise ValueError(f"Codes and factors need a column or more, not {codes_NZ.shape} and {factors_NF.shape}.")
    if real:
        factors_NF = factors_NF.astype(np.float64)
        if not np.isfinite(factors_NF).all():
            raise ValueError("Factors must be finite numbers.")
    elif not np.issubdtype(factors_NF.dtype, np.integer):
        raise ValueError(
            f"Factors must be integers, one for each value, not {factors_NF.dtype}; number the values of a factor "
            "with np.unique(values, return_inverse=True)[1], and cut one that is continuous into intervals first."
        )
    return finite(codes_NZ, points), factors_NF


def finite(codes_NZ: np.ndarray, points: int = 2) -> np.ndarray:
    """Codes in float32 or float64; one that is constant but for the rounding of float32 is made constant.

    A model that is fitted, or a range that is cut into bins, would find factors in the rounding. Raises ``ValueError``
    unless they are a finite matrix of N ≥ ``points`` rows.
    """
    codes_NZ = np.asarray(codes_NZ)
    if codes_NZ.ndim != 2 or not codes_NZ.shape[1]:
        raise ValueError(f"Codes must be a matrix, one row for each image, not {codes_NZ.shape}.")
    if len(codes_NZ) < points:
        raise ValueError(f"Too few rows: this score needs at least {points} rows, not {len(codes_NZ)}.")
    if codes_NZ.dtype not in (np.float32, np.float64):
        codes_NZ = codes_NZ.astype(np.float64)
    if not np.isfinite(codes_NZ).all():
        raise ValueError("Codes must be finite numbers.")
    return np.where(constant(codes_NZ), codes_NZ[0], codes_NZ)


def fitting(rows: int) -> int:
    """How many of the rows, from the first on, fit a model; the others test it."""
    return 2 * rows // 3


def varying(factors_NF: np.ndarray, rows: int | None = None) -> np.ndarray:
    """The factors that take two values or more among the first ``rows`` rows (all of them).

    Raises ``ValueError`` when there is none.
    """
    first_NF = factors_NF[:rows]
    varies_F = (first_NF != first_NF[0]).any(0)
    if not varies_F.any():
        raise ValueError(f"Every factor has a single value in {len(first_NF)} rows; a score needs one that varies.")
    return factors_NF[:, varies_F]


def constant(codes_NZ: np.ndarray) -> np.ndarray:
    """Which codes are the same in every row, but for the rounding of float32: bool (Z,)."""
    return codes_NZ.std(0, dtype=np.float64) <= CONSTANT * np.abs(codes_NZ).max(0)


def standardised(codes_NZ: np.ndarray, rows: int) -> np.ndarray:
    """Codes, in float64, with the mean 0 and the deviation 1 in the first ``rows`` rows; 0 where constant there."""
    fit_NZ = codes_NZ[:rows].astype(np.float64)
    dead_Z = constant(fit_NZ)
    scale_Z = np.where(dead_Z, 1.0, fit_NZ.std(0))
    return np.where(dead_Z, 0.0, codes_NZ - fit_NZ.mean(0)) / scale_Z
