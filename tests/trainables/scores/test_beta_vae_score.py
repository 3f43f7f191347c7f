"""The β-VAE score against a plain implementation, known values, and chance."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from tests_trainables.scores import rows

from trainables.scores import beta_vae_score as score

FEW = {"train": 1500, "evaluations": 800}
SIZES = (3, 6, 8, 5)


def both(represent, sizes=SIZES, count=4000, **changes):
    """The score from ``represent``, and from encoded rows."""
    factors = rows.factors(count, sizes)
    codes = represent(factors, np.random.default_rng(1))
    settings = {**FEW, **changes}
    return [
        score.score(represent, sizes, **settings)["beta_vae_score"],
        score.score_rows(codes, factors, **settings)["beta_vae_score"],
    ]


def plain(represent, sizes, seed, batch):
    """The definition with a loop over points."""
    rng = np.random.default_rng(seed)

    def point():
        held = rng.integers(len(sizes))
        one, other = rng.integers(sizes, size=(2, batch, len(sizes)))
        other[:, held] = one[:, held]
        return np.abs(represent(one, rng) - represent(other, rng)).mean(0), held

    points, held = map(np.array, zip(*(point() for _ in range(1500)), strict=True))
    model = LogisticRegression(max_iter=1000).fit(points[:1000], held[:1000])
    return model.score(points[1000:], held[1000:])


def test_agrees_with_a_plain_implementation():
    # Two factors mixed in every code: a score between chance and one.
    mixing = np.array([[1, 0.8, 0, 0], [0, 1, 0.2, 0], [0, 0, 1, 0.9], [0.3, 0, 0, 1.0]])

    def represent(factors, rng):
        return factors / np.array(SIZES) @ mixing + 0.15 * rng.normal(size=factors.shape)

    expected = np.mean([plain(represent, SIZES, seed, 8) for seed in range(4)])
    assert 0.5 < expected < 0.98
    found = np.mean([both(represent, batch=8, seed=seed) for seed in range(4)], axis=0)
    assert found == pytest.approx([expected] * 2, abs=0.05)


def test_perfect_codes_and_noise():
    assert both(lambda factors, rng: factors * [1.0, -2.0, 0.3, 5.0]) == [1.0, 1.0]
    assert both(lambda factors, rng: rng.normal(size=(len(factors), 6))) == pytest.approx([0.25, 0.25], abs=0.06)


def test_a_row_is_never_paired_with_itself():
    # Each value of the second factor has two rows: with itself, a row would differ in no code, and tell the factor.
    factors = np.column_stack([rows.factors(2000, (4,)), np.arange(2000) // 2])
    found = score.score_rows(rows.noise(2000), factors, **FEW)["beta_vae_score"]
    # A thousand pairs of noise differ a little from all pairs; half of them with themselves would make it 1.
    assert 0.45 < found < 0.75


def test_the_seed_decides():
    factors = rows.factors(3000, SIZES)
    codes = rows.mixed(factors)
    settings = {**FEW, "batch": 4}
    one, two, other = (score.score_rows(codes, factors, seed=s, **settings) for s in (0, 0, 1))
    assert one == two != other


def test_factors_with_one_value_are_never_held():
    assert both(lambda factors, rng: factors[:, :2] * 1.0, sizes=(4, 5, 1)) == [1.0, 1.0]
    assert both(lambda factors, rng: factors[:, :2] * 1.0, sizes=(4, 1)) == [1.0, 1.0], "one factor is always told"
    with pytest.raises(ValueError, match="No factor takes two values"):
        score.score(lambda factors, rng: factors * 1.0, (1, 1))
    with pytest.raises(ValueError, match="No factor takes two values"):
        score.score_rows(rows.noise(400), np.arange(400)[:, None])


def test_standard_errors_of_drawn_images_are_those_of_points():
    def represent(factors, rng):
        return factors / np.array(SIZES) + 0.7 * rng.normal(size=factors.shape)

    without = score.score(represent, SIZES, batch=8, **FEW)
    found = score.score(represent, SIZES, batch=8, bootstrap=20, **FEW)
    share = found["beta_vae_score"]
    assert found["beta_vae_score"] == without["beta_vae_score"] and 0.3 < share < 0.95
    assert found["beta_vae_score_se"] == pytest.approx(np.sqrt(share * (1 - share) / 800), rel=0.7)
