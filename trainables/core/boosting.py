"""Gradient-boosted classification trees: how much each code serves to tell a class, and what is told.

The K-class algorithm of Friedman 2001 (Annals of Statistics 29, algorithm 6) with the settings that the field uses:
100 stages, rate 0.1, trees of depth 3, one for each class in each stage, and the squared error of the residuals as the
criterion. So it is scikit-learn's ``GradientBoostingClassifier``, but grows the trees of all classes together, and
finds their splits by sums over bins (``splits``).

Letters: N rows, R rows that fit (which come first), Z codes, E edges of bins, M nodes of a level, K trees of a stage:
one for each class, and one for two classes.
"""

from __future__ import annotations

import numpy as np

from trainables.core.splits import Level, Positive, Sorted

STAGES, RATE, DEPTH = 100, 0.1, 3


def fit(codes: Sorted, index_R: np.ndarray, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(importances (Z,), which sum to 1 or are all 0; class (N of test,) that is told of each row that tests).

    ``index_R`` are classes as whole numbers from 0, two or more, each of them there. Of splits that are equally good,
    as those by copies of a code are, chance takes one, by ``seed``.
    """
    rng, rows = np.random.default_rng(seed), len(index_R)
    share = np.log(np.bincount(index_R) / rows).astype(np.float32)
    two = len(share) == 2
    is_RK = (index_R[:, None] == (1 if two else np.arange(len(share)))).astype(np.float32)
    positive = codes.positive(is_RK)
    logit_NK = np.tile(share[1:] - share[:1] if two else share, (len(codes.rank_NZ), 1))
    importance_Z = np.zeros(codes.rank_NZ.shape[1])
    shrink = np.float32(RATE * (1 if two else (len(share) - 1) / len(share)))
    for _ in range(STAGES):
        residual_RK = is_RK - _probability(logit_NK[:rows])
        leaf_NK, saved_Z = _grow(codes, residual_RK, positive, rng)
        importance_Z += saved_Z
        logit_NK += np.take(shrink * _newton(leaf_NK[:rows], residual_RK), leaf_NK)
    # A constant code has no threshold, and saves nothing but rounding.
    importance_Z[codes.cut_ZE[:, -1] == 0] = 0
    told_N = (logit_NK[rows:, 0] > 0).astype(np.int64) if two else logit_NK[rows:].argmax(1)
    return importance_Z / max(importance_Z.sum(), 1e-300), told_N


def _grow(
    codes: Sorted, residual_RK: np.ndarray, positive: Positive, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """One tree for each column: (the leaf of each row in each tree, counted through; squared error saved by code)."""
    rows, trees = residual_RK.shape
    node_NK = np.zeros((len(codes.rank_NZ), trees), np.uint8)
    inside = [np.ones(node_NK.shape, bool)]
    sum_ZEMK = codes.below(residual_RK)[:, :, None]
    count_ZEMK = codes.count_ZE[:, :, None, None]
    saved_Z = np.zeros(codes.rank_NZ.shape[1])
    for level in range(DEPTH):
        code_MK, cut_MK, gain_MK = Level(codes, residual_RK, positive, node_NK[:rows], sum_ZEMK, count_ZEMK).best(rng)
        saved_Z += np.bincount(code_MK.ravel(), gain_MK.ravel(), len(saved_Z))
        right = [i & (codes.rank_NZ[:, c] > t) for i, c, t in zip(inside, code_MK, cut_MK, strict=True)]
        node_NK *= 2
        for right_NK in right:
            node_NK += right_NK.view(np.uint8)
        if level + 1 < DEPTH:
            left = [i & ~r for i, r in zip(inside, right, strict=True)]
            sum_ZEMK = _children(codes, sum_ZEMK, [left_NK[:rows] * residual_RK for left_NK in left])
            count_ZEMK = _children(codes, count_ZEMK, [left_NK[:rows].astype(np.float32) for left_NK in left])
            inside = [half for pair in zip(left, right, strict=True) for half in pair]
    return node_NK + 2**DEPTH * np.arange(trees), saved_Z


def _children(codes: Sorted, parent_ZEMK: np.ndarray, left_RK: list[np.ndarray]) -> np.ndarray:
    """The sums of the two children of each node, left and right in turns, from the columns of the left ones."""
    both = np.empty((*codes.cut_ZE.shape, 2 * len(left_RK), left_RK[0].shape[1]), np.float32)
    for node, column_RK in enumerate(left_RK):
        left_ZEK = codes.below(column_RK, out=both[:, :, 2 * node])
        np.subtract(parent_ZEMK[:, :, node], left_ZEK, out=both[:, :, 2 * node + 1])
    return both


def _probability(logit_NK: np.ndarray) -> np.ndarray:
    if logit_NK.shape[1] == 1:
        return 0.5 + 0.5 * np.tanh(0.5 * logit_NK)
    exp_NK = np.exp(logit_NK - logit_NK.max(1, keepdims=True))
    return exp_NK / exp_NK.sum(1, keepdims=True)


def _newton(leaf_RK: np.ndarray, residual_RK: np.ndarray) -> np.ndarray:
    """One Newton step for each leaf of each tree."""
    leaves = 2**DEPTH * leaf_RK.shape[1]
    certain_RK = np.abs(residual_RK)
    slope = np.bincount(leaf_RK.ravel(), residual_RK.ravel(), leaves)
    curvature = np.bincount(leaf_RK.ravel(), (certain_RK * (1 - certain_RK)).ravel(), leaves)
    return np.divide(slope, curvature, out=np.zeros(leaves), where=curvature > 1e-150).astype(np.float32)
