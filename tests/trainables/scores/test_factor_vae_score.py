"""The FactorVAE score against a plain implementation, known values, and chance."""

from __future__ import annotations

import numpy as np
import pytest

from trainables.scores import factor_vae_score as score

FEW = {"votes": 1500, "evaluations": 800, "variances": 2000}
SIZES = (3, 6, 8, 5)


def sample(rows, sizes=SIZES, seed=0):
    return np.random.default_rng(seed).integers(sizes, size=(rows, len(sizes)))


def both(represent, sizes=SIZES, rows=4000, **changes):
    """The score from ``represent``, and from encoded rows."""
    factors = sample(rows, sizes)
    codes = represent(factors, np.random.default_rng(1))
    settings = {**FEW, **changes}
    return [
        score.score(represent, sizes, **settings)["factor_vae_score"],
        score.score_rows(codes, factors, **settings)["factor_vae_score"],
    ]


def plain(represent, sizes, seed, votes=800, evaluations=400, batch=4):
    """The definition with a loop over batches."""
    rng = np.random.default_rng(seed)
    codes = represent(rng.integers(sizes, size=(2000, len(sizes))), rng)
    variance = codes.var(0, ddof=1)

    def ballot():
        held = rng.integers(len(sizes))
        factors = rng.integers(sizes, size=(batch, len(sizes)))
        factors[:, held] = factors[0, held]
        local = represent(factors, rng).var(0, ddof=1)
        return np.argmin(local / variance), held

    table = np.zeros((codes.shape[1], len(sizes)))
    for _ in range(votes):
        table[ballot()] += 1
    majority = table.argmax(1)
    return np.mean([majority[code] == held for code, held in (ballot() for _ in range(evaluations))])


def test_agrees_with_a_plain_implementation():
    # Two factors mixed in every code: a score between chance and one.
    mixing = np.array([[1, 0.8, 0, 0], [0, 1, 0.2, 0], [0, 0, 1, 0.9], [0.3, 0, 0, 1.0]])

    def represent(factors, rng):
        return factors / np.array(SIZES) @ mixing + 0.15 * rng.normal(size=factors.shape)

    expected = np.mean([plain(represent, SIZES, seed) for seed in range(4)])
    assert 0.4 < expected < 0.98
    found = np.mean([both(represent, batch=4, seed=seed) for seed in range(4)], axis=0)
    assert found == pytest.approx([expected] * 2, abs=0.05)


def test_perfect_codes():
    assert both(lambda factors, rng: factors * [1.0, -2.0, 0.3, 5.0]) == [1.0, 1.0]
    # More codes than factors, and one that says nothing.
    assert both(lambda factors, rng: np.concatenate([factors, factors, rng.normal(size=(len(factors), 1))], 1)) == [
        1.0,
        1.0,
    ]


def test_noise_is_at_chance():
    found = both(lambda factors, rng: rng.normal(size=(len(factors), 6)))
    assert all(0.2 < value < 0.35 for value in found)


def test_dead_codes_are_dropped():
    def represent(factors, rng):
        dead = np.concatenate([np.full((len(factors), 2), 0.1), 0.01 * factors[:, :1]], axis=1)
        return np.concatenate([dead, factors], axis=1).astype(np.float32)

    assert both(represent) == [1.0, 1.0]
    assert both(represent, prune=None) == [1.0, 1.0]


@pytest.mark.parametrize("prune", [0.05, None])
def test_no_active_code_scores_zero(prune):
    assert both(lambda f, rng: np.full((len(f), 3), 0.1, np.float32), prune=prune) == [0.0, 0.0]
    faint = both(lambda factors, rng: factors * 0.001, prune=prune)
    assert faint == ([0.0, 0.0] if prune else [1.0, 1.0])


def test_the_seed_decides():
    factors = sample(3000)
    codes = factors @ np.random.default_rng(0).normal(size=(4, 4)) + 0.0
    one, two, other = (score.score_rows(codes, factors, seed=s, **FEW) for s in (0, 0, 1))
    assert one == two != other


def test_order_and_sign_of_codes_change_nothing():
    factors = sample(3000)
    codes = factors @ np.random.default_rng(0).normal(size=(4, 4)) + 0.0
    expected = score.score_rows(codes, factors, **FEW)
    changed = codes[:, [2, 0, 3, 1]] * [-1.0, 1.0, -1.0, 1.0]
    assert score.score_rows(changed, factors, **FEW) == expected


def test_factors_with_one_value_are_never_held():
    assert both(lambda factors, rng: factors[:, :2] * 1.0, sizes=(4, 5, 1)) == [1.0, 1.0]
    with pytest.raises(ValueError, match="No factor takes two values"):
        score.score(lambda factors, rng: factors * 1.0, (1, 1))
    with pytest.raises(ValueError, match="No factor takes two values"):
        score.score_rows(np.random.default_rng(0).normal(size=(120, 2)), np.arange(120)[:, None])


@pytest.mark.parametrize("sizes", [(0, 3), (2.5, 3.0), ()])
def test_bad_sizes(sizes):
    with pytest.raises(ValueError, match=r"Factor sizes|No factor"):
        score.score(lambda factors, rng: factors * 1.0, sizes)
