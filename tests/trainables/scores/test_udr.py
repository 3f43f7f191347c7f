"""UDR: identical models agree, noise does not, collapsed models score nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.scores import udr


def models(count: int = 3, points: int = 400, latents: int = 4) -> np.ndarray:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(points, latents))
    return np.stack([truth[:, rng.permutation(latents)] * rng.choice([-1, 1], latents) for _ in range(count)])


@pytest.mark.parametrize(("correlation", "least"), [("lasso", 0.85), ("spearman", 0.75)])
def test_permuted_and_mirrored_models_agree_and_rotated_ones_do_not(correlation, least):
    codes = models()
    alive = np.ones(codes.shape[::2])
    same = udr.score(codes, alive, correlation=correlation)["udr"]
    rng = np.random.default_rng(1)
    rotated = np.stack([c @ np.linalg.qr(rng.normal(size=(4, 4)))[0] for c in codes])
    assert same > least > udr.score(rotated, alive, correlation=correlation)["udr"]


def test_a_perfect_pair_scores_one_and_known_pairs_what_the_formula_says():
    assert udr.pair_score(np.eye(3)) == 1.0
    assert udr.pair_score(np.full((2, 2), 0.5)) == pytest.approx(0.25)
    assert udr.pair_score(np.zeros((2, 2))) == 0.0
    assert udr.pair_score(np.zeros((0, 2))) == 0.0


@given(st.integers(0, 10_000))
def test_pair_score_does_not_mind_the_order(seed):
    rng = np.random.default_rng(seed)
    relation = rng.random((4, 3))
    shuffled = relation[rng.permutation(4)][:, rng.permutation(3)]
    assert udr.pair_score(shuffled) == pytest.approx(udr.pair_score(relation))
    assert udr.pair_score(relation.T) == pytest.approx(udr.pair_score(relation))


def test_dead_latents_take_no_part():
    codes = models(latents=3)
    rng = np.random.default_rng(2)
    more = np.concatenate([codes, rng.normal(size=(*codes.shape[:2], 2))], axis=2)
    kl = np.concatenate([np.ones((3, 3)), np.zeros((3, 2))], axis=1)
    alive = np.ones((3, 3))
    assert udr.score(more, kl) == pytest.approx(udr.score(codes, alive))
    assert udr.score(codes, np.zeros((3, 3)))["udr"] == 0.0


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="two models"):
        udr.score(models(1), np.ones((1, 4)))
    with pytest.raises(ValueError, match="KL"):
        udr.score(models(2), np.ones((2, 3)))
    with pytest.raises(ValueError, match="correlations are"):
        udr.score(models(2), np.ones((2, 4)), correlation="pearson")
