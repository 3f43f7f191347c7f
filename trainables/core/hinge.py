"""Support vector machines on one code alone, one class against the rest, for many classes and codes at once.

For each code x and class k the minimum over weight w and intercept b of

    ½ (w² + b²) + Σ C_i max(0, 1 − y_i (w x_i + b))²,   y_i = 1 for the class and −1 for the rest:

the squared hinge loss with a penalised intercept that LIBLINEAR has (Fan et al. 2008, JMLR 9). ``C_i`` is ``COST``
times the class's balanced weight, rows / (classes · rows of it), for the class, and for the rest ``COST`` alone, as
LIBLINEAR weighs one against the rest; between two classes both weigh.

Rows within the margin are, with the rows sorted by their code, a range. So each of Newton's steps is exact and needs
no row but a few sums up to a rank, looked up for all codes and classes together.

Letters: N rows, Z codes, L classes (one machine between two), M = N + 1 sums of the first rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COST = 0.01
STEPS, HALVINGS = 100, 30
SMALL = 1e-9
"""A relative change that is none."""
SMALLEST = 1e-150
"""In place of a weight of 0, by which a margin would be at infinity."""


class Sorted:
    """Codes prepared once for all factors."""

    def __init__(self, codes_NZ: np.ndarray) -> None:
        code_ZN = np.ascontiguousarray(codes_NZ.T, np.float64)
        # About their mean, so that squares do not cancel; the intercept's penalty is that of the codes as given.
        self.mean_Z = code_ZN.mean(1)
        self.order_ZN = np.argsort(code_ZN, axis=1, kind="stable")
        self.code_ZN = np.take_along_axis(code_ZN, self.order_ZN, axis=1) - self.mean_Z[:, None]
        self.sums_3ZM = _sums(self.code_ZN)

    def fit(self, index_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights and intercepts, (Z, L), for classes ``index_N``: whole numbers from 0, two or more, each there."""
        problem = _Problem.of(self, index_N)
        weight_ZL = np.zeros((len(self.mean_Z), len(problem.class_L)))
        intercept_ZL = np.zeros_like(weight_ZL)
        loss_ZL, *aim = problem.at(weight_ZL, intercept_ZL)
        for _ in range(STEPS):
            move = aim[0] - weight_ZL, aim[1] - intercept_ZL
            size = np.abs(weight_ZL), np.abs(intercept_ZL)
            if all((np.abs(m) <= SMALL * (SMALL + s)).all() for m, s in zip(move, size, strict=True)):
                break
            length_ZL = np.ones_like(weight_ZL)
            for _ in range(HALVINGS):
                tried = weight_ZL + length_ZL * move[0], intercept_ZL + length_ZL * move[1]
                loss_there_ZL, *aim = problem.at(*tried)
                worse_ZL = loss_there_ZL > loss_ZL * (1 + SMALL)
                if not worse_ZL.any():
                    break
                length_ZL = np.where(worse_ZL, length_ZL / 2, length_ZL)
            (weight_ZL, intercept_ZL), loss_ZL = tried, loss_there_ZL
        return weight_ZL, intercept_ZL - weight_ZL * self.mean_Z[:, None]


