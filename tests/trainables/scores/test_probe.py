"""Linear probes: what is there is found, noise is at chance."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from trainables.scores import probe

RNG = np.random.default_rng(0)
LABELS = RNG.integers(5, size=3000)
NOISE = RNG.normal(size=(3000, 6)).astype(np.float32)


def knowing(labels, *, scale=1.0):
    """Codes that tell the class exactly, in a direction of their own."""
    direction = np.random.default_rng(1).normal(size=(5, 6))
    return (scale * (NOISE + 8 * direction[labels])).astype(np.float32)


def test_a_leak_is_found_and_noise_is_at_chance():
    found = probe.score({"z": NOISE, "w": knowing(LABELS), "style": NOISE, "content": knowing(LABELS)}, LABELS)
    assert found["w"] > 0.99 and found["content"] > 0.99
    assert found["z"] == pytest.approx(np.bincount(LABELS).max() / 3000, abs=0.05)
    assert set(found) == {"z", "w", "style", "content"}


def test_a_group_told_the_label_is_probed_blind_too():
    found = probe.score({"w": knowing(LABELS)}, LABELS, {"w": NOISE[:2500]})
    assert set(found) == {"w", "w_blind"} and found["w"] > 0.99 and found["w_blind"] < 0.3
    assert {metric.key for metric in probe.GIVES} >= set(found)


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("rows", [60, 900, 3000])
def test_as_accurate_as_scikit_learns(classes, rows):
    labels = np.random.default_rng(2).integers(classes, size=rows)
    direction = np.random.default_rng(3).normal(size=(classes, 6))
    codes = (NOISE[:rows] + direction[labels]) * [1, 10, 0.1, 1, 5, 1]
    fit = 2 * rows // 3
    standard = (codes - codes[:fit].mean(0)) / codes[:fit].std(0)
    theirs = LogisticRegression(max_iter=1000).fit(standard[:fit], labels[:fit]).score(standard[fit:], labels[fit:])
    assert probe.score({"z": codes}, labels)["z"] == pytest.approx(theirs, abs=2.01 / (rows - fit))


def test_names_of_classes_do_not_matter():
    found = probe.score({"z": knowing(LABELS)}, LABELS)
    assert probe.score({"z": knowing(LABELS)}, 7 * LABELS - 3) == found


def test_the_first_two_thirds_fit_and_the_last_third_tests():
    # The code is the class in the fitting rows and its negative in the testing ones.
    labels = np.arange(300) % 2
    codes = (2.0 * labels - 1)[:, None] * np.where(np.arange(300) < 200, 1, -1)[:, None]
    assert probe.score({"z": codes}, labels) == {"z": 0.0}


def test_a_class_that_is_no_half_space_is_not_found():
    labels = (NOISE[:, 0] * NOISE[:, 1] > 0).astype(int)
    assert probe.score({"z": NOISE}, labels)["z"] == pytest.approx(0.5, abs=0.06)


def test_only_the_first_3000_rows_are_read():
    codes = np.concatenate([knowing(LABELS), np.zeros((500, 6), np.float32)])
    assert probe.score({"z": codes}, np.append(LABELS, np.zeros(500, int))) == probe.score({"z": codes[:3000]}, LABELS)


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_the_size_of_codes_does_not_matter(scale):
    assert probe.score({"z": knowing(LABELS, scale=scale)}, LABELS)["z"] > 0.99


def test_constant_codes_tell_nothing_and_warn_of_nothing():
    codes = np.full((300, 4), 0.1, np.float32)
    codes[::2, 0] = np.nextafter(np.float32(0.1), np.float32(1))
    labels = np.where(np.arange(300) % 2, 0, np.arange(300) // 2 % 2)
    assert probe.score({"z": codes}, labels)["z"] == pytest.approx(0.75)


def test_one_class_has_nothing_to_tell():
    assert probe.score({"z": NOISE}, np.full(3000, 4)) == {}


@pytest.mark.parametrize(
    ("codes", "labels", "says"),
    [
        (NOISE, LABELS[:100], "each image"),
        (NOISE[:, 0], LABELS, "each image"),
        (NOISE[:, :0], LABELS, "each image"),
        (np.full((30, 2), np.nan), LABELS[:30], "finite"),
        (NOISE[:29], LABELS[:29], "at least 30"),
    ],
)
def test_arrays_that_do_not_fit(codes, labels, says):
    with pytest.raises(ValueError, match=f"{says}.*'z'"):
        probe.score({"z": codes}, labels)
