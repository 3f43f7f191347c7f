"""UDR: identical models agree, noise does not, collapsed models score nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Lasso

from trainables.scores import udr


def models(count: int = 3, points: int = 400, latents: int = 4) -> np.ndarray:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(points, latents))
    return np.stack([truth[:, rng.permutation(latents)] * rng.choice([-1, 1], latents) for _ in range(count)])


@pytest.mark.parametrize(("kind", "least"), [("lasso", 0.85), ("spearman", 0.75)])
def test_permuted_and_mirrored_models_agree_and_rotated_ones_do_not(kind, least):
    codes = models()
    alive = np.ones(codes.shape[::2])
    same = udr.score(codes, alive, kind=kind)["udr"]
    rng = np.random.default_rng(1)
    rotated = np.stack([c @ np.linalg.qr(rng.normal(size=(4, 4)))[0] for c in codes])
    assert same > least > udr.score(rotated, alive, kind=kind)["udr"]


def test_the_lassos_penalty_takes_a_tenth_and_noise_has_nothing_in_common():
    codes = models(points=10_000)
    assert udr.score(codes, np.ones((3, 4)))["udr"] == pytest.approx(0.9, abs=0.001)
    assert udr.score(np.random.default_rng(3).normal(size=(3, 10_000, 4)), np.ones((3, 4)))["udr"] == 0.0


def test_a_models_score_is_the_median_over_others_that_predict_it():
    rng = np.random.default_rng(4)
    codes = models()[0] @ (np.eye(4) + 0.4 * rng.normal(size=(4, 4, 4)))
    codes = (codes - codes.mean(1, keepdims=True)) / codes.std(1, keepdims=True)
    found = udr.score(codes, np.ones((4, 4)))
    for model in range(4):
        pairs = [
            udr.pair_score(np.abs(Lasso(alpha=0.1).fit(codes[other], codes[model]).coef_.T))
            for other in range(4)
            if other != model
        ]
        assert found[f"udr_{model}"] == pytest.approx(np.median(pairs), abs=1e-9)
    assert found["udr"] == pytest.approx(np.mean([found[f"udr_{model}"] for model in range(4)]))


def test_models_may_differ_in_their_latents():
    codes = list(models())
    more = np.concatenate([codes[1], np.random.default_rng(2).normal(size=(400, 3))], axis=1)
    found = udr.score([codes[0], more, codes[2]], [np.ones(4), np.ones(7), np.ones(4)])
    same = udr.score(codes, np.ones((3, 4)))
    assert set(found) == {"udr", "udr_0", "udr_1", "udr_2"}
    assert found["udr_1"] < same["udr_1"]


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


@pytest.mark.parametrize("kind", udr.KINDS)
def test_dead_latents_take_no_part(kind):
    codes = models(latents=3)
    rng = np.random.default_rng(2)
    # A latent that is dead but for its KL still follows another: it must not predict in its place.
    more = np.concatenate([codes, codes[:, :, :1] + 0.1 * rng.normal(size=(3, 400, 1)), np.ones((3, 400, 1))], axis=2)
    kl = np.concatenate([np.ones((3, 3)), np.zeros((3, 2))], axis=1)
    alive = np.ones((3, 3))
    assert udr.score(more, kl, kind=kind) == pytest.approx(udr.score(codes, alive, kind=kind))
    assert udr.score(codes, np.zeros((3, 3)), kind=kind)["udr"] == 0.0
    # One model of constant codes, and one that is dead.
    codes[0] = 0.1
    found = udr.score(codes, np.array([[1.0] * 3, [1.0] * 3, [0.0] * 3]), kind=kind)
    assert found == {"udr": 0.0, "udr_0": 0.0, "udr_1": 0.0, "udr_2": 0.0}


@pytest.mark.parametrize("kind", udr.KINDS)
def test_standard_errors_of_each_model(kind):
    mixing = np.eye(4) + 0.4 * np.random.default_rng(4).normal(size=(3, 4, 4))
    errors = []
    for points in (200, 5000):
        codes = models(points=points) @ mixing
        without = udr.score(codes, np.ones((3, 4)), kind=kind)
        found = udr.score(codes, np.ones((3, 4)), kind=kind, bootstrap=10)
        assert {key: found[key] for key in without} == without
        errors.append([found[f"{key}_se"] for key in without])
    assert (np.array(errors[1]) < errors[0]).all() and min(errors[1]) > 0


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="two models"):
        udr.score(models(1), np.ones((1, 4)))
    with pytest.raises(ValueError, match="KL"):
        udr.score(models(2), np.ones((2, 3)))
    with pytest.raises(ValueError, match="KL"):
        udr.score(models(2), np.ones((3, 4)))
    with pytest.raises(ValueError, match="same images"):
        udr.score([models(1)[0], models(1, points=300)[0]], np.ones((2, 4)))
    with pytest.raises(ValueError, match="at least 100 rows, not 99"):
        udr.score(models(2)[:, :99], np.ones((2, 4)))
    with pytest.raises(ValueError, match="finite"):
        udr.score(models(2) * np.nan, np.ones((2, 4)))
    with pytest.raises(ValueError, match="kinds are lasso, spearman"):
        udr.score(models(2), np.ones((2, 4)), kind="pearson")
