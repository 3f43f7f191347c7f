"""What the definitions of the scores leave unchanged, and the values that they give to perfect codes and to noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests_trainables.scores import rows

from trainables.core import boosting

SPRITES = (3, 6, 40, 32, 32)
NEAR = {"dci": 0.06, "beta_vae_score": 0.02, "modularity": 1e-3}
"""How far the order of sums and chance among equal splits may move a fitted score; all others are exact."""


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch):
    monkeypatch.setattr(boosting, "STAGES", 20)


@pytest.mark.parametrize("name", [*rows.OF_ROWS, "mask_score"])
@settings(max_examples=6)
@given(st.integers(0, 1000), st.permutations(range(4)), st.lists(st.booleans(), min_size=4, max_size=4))
def test_permuting_and_mirroring_codes_changes_nothing(name, seed, order, mirror):
    score = (rows.OF_ROWS | rows.OF_FACTORS)[name]
    factors = rows.factors(400, seed=seed)
    codes = rows.mixed(factors, seed=seed)
    changed = (codes * np.where(mirror, -1.0, 1.0))[:, list(order)]
    assert score(changed, factors) == pytest.approx(score(codes, factors), abs=NEAR.get(name, 1e-9))


@pytest.mark.parametrize("name", [*rows.OF_ROWS, "mask_score"])
@settings(max_examples=4)
@given(st.integers(0, 1000), st.sampled_from([np.float32, np.float64]))
def test_constant_codes_are_no_number_out_of_nothing(name, seed, dtype):
    score = (rows.OF_ROWS | rows.OF_FACTORS)[name]
    factors = rows.factors(400, seed=seed)
    codes = rows.with_dead(rows.mixed(factors, seed=seed)).astype(dtype)
    found, alone = score(codes, factors), score(codes[:, 4:], factors)
    assert all(np.isfinite(value) for value in [*found.values(), *alone.values()])
    without = score(codes[:, :4], factors)
    # Modularity is a mean over all codes, and a constant code may be the second best machine; the other scores compare
    # the best two, or leave constant codes out.
    same = {"mig": 1, "irs": 1, "gaussian_tc": 1, "sap": 1, "factor_vae_score": 1, "mask": 1, "modularity": 4 / 6}
    for key in same.keys() & found.keys() - ({"sap"} if name == "sap" else set()):
        assert found[key] == pytest.approx(without[key] * same[key], abs=1e-6), key


def test_codes_that_are_all_constant_reach_the_floor():
    factors = rows.factors(400)
    codes = rows.with_dead(rows.noise(400))[:, 6:]
    zero = {
        "mig": ["mig"], "sap": ["sap"], "sap-continuous": ["sap"], "irs": ["irs"], "gaussian_tc": ["gaussian_tc"],
        "factor_vae_score": ["factor_vae_score"], "dci": ["dci_disentanglement", "dci_completeness"],
        "modularity": ["modularity"],
    }  # fmt: skip
    found = {name: score(codes, factors) for name, score in rows.OF_ROWS.items()}
    assert all(found[name][key] == 0 for name, keys in zero.items() for key in keys), found
    assert found["modularity"]["explicitness"] == 0.5
    assert found["beta_vae_score"]["beta_vae_score"] < 0.45


PERFECT = {
    "mig": {"mig": 0.895}, "sap": {"sap": 0.177}, "sap-continuous": {"sap": 1.0}, "irs": {"irs": 0.985},
    "modularity": {"modularity": 1.0, "explicitness": 0.98}, "gaussian_tc": {"gaussian_tc": 0.0},
    "factor_vae_score": {"factor_vae_score": 1.0}, "beta_vae_score": {"beta_vae_score": 1.0},
}  # fmt: skip
NOISE = {
    "mig": {"mig": 0.0}, "sap": {"sap": 0.0}, "sap-continuous": {"sap": 0.0}, "irs": {"irs": 0.38},
    "modularity": {"modularity": 0.66, "explicitness": 0.5}, "gaussian_tc": {"gaussian_tc": 0.002},
    "factor_vae_score": {"factor_vae_score": 0.2}, "beta_vae_score": {"beta_vae_score": 0.2},
}  # fmt: skip


@pytest.mark.parametrize("name", PERFECT)
def test_one_code_for_each_of_the_sprites_factors_reaches_the_ceiling(name):
    factors = rows.factors(10_000, SPRITES)
    assert rows.OF_ROWS[name](factors / np.array(SPRITES), factors) == pytest.approx(PERFECT[name], abs=0.01)


@pytest.mark.parametrize("name", NOISE)
def test_noise_falls_to_the_floor(name):
    factors = rows.factors(10_000, SPRITES)
    near = 0.05 if name in ("factor_vae_score", "beta_vae_score") else 0.02
    assert rows.OF_ROWS[name](rows.noise(10_000, 10), factors) == pytest.approx(NOISE[name], abs=near)


def test_trees_find_one_code_for_each_factor_and_nothing_in_noise():
    factors = rows.factors(3000)
    perfect = rows.OF_ROWS["dci"](np.concatenate([factors, rows.noise(3000, 2)], axis=1), factors)
    assert perfect == pytest.approx(dict.fromkeys(perfect, 1.0), abs=0.01)
    nothing = rows.OF_ROWS["dci"](rows.noise(3000), factors)
    assert nothing["dci_disentanglement"] < 0.02 and nothing["dci_completeness"] < 0.02
    assert nothing["dci_informativeness"] == pytest.approx((1 / 3 + 1 / 4 + 1 / 5) / 3, abs=0.03)
