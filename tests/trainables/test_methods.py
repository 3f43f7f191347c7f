"""What every method must do, proved for each by its name."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys

import pytest
import torch

import spaces
import trainables
from trainables.core.conditions import DISCRIMINATOR
from trainables.core.contract import CLASSES, LOG_VARIANCE, decodes, hyperparameters, latents, optimizers

SHAPES = {"burgess": (1, 16, 16), "report": (2, 12, 12), "mlp": (3, 5, 7), "nar": (3, 32, 32)}
SHAPE = (2, 16, 16)
SMALL = {"hidden": 16, "discriminator_units": 12, "classifier_units": 12}
"""Sizes that are not the least that the space allows."""


def settings(name: str) -> list[dict]:
    """Every value of each choice, the others at their defaults, in a small size."""
    space = spaces.load(name)
    small = {key: SMALL.get(key, 6) for key, domain in space.domains.items() if isinstance(domain, spaces.Int)}
    choices = {key: domain.possible for key, domain in space.domains.items() if isinstance(domain, spaces.Choice)}
    networks = choices.pop("network", ())
    cases = [{"network": network} for network in networks] or [{}]
    return [
        {**small, **network, **kind}
        for network, kind in itertools.product(
            cases, [{key: value} for key, values in choices.items() for value in values] or [{}]
        )
    ]


CASES = [
    pytest.param(name, config, id="-".join([name, *(f"{k}={v}" for k, v in config.items() if type(v) is not int)]))
    for name in trainables.names()
    for config in settings(name)
]


def made(name, config, split, dtype=torch.float32, seed=0):
    """(method, hp, model, drawn) for a small case."""
    method = trainables.method(name)
    hp = hyperparameters(method, config, 1000)
    shape = SHAPES.get(getattr(hp, "network", ""), SHAPE)
    second = split((1, 12, 12), dtype=dtype) if "secondary" in spaces.needs(name) else None
    data = split(shape, dtype=dtype, secondary=second)
    torch.manual_seed(seed)
    model = method.build(hp, data.spec).to(dtype)
    rng = torch.Generator().manual_seed(seed)
    return method, hp, model, data, method.draw(data, hp, rng), torch.tensor(10.0)


@pytest.mark.parametrize(("name", "config"), CASES)
def test_contract(name, config, split):
    method, hp, model, data, drawn, step = made(name, config, split)
    assert all(isinstance(value, torch.Tensor) for value in drawn.values())
    losses = method.losses(model, drawn, hp, step)
    assert set(model) <= set(losses)
    assert all(value.ndim == 0 and value.isfinite() for value in losses.values())
    assert all(not losses[part].requires_grad for part in set(losses) - set(model))
    assert set(optimizers(method, hp, list(model))) == set(model)
    index = torch.arange(5)
    images, labels = data.images(index), data.labels(index)
    assert images.min() >= 0 and images.max() <= 1
    codes = method.codes(model, images, labels)
    for group, code in codes.items():
        assert code.shape[0] == 5 and code.dtype == torch.float32 and code.isfinite().all()
        if group.endswith(LOG_VARIANCE):
            assert code.shape == codes[group.removesuffix(LOG_VARIANCE)].shape
            assert code.abs().max() <= 10
    if CLASSES in codes:
        assert codes[CLASSES].shape == (5, len(data.classes))
        torch.testing.assert_close(codes[CLASSES].sum(1), torch.ones(5))
    assert latents(codes)
    if decodes(method):
        logits = method.decode(model, codes, labels)
        assert logits.shape == images.shape and logits.isfinite().all()
        bare = {g: c for g, c in codes.items() if not g.endswith(LOG_VARIANCE)}
        assert torch.equal(method.decode(model, bare, labels), logits)
        assert method.decode(model, latents(codes), labels).shape == images.shape
    if hasattr(method, "secondary_codes"):
        second = data.secondary
        codes = method.secondary_codes(model, second.images(index), second.labels(index))
        assert codes[CLASSES].shape == (5, len(second.classes))


@pytest.mark.parametrize(("name", "config"), CASES)
def test_a_method_gives_what_its_space_says(name, config, split):
    method, hp, model, data, _, _ = made(name, config, split)
    index = torch.arange(5)
    codes = method.codes(model, data.images(index), data.labels(index))
    gives = set(latents(codes))
    assert set(getattr(method, "CLASS_FREE", ())) <= gives
    assert not hasattr(method, "capacities") or set(method.capacities(hp)) <= gives
    gives |= {"capacity"} if hasattr(method, "capacities") else set()
    gives |= {"class_free"} if getattr(method, "CLASS_FREE", ()) else set()
    gives |= {DISCRIMINATOR} if DISCRIMINATOR in model else set()
    gives |= {"posterior"} if any(group.endswith(LOG_VARIANCE) for group in codes) else set()
    gives |= {"classes"} if CLASSES in codes else set()
    gives |= {"reconstruction"} if decodes(method) else set()
    gives |= {"secondary_classes"} if hasattr(method, "secondary_codes") else set()
    assert set(spaces.gives(name)) == gives or name_varies(name, set(spaces.gives(name)), gives)


def name_varies(name: str, said: set[str], given: set[str]) -> bool:
    """A group or player that only some forms of the method have may be said, but nothing may be given unsaid."""
    return given < said and said - given <= {"w", DISCRIMINATOR}


@pytest.mark.parametrize(("name", "config"), CASES)
def test_draw_is_the_only_randomness(name, config, split):
    method, hp, model, data, _, step = made(name, config, split)
    rng = torch.Generator().manual_seed(3)
    state = rng.get_state()
    first = method.draw(data, hp, rng)
    other = method.draw(data, hp, rng)
    assert any(not torch.equal(first[key], other[key]) for key in first)
    rng.set_state(state)
    again = method.draw(data, hp, rng)
    assert first.keys() == again.keys()
    assert all(torch.equal(first[key], again[key]) for key in first)
    before = torch.get_rng_state()
    one, two = (method.losses(model, first, hp, step) for _ in range(2))
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(("name", "config"), CASES)
def test_every_parameter_of_each_player_gets_a_gradient(name, config, split):
    # In float64 and over a few batches: a rectifier may be off for all of one small batch.
    method, hp, model, data, _, step = made(name, config, split, torch.float64)
    rng = torch.Generator().manual_seed(1)
    total = {player: [torch.zeros_like(p) for p in model[player].parameters()] for player in model}
    for _ in range(4):
        drawn = {
            key: value.double() if value.is_floating_point() else value
            for key, value in method.draw(data, hp, rng).items()
        }
        losses = method.losses(model, drawn, hp, step)
        for player in model:
            gradients = torch.autograd.grad(losses[player], list(model[player].parameters()), retain_graph=True)
            for sum_, gradient in zip(total[player], gradients, strict=True):
                sum_ += gradient.abs()
    for player in model:
        for (weight, _), size in zip(model[player].named_parameters(), total[player], strict=True):
            assert size.sum() > 0, f"{player}.{weight}"


@pytest.mark.parametrize("name", trainables.names())
def test_unknown_hyperparameter(name):
    method = trainables.method(name)
    with pytest.raises(ValueError, match="no hyperparameter"):
        hyperparameters(method, {"betta": 1.0}, 100)


@pytest.mark.parametrize("name", trainables.names())
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("latents", 0),
        ("latents", 2.5),
        ("batch_size", 0),
        ("lr", 0.0),
        ("lr", float("nan")),
        ("network", "burges"),
        ("gamma", -1.0),
        ("likelihood", "poisson"),
    ],
)
def test_hyperparameters_are_checked(name, field, value):
    method = trainables.method(name)
    if field not in {f.name for f in dataclasses.fields(method.Hyperparameters)}:
        pytest.skip(f"{name} has no {field}")
    with pytest.raises(ValueError, match=field):
        method.Hyperparameters(**{field: value})


def test_unknown_method_names_the_nearest():
    with pytest.raises(ValueError, match=r"did you mean 'beta_vae'.*methods are beta_vae"):
        trainables.method("beta_vea")


def test_names_need_no_torch():
    code = (
        "import sys, trainables, trainables.scores as s; trainables.names(); s.metrics();"
        "sys.exit(any(m in sys.modules for m in ('torch', 'sklearn', 'ray', 'pyarrow')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
