"""Every picture, on a method whose codes and images are known, and those that each method wants."""

from __future__ import annotations

import dataclasses
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

import trainables
from trainables import pictures
from trainables.core.cells import BLUE, FRAME, GREEN, RED
from trainables.core.contract import CLASSES, hyperparameters
from trainables.core.dataset import Source, open_source
from trainables.core.evaluation import Evaluation, evaluate
from trainables.core.traversals import png
from trainables.pictures.activation_variance import shares_of

SIDE = 16
HISTORY = [
    {"step": step, "train/loss": 3.0 / step, "val/loss": 4.0 / step, "train/odd": float("nan"), "probe/z": 0.5}
    for step in (1, 2, 3)
]


def halves(classes=2, latents=2, decodes=True):
    """A method without weights: the left half of an image is as bright as its class, the right half as z0."""

    def codes(model, images, labels):
        z = images.mean((1, 2, 3))[:, None] * torch.arange(1.0, latents + 1)
        w = torch.stack((images[:, 0, 0, 0], images.amax((1, 2, 3))), 1)
        found = {"z": z, "z_log_variance": torch.zeros_like(z), "w": w}
        if labels is not None:
            found[CLASSES] = nn.functional.one_hot(labels, classes) * 0.6 + 0.4 / classes
        return found

    def decode(model, codes, labels):
        assert labels is None or labels.shape == codes["z"].shape[:1]
        y = codes.get(CLASSES, torch.zeros(1, classes) if labels is None else nn.functional.one_hot(labels, classes))
        shade = torch.stack(((y * torch.linspace(0.2, 0.9, classes)).sum(1).expand(len(codes["z"])), codes["z"][:, 0]))
        image = shade.clamp(0.01, 0.99).T[:, None, None, :, None].expand(-1, 1, SIDE, 2, SIDE // 2)
        return image.reshape(-1, 1, SIDE, SIDE).logit()

    return SimpleNamespace(codes=codes, **({"decode": decode} if decodes else {}))


def view_of(split, method=None, history=HISTORY, labels=True, classes=("left", "right"), latents=2):
    data = split((1, SIDE, SIDE), classes=classes)
    data.truth = torch.arange(len(data)) % len(classes)
    data.label_array = data.truth.numpy() if labels else None
    data.classes = data.classes if labels else ()
    method = method or halves(len(classes), latents)
    found = method.codes(None, data.images(torch.arange(96)), data.labels(torch.arange(96)))
    return pictures.View(
        method=method,
        model=nn.ModuleDict(),
        hp=None,
        dataset=SimpleNamespace(split=lambda part: data),
        evaluation=Evaluation(
            metrics={},
            kl={"z": np.arange(latents, dtype=float)},
            codes={group: found[group].numpy() for group in ("z", "w")},
            labels_N=data.label_array,
        ),
        history=history,
    )


def drawn(name, view):
    return pictures.load(name).draw(view)


def frames(picture, colour):
    """Frames of a colour from left to right and top to bottom, each as the slices of its inside."""
    parts, _ = ndimage.label((np.asarray(picture) == colour).all(2))
    boxes = [box for box in ndimage.find_objects(parts) if min(s.stop - s.start for s in box) >= 32]
    boxes.sort(key=lambda box: (box[0].start, box[1].start))
    return [tuple(slice(s.start + FRAME, s.stop - FRAME) for s in box) for box in boxes]


def shades(picture, rows, columns):
    """Brightness of the two halves of a cell, in [0, 1]."""
    inside = np.asarray(picture)[rows, columns, 0] / 255
    return tuple(round(float(half.mean()), 2) for half in np.split(inside, 2, axis=1))


@pytest.mark.parametrize("name", pictures.names())
def test_every_picture_is_drawn_the_same_twice(name, split):
    before = "matplotlib.pyplot" in sys.modules
    first, second = (drawn(name, view_of(split)) for _ in range(2))
    assert first.mode == "RGB" and 250 <= first.width <= 1300 and first.height <= 1500
    assert np.array_equal(np.asarray(first), np.asarray(second))
    assert len(png(first)) < 300_000
    assert ("matplotlib.pyplot" in sys.modules) == before, "pyplot keeps figures, and is not for workers"


@pytest.mark.parametrize("name", pictures.names())
def test_what_cannot_be_drawn_is_none(name, split):
    needs_labels = {"class_traversal", "class_grid", "swap", "relabel", "activation_variance"}
    needs_decoder = needs_labels - {"activation_variance"} | {"traversal", "report_traversals"}
    assert (drawn(name, view_of(split, labels=False)) is None) == (name in needs_labels)
    assert (drawn(name, view_of(split, halves(decodes=False))) is None) == (name in needs_decoder)
    assert (drawn(name, view_of(split, history=HISTORY[:1])) is None) == (name == "loss_curves")


@pytest.mark.parametrize("name", trainables.names())
def test_every_method_gets_the_pictures_that_it_wants(name):
    source = Source(name="digits", options={"size": 16})
    data = open_source(dataclasses.replace(source, secondary=source))
    method = trainables.method(name)
    known = {field.name for field in dataclasses.fields(method.Hyperparameters)}
    small = {"hidden": 16, "discriminator_units": 12, "classifier_units": 12, "channels": 8}
    hp = hyperparameters(method, {key: value for key, value in small.items() if key in known}, 10)
    model = method.build(hp, data.split("train").spec)
    evaluation = evaluate(method, model, hp, data, points=64)
    view = pictures.View(method=method, model=model, hp=hp, dataset=data, evaluation=evaluation, history=HISTORY)
    assert tuple(pictures.draw(view)) == pictures.wanted(method)
    assert model.training


def test_wanted_and_unknown_pictures():
    assert pictures.wanted(SimpleNamespace()) == pictures.DEFAULT
    assert pictures.wanted(SimpleNamespace(PICTURES=["swap"])) == ("swap",)
    with pytest.raises(ValueError, match=r"No picture 'swop' \(did you mean 'swap'\?\); pictures are .*traversal"):
        pictures.load("swop")


def test_only_drawn_pictures_are_returned_and_the_mode_is_kept(split):
    view = view_of(split, SimpleNamespace(**vars(halves()), PICTURES=("loss_curves", "swap")), history=())
    view.model.eval()
    assert list(pictures.draw(view)) == ["swap"]
    assert not view.model.training


def test_images_are_chosen_class_by_class(split):
    view = view_of(split, classes=("a", "b", "c"))
    index = view.chosen(9)
    assert len(set(index.tolist())) == 9
    assert [set(view.labels(index)[k : k + 3].tolist()) for k in (0, 3, 6)] == [{0, 1, 2}] * 3


def test_relabel_changes_the_class_alone(split):
    view = view_of(split, classes=("a", "b", "c", "d"))
    picture = drawn("relabel", view)
    red, green, blue = (frames(picture, colour) for colour in (RED, GREEN, BLUE))
    label_B = view.labels(view.chosen(8)).tolist()
    levels = np.linspace(0.2, 0.9, 4)
    step = green[0][1].start - red[0][1].start
    for row, label in enumerate(label_B):
        assert blue[row][1].start == green[row][1].start + (1 + label) * step
        left, right = shades(picture, *green[row])
        # The reconstruction has the soft probabilities that the model gave.
        assert left == pytest.approx(0.6 * levels[label] + 0.4 * levels.mean(), abs=0.02)
        for k in range(4):
            columns = slice(*(edge + (1 + k) * step for edge in (green[row][1].start, green[row][1].stop)))
            assert shades(picture, green[row][0], columns) == pytest.approx((levels[k], right), abs=0.02)


def test_swap_exchanges_z_and_keeps_the_class(split):
    view = view_of(split)
    picture = drawn("swap", view)
    red, green = frames(picture, RED), frames(picture, GREEN)
    assert len(red) == len(green) == 10
    step = green[1][1].start - green[0][1].start
    for a, b in zip(green[::2], green[1::2], strict=True):
        (class_a, z_a), (class_b, z_b) = shades(picture, *a), shades(picture, *b)
        assert {class_a, class_b} == {0.34, 0.76}
        swaps = [slice(b[1].start + k * step, b[1].stop + k * step) for k in (1, 2)]
        own = [0.2, 0.9] if class_a < class_b else [0.9, 0.2]
        assert shades(picture, a[0], swaps[0]) == pytest.approx((own[0], z_b), abs=0.02)
        assert shades(picture, a[0], swaps[1]) == pytest.approx((own[1], z_a), abs=0.02)


def test_swapped_images_differ_in_identity_where_they_can(split):
    from trainables.pictures.swap import _pairs

    view = view_of(split)
    view.split.identity_array = np.arange(96) // 2 % 3
    for a, b in zip(*_pairs(view), strict=True):
        assert view.split.identity_array[a] != view.split.identity_array[b]
        assert view.split.label_array[a] != view.split.label_array[b]
    alone = view_of(split)
    alone.split.identity_array = np.zeros(96, dtype=int)
    assert len(_pairs(alone)[0]) == 5
    same = view_of(split)
    same.split.label_array = np.zeros(96, dtype=int)
    assert drawn("swap", same) is None


def test_class_grid_moves_two_latents_for_each_class(split):
    view = view_of(split)
    picture = np.asarray(drawn("class_grid", view).convert("L")) / 255
    inside = picture[24:-40] < 0.98
    columns = np.flatnonzero(inside.mean(0) > 0.9)
    blocks = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)
    assert len(blocks) == 2 and len(blocks[0]) == 7 * 64
    low, high = np.percentile(view.evaluation.codes["z"][:, 0], (5, 95))
    for block, level in zip(blocks, (0.2, 0.9), strict=True):
        row = picture[60, block].reshape(7, 2, 32).mean(2)
        np.testing.assert_allclose(row[:, 0], level, atol=0.02)
        np.testing.assert_allclose(row[:, 1], np.linspace(low, high, 7), atol=0.02)