@dataclass(frozen=True, kw_only=True)
class _Problem:
    """The machines of one factor."""

    codes: Sorted
    class_L: np.ndarray
    own_cost_L: np.ndarray
    other_cost_L: np.ndarray
    first_L: np.ndarray
    """Where the rows of each class begin among the rows sorted by class."""
    count_L: np.ndarray
    key_C: np.ndarray
    """Code, class and rank of each row as one number, ascending: C = Z · N."""
    code_span: int
    """From a code to the next in ``key_C``."""
    sums_3ZM: np.ndarray
    """Sums over the rows sorted by class and then by code."""

    @classmethod
    def of(cls, codes: Sorted, index_N: np.ndarray) -> _Problem:
        latents, rows = codes.code_ZN.shape
        count_L = np.bincount(index_N)
        values = len(count_L)
        index_ZN = index_N.astype(np.min_scalar_type(values))[codes.order_ZN]
        by_class_ZN = np.argsort(index_ZN, axis=1, kind="stable")
        key_ZN = np.repeat(np.arange(values), count_L) * rows + by_class_ZN
        balanced_L = rows / (values * count_L)
        class_L = np.array([1]) if values == 2 else np.arange(values)
        return cls(
            codes=codes,
            class_L=class_L,
            own_cost_L=COST * balanced_L[class_L],
            other_cost_L=COST * (balanced_L[:1] if values == 2 else np.ones(values)),
            first_L=(np.cumsum(count_L) - count_L)[class_L],
            count_L=count_L[class_L],
            key_C=(key_ZN + np.arange(latents)[:, None] * (values * rows)).ravel(),
            code_span=values * rows,
            sums_3ZM=_sums(np.take_along_axis(codes.code_ZN, by_class_ZN, axis=1)),
        )

    def at(self, weight_ZL: np.ndarray, intercept_ZL: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The loss, and the weight and intercept that are best for the rows that are within the margin here, (Z, L)."""
        divisor_ZL = np.where(weight_ZL == 0, SMALLEST, weight_ZL)
        rising_ZL = divisor_ZL > 0
        rank_ZL = self._rank((1 - intercept_ZL) / divisor_ZL)
        low_3ZL, high_3ZL = self._own(rank_ZL)
        own_3ZL = self.own_cost_L * np.where(rising_ZL, low_3ZL, high_3ZL)
        rank_ZL = self._rank((-1 - intercept_ZL) / divisor_ZL)
        low_3ZL, high_3ZL = self._own(rank_ZL)
        all_3ZL = self.codes.sums_3ZM[:, np.arange(len(rank_ZL))[:, None], rank_ZL]
        rest_3ZL = self.codes.sums_3ZM[:, :, -1:] - all_3ZL
        other_3ZL = self.other_cost_L * np.where(rising_ZL, rest_3ZL - high_3ZL, all_3ZL - low_3ZL)
        rows_ZL, sum_ZL, square_ZL = own_3ZL + other_3ZL
        rows_y_ZL, sum_y_ZL, _ = own_3ZL - other_3ZL
        mean_Z1 = self.codes.mean_Z[:, None]
        loss_ZL = (
            (weight_ZL**2 + (intercept_ZL - weight_ZL * mean_Z1) ** 2) / 2
            + weight_ZL**2 * square_ZL
            + 2 * weight_ZL * intercept_ZL * sum_ZL
            + intercept_ZL**2 * rows_ZL
            - 2 * (weight_ZL * sum_y_ZL + intercept_ZL * rows_y_ZL)
            + rows_ZL
        )
        ww_ZL, wb_ZL, bb_ZL = 1 + mean_Z1**2 + 2 * square_ZL, 2 * sum_ZL - mean_Z1, 1 + 2 * rows_ZL
        determinant_ZL = ww_ZL * bb_ZL - wb_ZL**2
        best_weight_ZL = 2 * (bb_ZL * sum_y_ZL - wb_ZL * rows_y_ZL) / determinant_ZL
        best_intercept_ZL = 2 * (ww_ZL * rows_y_ZL - wb_ZL * sum_y_ZL) / determinant_ZL
        return loss_ZL, best_weight_ZL, best_intercept_ZL

    def _rank(self, threshold_ZL: np.ndarray) -> np.ndarray:
        """How many rows of each code lie below a threshold."""
        return np.stack([np.searchsorted(x_N, t_L) for x_N, t_L in zip(self.codes.code_ZN, threshold_ZL, strict=True)])

    def _own(self, rank_ZL: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sums (3, Z, L) over the class's rows among the first ``rank_ZL`` rows, and over its others."""
        latents, rows = self.codes.code_ZN.shape
        code_Z1 = np.arange(latents)[:, None]
        sought_ZL = code_Z1 * self.code_span + self.class_L * rows + rank_ZL
        place_ZL = np.searchsorted(self.key_C, sought_ZL) - code_Z1 * rows
        here_3ZL = self.sums_3ZM[:, code_Z1, place_ZL]
        return (
            here_3ZL - self.sums_3ZM[:, code_Z1, self.first_L],
            self.sums_3ZM[:, code_Z1, self.first_L + self.count_L] - here_3ZL,
        )


def _sums(code_ZN: np.ndarray) -> np.ndarray:
    """Of no row, the first row, the first two, …: how many they are, their codes' sum and their squares' sum."""
    latents, rows = code_ZN.shape
    sums_3ZM = np.zeros((3, latents, rows + 1))
    sums_3ZM[0] = np.arange(rows + 1)
    np.cumsum(code_ZN, axis=1, out=sums_3ZM[1, :, 1:])
    np.cumsum(code_ZN**2, axis=1, out=sums_3ZM[2, :, 1:])
    return sums_3ZM
