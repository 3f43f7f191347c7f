"""The drawn faces: exact factors, what a take may change, splits in which pairs can be drawn."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from trainables.core import cast, face
from trainables.core.arrays import TEST, TRAIN, VALIDATION
from trainables.core.persons import EXPRESSIONS, split_persons
from trainables.data import faces, jaffe

STILL = cast.Take()


@pytest.fixture(scope="module")
def drawn():
    return faces.prepare(faces.Options(takes=5))


def picture(person=0, expression="neutral", take=STILL, size=48):
    return face.draw(cast.PERSONS[person], cast.EXPRESSIONS[expression], take, size).astype(float)


def test_the_classes_are_those_of_jaffe_and_every_one_is_drawn():
    description = faces.describe(faces.Options())
    assert description.images == 840 and description.classes == EXPRESSIONS == tuple(cast.EXPRESSIONS)
    assert dict(description.factors) == {"identity": 10, "expression": 7, "take": 12}
    assert description.classes == jaffe.describe(jaffe.Options()).classes
    assert len(cast.PERSONS) == 10 and {person.hair for person in cast.PERSONS} == set(cast.HAIR)


def test_factors_are_the_grid_and_rows_are_what_they_say(drawn):
    assert np.array_equal(drawn.factors, np.indices((10, 7, 5)).reshape(3, -1).T)
    assert np.array_equal(drawn.labels, drawn.factors[:, 1])
    for row in (0, 123, 349):
        person, expression, take = drawn.factors[row]
        expected = picture(person, EXPRESSIONS[expression], faces.takes(5)[take])
        assert np.array_equal(drawn.images[row], expected.ravel())


def test_one_take_is_no_factor_and_is_drawn_as_the_first_of_many(drawn):
    options = faces.Options(takes=1)
    assert dict(faces.describe(options).factors) == {"identity": 10, "expression": 7}
    one = faces.prepare(options)
    assert one.factors.shape == (70, 2)
    assert np.array_equal(one.images, drawn.images[::5])


def test_all_images_differ(drawn):
    assert len(np.unique(drawn.images, axis=0)) == len(drawn.images)


def test_the_two_sizes_show_the_same_picture():
    small, large = picture(3, "fear"), picture(3, "fear", size=64)
    coarse = [image.reshape(16, s // 16, 16, s // 16).mean(axis=(1, 3)) for image, s in ((small, 48), (large, 64))]
    assert abs(coarse[0] - coarse[1]).max() < 1.0


def test_a_neutral_face_has_no_expression_and_intensity_makes_one_stronger():
    neutral = picture()
    assert np.array_equal(neutral, picture(take=dataclasses.replace(STILL, intensity=2.0)))
    weak, strong = (picture(0, "surprise", dataclasses.replace(STILL, intensity=k)) for k in (0.2, 1.0))
    assert 0 < abs(weak - neutral).sum() < abs(strong - neutral).sum()


def test_an_expression_changes_the_face_and_not_what_is_around_it():
    for expression in set(EXPRESSIONS) - {"neutral"}:
        changed = abs(picture(0, expression) - picture()) > 0
        assert changed.sum() > 60
        rows, columns = np.nonzero(changed)
        assert rows.min() >= 8 and rows.max() <= 42 and columns.min() >= 12 and columns.max() <= 35


def test_the_corners_of_the_mouth_rise_in_a_smile_and_fall_in_grief():
    smile, grief = (cast.EXPRESSIONS[name] for name in ("happiness", "sadness"))
    assert smile.smile > 0 > grief.smile
    dark = {name: picture(0, name)[28:38, 15:33] < 110 for name in ("happiness", "sadness")}
    place = {name: np.nonzero(mask) for name, mask in dark.items()}
    for name, sign in (("happiness", -1), ("sadness", 1)):
        rows, columns = place[name]
        outer = abs(columns - 8.5) >= np.quantile(abs(columns - 8.5), 0.7)
        assert sign * (rows[outer].mean() - rows[~outer].mean()) > 0.5, name


def test_a_shift_of_a_whole_pixel_moves_the_picture_by_it():
    moved = picture(take=dataclasses.replace(STILL, right=1 / 24, down=-1 / 24))
    assert np.abs(moved[:46, 1:] - picture()[1:47, :-1]).max() <= 1


def test_takes_stay_within_their_bounds():
    takes = faces.takes(256)
    assert faces.takes(3) == takes[:3] and len(set(takes)) == 256
    assert max(max(abs(t.right), abs(t.down)) * 24 for t in takes) <= 1.2
    assert max(abs(t.tilt) for t in takes) <= np.radians(4)
    assert min(t.intensity for t in takes) >= 0.75 and max(t.intensity for t in takes) <= 1.1


@pytest.mark.parametrize("factor", [0, 1])
def test_a_linear_classifier_tells_identity_and_expression_but_no_pixel_does(drawn, factor):
    train = drawn.split == TRAIN
    x, y = drawn.images / 255.0, drawn.factors[:, factor]
    centred = (x - x[train].mean(axis=0)) / 0.2
    fitted = LogisticRegression(max_iter=200, C=0.1).fit(centred[train], y[train])
    assert fitted.score(centred[~train], y[~train]) > 0.95
    # The best that one pixel can do: its grey values sorted into 24 bins, each bin guessing its most frequent value.
    bins = (x[:, ::7] * 23.99).astype(int)
    best = max(sum(np.bincount(y[column == k]).max() for k in np.unique(column)) / len(y) for column in bins.T)
    assert best < 0.75


@pytest.mark.parametrize("takes", [1, 3, 12])
def test_every_person_has_two_expressions_in_every_part_of_an_image_split(takes):
    identity, expression, _ = np.indices((10, 7, takes)).reshape(3, -1)
    split, rule = split_persons("image", identity, expression)
    assert rule["seed"] == 0
    for mark in (TRAIN, VALIDATION, TEST):
        for person in range(10):
            assert len(set(expression[(split == mark) & (identity == person)])) >= 2
    assert np.mean(split == TEST) == np.mean(split == VALIDATION) <= (2 / 7 if takes == 1 else 0.11)


def test_a_person_split_keeps_whole_persons():
    identity, expression = np.indices((10, 21)).reshape(2, -1)
    split, _ = split_persons("person", identity, expression % 7)
    persons = [set(identity[split == mark]) for mark in (TRAIN, VALIDATION, TEST)]
    assert [len(part) for part in persons] == [8, 1, 1] and len(set.union(*persons)) == 10
    other, _ = split_persons("person", identity, expression % 7, seed=1)
    assert not np.array_equal(split, other)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 32}, "faces: size must be 48 or 64, not 32"),
        ({"takes": 0}, "takes must be a whole number from 1 to 256, not 0"),
        ({"split": "persons"}, "faces: split must be 'image' or 'person', not 'persons'"),
        ({"split": None}, "split must be"),
    ],
)
def test_impossible_options_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        faces.Options(**values)