def test_class_traversal_has_both_groups_and_says_what_is_left_out(split):
    few, many = (drawn("class_traversal", view_of(split, latents=latents)) for latents in (8, 9))
    assert many.height == few.height + 16
    assert len(frames(few, RED)) == len(frames(few, GREEN)) == 1


def test_shares_of_variance():
    rng = np.random.default_rng(0)
    label_N = np.repeat((0, 1), 400)
    code_NZ = np.stack((label_N + rng.normal(0, 0.1, 800), rng.normal(0, 1, 800)), axis=1)
    share_LZ, mixed_Z = shares_of(code_NZ, label_N, 3)
    np.testing.assert_allclose(mixed_Z, [0.26, 1.0], rtol=0.1)
    np.testing.assert_allclose(share_LZ[:2], [[0.04, 1.0]] * 2, rtol=0.2)
    assert np.isnan(share_LZ[2]).all()


def test_codes_without_labels_or_a_second_latent(split):
    view = view_of(split, labels=False)
    one = dataclasses.replace(view.evaluation, codes={"z": view.evaluation.codes["z"][:, :1]})
    assert drawn("scatter", dataclasses.replace(view, evaluation=one)) is None
    assert drawn("loss_curves", dataclasses.replace(view, history=[{"step": 1.0}, {"step": 2.0}])) is None


def test_many_classes_are_drawn_in_part(split):
    names = tuple(f"class {k}" for k in range(24))
    view = view_of(split, classes=names)
    assert drawn("relabel", view).width < 1300
    assert drawn("class_grid", view).width < 1300
    assert drawn("scatter", view) is not None
