"""Subsets: which rows they are, that a seed fixes them, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.core.arrays import Description
from trainables.core.dataset import Source, open_source
from trainables.core.subset import Subset

CLASSES = ("a", "b", "c")
LABELLED = Description(shape=(1, 8, 8), images=9, classes=CLASSES, summary="s", source="s")
BARE = Description(shape=(1, 8, 8), images=9, summary="s", source="s")
LABELS = np.array([0, 1, 2, 1, 1, 0, 2, 0, 1])


def rows(subset, part="train"):
    return subset.rows(part, len(LABELS), LABELS, CLASSES).tolist()


def test_known_rows():
    assert rows(Subset()) == list(range(9))
    assert rows(Subset(only="b")) == rows(Subset(only="b"), "test") == [1, 3, 4, 8]
    assert rows(Subset(per_class=2), "validation") == list(range(9))
    assert rows(Subset(per_class=1, only="c")) in ([2], [6])
    assert rows(Subset(images=9)) == list(range(9))


@given(st.integers(1, 40), st.integers(0, 2**31), st.lists(st.integers(0, 2), min_size=1, max_size=300))
def test_per_class_takes_so_many_of_each_and_no_image_twice(count, seed, labels):
    labels = np.array(labels)
    present, sizes = np.unique(labels, return_counts=True)
    subset = Subset(per_class=count, seed=seed)
    if count > sizes.min():
        with pytest.raises(ValueError, match=rf"{count} images of each class are asked for, and class"):
            subset.rows("train", len(labels), labels, CLASSES)
        return
    chosen = subset.rows("train", len(labels), labels, CLASSES)
    assert (np.diff(chosen) > 0).all()
    assert np.bincount(labels[chosen], minlength=3)[present].tolist() == [count] * len(present)
    assert np.array_equal(chosen, subset.rows("train", len(labels), labels, CLASSES))


def test_the_seed_draws_and_every_image_can_be_drawn():
    drawn = [rows(Subset(images=4, seed=seed)) for seed in range(60)]
    assert all(len(set(each)) == 4 for each in drawn)
    assert {row for each in drawn for row in each} == set(range(9))
    assert len({tuple(each) for each in drawn}) > 30


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"per_class": 0}, "per_class must be a whole number of at least 1, not 0"),
        ({"images": True}, "images must be a whole number"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"per_class": 1, "images": 1}, "exclude each other"),
        ({"only": ["a"]}, "only must be the name of a class"),
    ],
)
def test_impossible_values(values, says):
    with pytest.raises(ValueError, match=says):
        Subset(**values)


def test_what_a_dataset_cannot_give():
    assert Subset(only=3).only == "3"
    assert Subset(only="a", images=2).problem("x", LABELLED) is None
    assert Subset(images=2).problem("x", BARE) is None
    assert "no labels" in Subset(per_class=2).problem("x", BARE)
    assert "its classes are a, b, c" in Subset(only="d").problem("x", LABELLED)
    with pytest.raises(ValueError, match="10 images are asked for, and there are 9"):
        rows(Subset(images=10))


def test_splits_of_a_subset():
    source = Source(
        name="digits",
        options={"size": 8},
        subset=Subset(per_class=3),
        secondary=Source(name="digits", subset=Subset(only="7")),
    )
    split = open_source(source).split("train")
    assert np.bincount(split.label_array).tolist() == [3] * 10
    assert len(open_source(source).split("validation")) > 30
    assert set(split.secondary.label_array) == {7} and split.secondary.shape == (1, 32, 32)
    with pytest.raises(ValueError, match="has no class '11'"):
        open_source(Source(name="digits", subset=Subset(only="11")))
