"""DCI: both boosters against each other, and the entropies against known tables."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from tests_trainables.scores import rows

from trainables.core import boosting, splits
from trainables.scores import dci


def boosted(codes, index, fit):
    return boosting.fit(splits.Sorted(codes[:fit], codes[fit:]), index[:fit])


@pytest.mark.parametrize("sizes", [(2, 3), (3, 4, 5)])
def test_both_boosters_give_the_same(sizes):
    factors = rows.factors(600, sizes)
    codes = rows.mixed(factors)
    ours, reference = (dci.score(codes, factors, booster=booster) for booster in dci.BOOSTERS)
    assert set(ours) == {metric.key for metric in dci.GIVES}
    assert 0.05 < reference["dci_disentanglement"] < 0.95
    assert ours == pytest.approx(reference, abs=0.015)


@pytest.mark.parametrize("values", [2, 4])
def test_importances_and_what_is_told_are_the_references(values):
    index = rows.factors(1500, (values,))[:, 0]
    codes = index[:, None] * [1, 1, 0] + rows.noise(1500, 3) * [1, 2, 1]
    importance, told = boosted(codes, index, 1000)
    trees = GradientBoostingClassifier(random_state=0).fit(codes[:1000], index[:1000])
    assert importance == pytest.approx(trees.feature_importances_, abs=0.005)
    # A test row between two values may fall on the other side of a threshold.
    assert (told == trees.predict(codes[1000:])).mean() > 0.9
    assert (told == index[1000:]).mean() == pytest.approx(trees.score(codes[1000:], index[1000:]), abs=0.02)


def test_copies_of_a_code_share_its_importance():
    index = rows.factors(600, (4,))[:, 0]
    code = index + 0.5 * rows.noise(600, 1)[:, 0]
    importance, _ = boosted(np.column_stack([code, rows.noise(600, 1, 5), -code]), index, 400)
    assert importance.sum() == pytest.approx(1) and importance[0] == pytest.approx(importance[2], rel=0.3)


def test_the_seed_decides():
    factors = rows.factors(300)
    codes = np.repeat(rows.mixed(factors, 2), 2, axis=1)
    one, two, other = (dci.score(codes, factors, seed=seed) for seed in (0, 0, 1))
    assert one == two != other


def test_nothing_to_split_is_no_importance():
    importance, told = boosted(np.ones((100, 2)), np.arange(100) % 3, 90)
    assert (importance == 0).all() and len(set(told)) == 1


@pytest.mark.parametrize(
    ("importance_FZ", "disentanglement", "completeness"),
    [
        (np.eye(3), 1, 1),
        (np.full((3, 3), 1 / 3), 0, 0),
        (np.zeros((3, 2)), 0, 0),
        # Both factors in the first code, the second unused.
        ([[1, 0], [1, 0]], 0, 1),
        # One factor in two codes: each code is of one factor, and the factor is spread over two of three.
        ([[0.5, 0.5, 0], [0, 0, 1]], 1, ((1 - np.log(2) / np.log(3)) + 1) / 2),
        # With one factor, every code that serves it is of it alone.
        ([[0.5, 0.5]], 1, 0),
    ],
)
def test_entropies_of_known_importances(importance_FZ, disentanglement, completeness):
    found = dci._scores(np.array(importance_FZ, float), [0.5])
    assert found["dci_disentanglement"] == pytest.approx(disentanglement)
    assert found["dci_completeness"] == pytest.approx(completeness)
    assert found["dci_informativeness"] == 0.5


def test_an_unknown_booster():
    with pytest.raises(ValueError, match="boosters are histogram, reference"):
        dci.score(rows.noise(300), rows.factors(300), booster="random")
