"""The best split of every node of many regression trees at once, exactly: any row may be the threshold.

Each code is cut into bins of about as many rows, and the sums of all trees over all bins are one product of a sparse
matrix. They give the gain of a threshold at every edge of a bin, and a bound for those within. Only where the bound
exceeds the best edge are the rows themselves looked at, which are about one in a hundred.

The gain of a split is the squared error that it saves, N D² / (n (N − n)): of the node's N rows n go to the left, and D
is the sum of the left residuals less n times the node's mean. Within a bin D rises at most by the residuals above the
mean there. Letters: N rows, R rows that fit (which come first), Z codes, B bins, E = B + 1 edges, M nodes of a level,
K trees, S bins that are looked into, P places of rows in them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

BINS = 200
TIE = np.float32(1e-6)
"""Gains that differ by less than this part are equal: copies of a code differ by rounding."""


Positive = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Of all residuals that may be positive the row (O,), the tree (O,) and the bin of each code (Z, O)."""


class Sorted:
    """Codes prepared once for all trees."""

    def __init__(self, fit_RZ: np.ndarray, test_NZ: np.ndarray) -> None:
        # Imported here: the registry of scores is read by commands that must be quick.
        from scipy.sparse import csr_matrix

        rows, codes = fit_RZ.shape
        self.rank_NZ = np.stack([_ranks(*pair) for pair in zip(fit_RZ.T, test_NZ.T, strict=True)], axis=1)
        rank_ZR = np.ascontiguousarray(self.rank_NZ[:rows].T)
        self.row_ZR = np.argsort(rank_ZR, axis=1, kind="stable")
        self.sorted_ZR = np.take_along_axis(rank_ZR, self.row_ZR, axis=1)
        last = [_last_ranks(rank_R) for rank_R in self.sorted_ZR]
        bins = max(map(len, last))
        # Of each edge the rank up to which rows are on the left; nothing is left of the first.
        self.cut_ZE = np.stack([np.concatenate([[-1], each, np.full(bins - len(each), each[-1])]) for each in last])
        self.bin_ZR = np.stack([np.searchsorted(each, rank_R) for each, rank_R in zip(last, rank_ZR, strict=True)])
        cell_ZR = self.bin_ZR + bins * np.arange(codes)[:, None]
        count_ZB = np.bincount(cell_ZR.ravel(), minlength=codes * bins).reshape(codes, bins)
        self.start_ZE = np.concatenate([np.zeros((codes, 1), np.int64), np.cumsum(count_ZB, axis=1)], axis=1)
        ends = self.start_ZE[:, :-1].clip(max=rows - 1), (self.start_ZE[:, 1:] - 1).clip(min=0)
        first_ZB, final_ZB = (np.take_along_axis(self.sorted_ZR, end, axis=1) for end in ends)
        self.several_ZB = (count_ZB > 1) & (first_ZB < final_ZB)
        start = np.append(0, np.cumsum(count_ZB))
        ones = np.ones(codes * rows, np.float32)
        self._member: Any = csr_matrix((ones, self.row_ZR.ravel(), start), shape=(codes * bins, rows))
        self.count_ZE = self.below(np.ones((rows, 1), np.float32))[:, :, 0]

    def positive(self, is_RK: np.ndarray) -> Positive:
        """Where a residual may be positive: where the row is of the tree's class."""
        row_O, tree_O = np.nonzero(is_RK)
        return row_O, tree_O, self.bin_ZR[:, row_O]

    def below(self, column_RK: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Sums (Z, E, K) of columns over the rows up to each edge."""
        codes, edges = self.cut_ZE.shape
        sum_ZEK = np.empty((codes, edges, column_RK.shape[1]), np.float32) if out is None else out
        sum_ZEK[:, 0] = 0
        np.cumsum((self._member @ column_RK).reshape(codes, edges - 1, -1), axis=1, out=sum_ZEK[:, 1:])
        return sum_ZEK


def _ranks(fit_R: np.ndarray, test_N: np.ndarray) -> np.ndarray:
    """The place of each row's value, of both one behind the other, among the values of those that fit."""
    value_R = np.unique(fit_R.astype(np.float64))
    halfway = (value_R[1:] + value_R[:-1]) / 2
    rank_N = np.searchsorted(halfway, np.concatenate([fit_R, test_N]))
    return rank_N.astype(np.int16 if len(value_R) < 2**15 else np.int32)


def _last_ranks(sorted_R: np.ndarray) -> np.ndarray:
    """The last rank of each bin: as many rows in each, or one rank in each where they are few."""
    if sorted_R[-1] < BINS:
        return np.arange(sorted_R[-1] + 1)
    return np.unique(sorted_R[np.arange(1, BINS + 1) * len(sorted_R) // BINS - 1])


class Level:
    """One level of the trees: the residuals, the node that each row is in, and the sums up to each edge."""

    def __init__(
        self,
        codes: Sorted,
        residual_RK: np.ndarray,
        positive: Positive,
        node_RK: np.ndarray,
        sum_ZEMK: np.ndarray,
        count_ZEMK: np.ndarray,
    ) -> None:
        """Trees may share counts: those have K = 1 then."""
        self.codes, self.residual_RK, self.positive, self.node_RK = codes, residual_RK, positive, node_RK
        self.sum_ZEMK, self.count_ZEMK = sum_ZEMK, count_ZEMK
        self.rows_MK = np.broadcast_to(count_ZEMK[0, -1], sum_ZEMK.shape[2:])
        self.mean_MK = sum_ZEMK[0, -1] / np.maximum(self.rows_MK, 1)

    def best(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Code, largest rank on the left, and gain of the best split of each node, (M, K).

        Of splits by several codes that are equally good, chance takes one.
        """
        row_O, tree_O, bin_ZO = self.positive
        node_O = self.node_RK[row_O, tree_O]
        above_O = np.maximum(self.residual_RK[row_O, tree_O] - self.mean_MK[node_O, tree_O], 0)
        column_O = node_O.astype(np.int64) * self.mean_MK.shape[1] + tree_O
        gain_ZMK = np.empty((len(self.sum_ZEMK), *self.mean_MK.shape), np.float32)
        cut_ZMK = np.empty(gain_ZMK.shape, np.int64)
        best_MK, found = np.zeros_like(self.mean_MK), []
        # One code after another: its sums stay in the processor's cache.
        for z, cut_E in enumerate(self.codes.cut_ZE):
            out_EMK, per_EMK, edge_MK, gain_ZMK[z] = self._edges(z)
            cut_ZMK[z] = cut_E[edge_MK]
            np.maximum(best_MK, gain_ZMK[z], out=best_MK)
            cell_O = bin_ZO[z] * best_MK.size + column_O
            bound_BMK = self._bound(z, out_EMK, per_EMK, cell_O, above_O)
            place = np.flatnonzero(bound_BMK >= best_MK * (1 - TIE))
            found.append((np.full(len(place), z), place, bound_BMK.ravel()[place]))
        z_S, place_S, bound_S = map(np.concatenate, zip(*found, strict=True))
        b_S, m_S, k_S = np.unravel_index(place_S, bound_BMK.shape)
        still_S = bound_S >= best_MK[m_S, k_S] * (1 - TIE)
        if still_S.any():
            self._look_within((z_S[still_S], b_S[still_S], m_S[still_S], k_S[still_S]), gain_ZMK, cut_ZMK)
        code_MK = (gain_ZMK * (1 + TIE * rng.random(gain_ZMK.shape, np.float32))).argmax(0)
        cut_MK, gain_MK = (np.take_along_axis(each, code_MK[None], 0)[0] for each in (cut_ZMK, gain_ZMK))
        return code_MK, cut_MK.astype(self.codes.rank_NZ.dtype), gain_MK * self.rows_MK

    def _edges(self, z: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """D and 1 / (n (N − n)) at the edges of one code (E, M, K), and the best edge and its gain (M, K)."""
        out_EMK = self.count_ZEMK[z] * self.mean_MK
        np.subtract(self.sum_ZEMK[z], out_EMK, out=out_EMK)
        per_EMK = _per(self.count_ZEMK[z], self.count_ZEMK[z, -1])
        gain_EMK = out_EMK * out_EMK
        gain_EMK *= per_EMK
        edge_MK = gain_EMK.argmax(0)
        return out_EMK, per_EMK, edge_MK, np.take_along_axis(gain_EMK, edge_MK[None], 0)[0]

    def _bound(
        self, z: int, out_EMK: np.ndarray, per_EMK: np.ndarray, cell_O: np.ndarray, above_O: np.ndarray
    ) -> np.ndarray:
        """No gain within a bin exceeds this, (B, M, K); −1 where no threshold fits within."""
        count_BMK = self.count_ZEMK[z, 1:] - self.count_ZEMK[z, :-1]
        rise_BMK = count_BMK * np.maximum(-self.mean_MK, 0)
        np.add.at(rise_BMK.reshape(-1), cell_O, above_O)
        bound_BMK = rise_BMK - out_EMK[1:]
        rise_BMK += out_EMK[:-1]
        np.maximum(bound_BMK, rise_BMK, out=bound_BMK)
        bound_BMK *= bound_BMK
        bound_BMK *= np.maximum(per_EMK[:-1], per_EMK[1:])
        np.copyto(bound_BMK, -1, where=(count_BMK < 2) | ~self.codes.several_ZB[z, :, None, None])
        return bound_BMK

    def _look_within(self, place: tuple[np.ndarray, ...], gain_ZMK: np.ndarray, cut_ZMK: np.ndarray) -> None:
        """Put the best thresholds within bins in the place of edges, where they are better."""
        codes, (z_S, b_S, m_S, k_S) = self.codes, place
        count_S = np.broadcast_to(self.count_ZEMK, self.sum_ZEMK.shape)[place].astype(np.float64)
        mean_S, rows_S = self.mean_MK[m_S, k_S], self.rows_MK[m_S, k_S]
        length_S = codes.start_ZE[z_S, b_S + 1] - codes.start_ZE[z_S, b_S]
        first_S = np.cumsum(length_S) - length_S
        bin_P = np.repeat(np.arange(len(z_S)), length_S)
        at_P = np.arange(len(bin_P)) + (z_S * codes.row_ZR.shape[1] + codes.start_ZE[z_S, b_S] - first_S)[bin_P]
        cell_P = codes.row_ZR.ravel()[at_P] * self.node_RK.shape[1] + k_S[bin_P]
        inside_P = self.node_RK.ravel()[cell_P] == m_S[bin_P]
        value_P = np.where(inside_P, self.residual_RK.ravel()[cell_P], 0).astype(np.float64)
        sum_P, left_P = np.cumsum(value_P), np.cumsum(inside_P)
        # Sums go on from the edge before the bin.
        sum_P += (self.sum_ZEMK[place] - sum_P[first_S] + value_P[first_S])[bin_P]
        left_P = left_P + (count_S - left_P[first_S] + inside_P[first_S])[bin_P]
        gain_P = (sum_P - left_P * mean_S[bin_P]) ** 2 * _per(left_P, rows_S[bin_P])
        rank_P = codes.sorted_ZR.ravel()[at_P]
        # No threshold fits between rows of the same value; the last row of a bin is an edge.
        gain_P[:-1][rank_P[:-1] == rank_P[1:]] = -1
        gain_S = np.maximum.reduceat(gain_P, first_S)
        is_P = np.flatnonzero(gain_P == gain_S[bin_P])[::-1]
        cut_S = np.empty(len(z_S), np.int64)
        cut_S[bin_P[is_P]] = rank_P[is_P]
        order_S = np.argsort(gain_S, kind="stable")
        order_S = order_S[gain_S[order_S] > gain_ZMK[z_S, m_S, k_S][order_S]]
        # The last of several is the best.
        best = z_S[order_S], m_S[order_S], k_S[order_S]
        gain_ZMK[best], cut_ZMK[best] = gain_S[order_S], cut_S[order_S]


def _per(left: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """1 / (n (N − n)); where a side has no row, D is 0."""
    right = np.maximum(rows - left, 1)
    right *= np.maximum(left, 1)
    return np.divide(1, right, out=right)
