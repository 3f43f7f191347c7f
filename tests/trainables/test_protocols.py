"""The protocols on methods made by hand, whose leaks, errors and swaps are known exactly."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from trainables.core import programs
from trainables.core.dataset import open_dataset
from trainables.protocols import analogy, leakage, swap

MODEL = nn.ModuleDict()
PERSONS, EXPRESSIONS = 10, 7


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def digits(cache):
    return open_dataset("digits", {"size": 8}, cache=cache)


@pytest.fixture(scope="module")
def boards(cache):
    return open_dataset("nar", cache=cache)


class Bars:
    """Images of a bar whose row is the person and whose length the expression, three times each to train."""

    shape, classes, secondary, device = (1, PERSONS, EXPRESSIONS), tuple("abcdefg"), None, "cpu"

    def __init__(self, part: str, persons: range = range(PERSONS)) -> None:
        every = [(p, e) for p in persons for e in range(EXPRESSIONS) for _ in range(3 if part == "train" else 1)]
        self.identity_array, self.label_array = np.array(every).T
        self.pixels = drawn(*torch.tensor(every).T)

    def __len__(self):
        return len(self.pixels)

    def images(self, index):
        return self.pixels[index]

    def labels(self, index):
        return torch.from_numpy(self.label_array)[index]


def drawn(person_B, expression_B):
    """The bars themselves, (B, 1, 10, 7)."""
    rows_BH = F.one_hot(person_B, PERSONS)
    lit_BW = torch.arange(EXPRESSIONS) <= expression_B[:, None]
    return (rows_BH[:, None, :, None] * lit_BW[:, None, None, :]).float()


def read(image_BCHW):
    """(person, expression) of bars."""
    lit_BHW = (image_BCHW[:, 0] > 0.5).long()
    return lit_BHW.sum(2).argmax(1), lit_BHW.sum((1, 2)) - 1


class Judge(nn.Module):
    """Reads the person (0) or the expression (1) without error."""

    def __init__(self, which):
        super().__init__()
        self.which = which

    def forward(self, image_BCHW):
        return F.one_hot(read(image_BCHW)[self.which].clamp(min=0), PERSONS)


BARS = SimpleNamespace(name="bars", split=lambda part: Bars(part))
JUDGES = swap.Judges(label=Judge(1), identity=Judge(0), label_accuracy=1.0, identity_accuracy=1.0)


def autoencoder(person=lambda code: code["person"], expression=lambda code, labels: labels):
    """A method that looks faces up; arguments change what its decoder draws."""
    return SimpleNamespace(
        codes=lambda model, images, labels: {
            "person": read(images)[0],
            "expression": read(images)[1],
            "y": F.one_hot(read(images)[1], EXPRESSIONS).float(),
        },
        decode=lambda model, code, labels: torch.logit(drawn(person(code), expression(code, labels)), eps=1e-6),
    )


def succeeded(method, judges=JUDGES, **changes):
    return swap.swap_success(method, MODEL, BARS, judges, pairs=300, **changes)


def test_a_perfect_decoder_succeeds_in_every_swap():
    found = succeeded(autoencoder())
    assert found.pop("pairs") == 300
    assert set(found.values()) == {1.0}


def test_a_decoder_that_ignores_the_label_never_succeeds():
    found = succeeded(autoencoder(expression=lambda code, labels: code["expression"]))
    assert (found["success"], found["label"], found["identity"], found["reconstruction"]) == (0, 0, 1, 1)


def test_a_decoder_that_loses_the_person_fails_by_identity_alone():
    found = succeeded(autoencoder(person=lambda code: code["person"] * 0))
    assert found["label"] == 1 and found["success"] == found["identity"] == pytest.approx(0.1, abs=0.05)
    assert succeeded(autoencoder(), seed=1) == succeeded(autoencoder(), seed=2)
    lost = autoencoder(person=lambda code: code["person"] // 5 * 5)
    assert succeeded(lost, seed=1) == succeeded(lost, seed=1) != succeeded(lost, seed=2)


def test_judges_learn_from_real_images(monkeypatch):
    monkeypatch.setattr(swap, "SHIFT", 0)  # whoever is moved by a row is somebody else
    judges = swap.train_judges(BARS, steps=120)
    assert judges.identity_accuracy > 0.9 and judges.label_accuracy > 0.5
    assert succeeded(autoencoder(), judges=judges)["success"] > 0.4


def test_judges_are_the_same_by_seed():
    weights = []
    for seed in (0, 0, 1):
        judges = swap.train_judges(BARS, seed, steps=3)
        weights.append([*judges.label.parameters(), *judges.identity.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(weights[0], weights[1], strict=True))
    assert not torch.equal(weights[0][0], weights[2][0])


def test_what_cannot_be_swapped_is_refused(digits):
    with pytest.raises(ValueError, match=r"no identity.*'faces'"):
        swap.train_judges(digits)
    strangers = SimpleNamespace(split=lambda part: Bars(part, range(8) if part == "train" else range(8, 10)))
    with pytest.raises(ValueError, match=r"2 identities.*split=image"):
        swap.train_judges(strangers)
    with pytest.raises(ValueError, match="decodes"):
        swap.swap_success(SimpleNamespace(), MODEL, BARS, JUDGES)
    alone = SimpleNamespace(split=lambda part: Bars(part, range(1)))
    with pytest.raises(ValueError, match="No two images"):
        swap.swap_success(autoencoder(), MODEL, alone, JUDGES)


def leaking(knows):
    """``z`` knows nothing, ``w`` is told the label; ``knows`` is how much of the image w keeps."""

    def codes(model, images, labels):
        told, pixels = F.one_hot(labels, 10).float(), images.flatten(1)
        return {"z": 0 * pixels[:, :3], "w": torch.cat([told, knows * pixels], 1), "w_log_variance": told}

    return SimpleNamespace(codes=codes)


def test_a_leak_is_told_from_what_the_image_tells(digits):
    chance = 0.2
    blind = leakage.leakage(leaking(0.0), MODEL, digits)
    assert set(blind) == {"z", "w", "w_blind", "w_random"}
    assert blind["w"] == 1 and max(blind["z"], blind["w_blind"], blind["w_random"]) < chance
    seeing = leakage.leakage(leaking(1.0), MODEL, digits)
    assert seeing["w"] > 0.95 and min(seeing["w_blind"], seeing["w_random"]) > 0.6


def test_a_group_that_is_not_told_the_label_is_probed_once(digits):
    pixels = SimpleNamespace(codes=lambda model, images, labels: {"z": images.flatten(1)})
    found = leakage.leakage(pixels, MODEL, digits, hidden=(64,))
    assert set(found) == {"z"} and found["z"] > 0.8


def test_a_probe_has_the_capacity_that_it_is_given():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(1500, 2)).astype(np.float32) * [1, 1e-3] + [0, 5]
    labels = ((codes[:, 0] > 0) ^ (codes[:, 1] > 5)).astype(int)
    halves = codes[:1000], labels[:1000], codes[1000:], labels[1000:]
    assert leakage.probe_accuracy(*halves, seed=0) < 0.65
    assert leakage.probe_accuracy(*halves, hidden=(32,), seed=0) > 0.95
    noise = rng.permutation(labels[:1000])
    assert leakage.probe_accuracy(codes[:1000], noise, *halves[2:], hidden=(32,), seed=0) < 0.65


def test_probes_are_the_same_by_seed():
    rng = np.random.default_rng(0)
    codes, labels = rng.normal(size=(200, 4)), rng.integers(3, size=200)
    found = [leakage.probe_accuracy(codes, labels, codes, labels, hidden=(16,), seed=s) for s in (0, 0, 1, 2)]
    assert found[0] == found[1] and len(set(found)) > 1
    with pytest.raises(ValueError, match="a label for each row"):
        leakage.probe_accuracy(codes, labels[:-1], codes, labels, seed=0)


FACTORS = np.stack(np.unravel_index(np.arange(programs.BOARDS), programs.GRID), axis=1)


@pytest.mark.parametrize("examples", [1, 3])
def test_factors_themselves_solve_every_shift_that_no_example_hides(examples):
    found = analogy.accuracy(FACTORS, programs.problems(300, examples=examples))
    assert found["free_shift"] == 1 and found["to_shape"] < 0.2
    assert found["to_shape"] < found["accuracy"] < 1
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    assert analogy.accuracy(FACTORS @ rotation, programs.problems(300, examples=examples))["free_shift"] == 1


def test_noise_solves_hardly_any_problem():
    noise = np.random.default_rng(0).normal(size=(programs.BOARDS, 3))
    assert analogy.accuracy(noise, programs.problems(300))["accuracy"] < 0.25


def test_a_model_is_asked_for_every_board(boards):
    left = torch.from_numpy(FACTORS).float()

    def codes(model, images, labels):
        nonlocal left
        assert labels is None and images.shape[1:] == (3, 64, 64)
        rows, left = left[: len(images)], left[len(images) :]
        return {"z": rows[:, :1], "z_log_variance": 0 * rows, "w": rows[:, 1:]}

    method, asked = SimpleNamespace(codes=codes), programs.problems(50, seed=3)
    assert analogy.analogy(method, MODEL, boards, asked) == analogy.accuracy(FACTORS, asked)
    assert not len(left)


def test_problems_are_about_boards(digits):
    with pytest.raises(ValueError, match="'nar', not about 'digits'"):
        analogy.analogy(SimpleNamespace(), MODEL, digits, programs.problems(1))
    with pytest.raises(ValueError, match="180 boards"):
        analogy.accuracy(FACTORS[:9], programs.problems(1))
    with pytest.raises(ValueError, match="at least one"):
        analogy.accuracy(FACTORS, ())
