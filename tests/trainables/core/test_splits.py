"""The best splits of many nodes against every threshold tried."""

from __future__ import annotations

import numpy as np
import pytest

from trainables.core import splits

ROWS, NODES, TREES = 200, 3, 4


def brute(code_R, residual_R):
    """The squared error that the best threshold of a code saves."""
    order = np.argsort(code_R, kind="stable")
    code, residual = code_R[order], residual_R[order]
    best = 0.0
    for n in range(1, len(code)):
        if code[n] > code[n - 1]:
            means = np.where(np.arange(len(code)) < n, residual[:n].mean(), residual[n:].mean())
            best = max(best, ((residual - residual.mean()) ** 2).sum() - ((residual - means) ** 2).sum())
    return best


@pytest.mark.parametrize("bins", [2, 7, 40, 1000])
@pytest.mark.parametrize("seed", range(4))
def test_every_node_gets_its_best_split(bins, seed, monkeypatch):
    monkeypatch.setattr(splits, "BINS", bins)
    rng = np.random.default_rng(seed)
    # A code of few values, one with many rows of the same value, one that is constant, and two of their own.
    codes = np.column_stack([
        rng.integers(5, size=ROWS), np.maximum(rng.normal(size=ROWS), 0), np.ones(ROWS), rng.normal(size=(ROWS, 2)),
    ])  # fmt: skip
    is_RK = (rng.integers(TREES, size=ROWS)[:, None] == np.arange(TREES)).astype(np.float32)
    residual_RK = is_RK - rng.dirichlet(np.ones(TREES), ROWS).astype(np.float32)
    node_RK = rng.choice(NODES, p=[0.9, 0.08, 0.02], size=(ROWS, TREES)).astype(np.uint8)
    prepared = splits.Sorted(codes, codes[:3])
    inside = [node_RK == node for node in range(NODES)]
    sums, counts = (
        np.stack([prepared.below(np.where(i, of, 0).astype(np.float32)) for i in inside], axis=2)
        for of in (residual_RK, np.ones_like(residual_RK))
    )
    level = splits.Level(prepared, residual_RK, prepared.positive(is_RK), node_RK, sums, counts)
    code_MK, cut_MK, gain_MK = level.best(rng)
    for node in range(NODES):
        for tree in range(TREES):
            row_R = inside[node][:, tree]
            expected = max(brute(code_R[row_R], residual_RK[row_R, tree]) for code_R in codes.T)
            assert gain_MK[node, tree] == pytest.approx(expected, rel=1e-4, abs=1e-5)
            left_R = row_R & (prepared.rank_NZ[:ROWS, code_MK[node, tree]] <= cut_MK[node, tree])
            residual = residual_RK[:, tree]
            halves = [residual[half] for half in (left_R, row_R & ~left_R) if half.any()]
            saved = sum(half.sum() ** 2 / len(half) for half in halves) - residual[row_R].sum() ** 2 / row_R.sum()
            assert saved == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_rows_that_test_are_ranked_among_those_that_fit():
    fit = np.array([[1.0], [3.0], [3.0], [7.0]])
    ranks = splits.Sorted(fit, np.array([[-9.0], [1.9], [2.1], [4.9], [5.1], [99.0]])).rank_NZ[:, 0]
    assert ranks.tolist() == [0, 1, 1, 2, 0, 0, 1, 1, 2, 2]
