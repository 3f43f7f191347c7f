"""Where the two sides join: a method and its space agree on names, kinds and defaults, and on what is read."""

import dataclasses

import pytest
import torch

import spaces
import trainables
from trainables.core.contract import Ramp, hyperparameters
from trainables.core.dataset import open_dataset
from trainables.core.training import Training

METHODS = trainables.names()


def test_both_sides_have_the_same_methods():
    assert spaces.names() == METHODS


@pytest.mark.parametrize("name", METHODS)
def test_same_hyperparameters_with_defaults_that_the_space_allows(name):
    space, fields = spaces.load(name), dataclasses.fields(trainables.method(name).Hyperparameters)
    assert space.fields == tuple(field.name for field in fields)
    for field in fields:
        default = field.default.end if isinstance(field.default, Ramp) else field.default
        assert space.check({field.name: default}) == {field.name: default}
        fixed = space.domains[field.name].fixed
        assert fixed is None or fixed == default, f"{field.name} is fixed at another value than its default"


def conditional():
    for name in METHODS:
        for key, domain in spaces.load(name).domains.items():
            if domain.when:
                yield name, key


@pytest.mark.parametrize(("name", "key"), list(conditional()))
def test_an_inactive_hyperparameter_is_not_read(name, key):
    """Ray's space cannot say conditions, so a value that is inactive must change nothing."""
    space, method = spaces.load(name), trainables.method(name)
    domain = space.domains[key]
    config = {}
    for parent, wanted in (domain.when or {}).items():
        others = [value for value in space.domains[parent].possible if value not in wanted]
        config[parent] = others[0]
    second = open_dataset("digits", {"size": 8}) if "secondary" in spaces.needs(name) else None
    opened = open_dataset("digits", {"size": 16})
    data = dataclasses.replace(opened, secondary=second).split("train")
    ends = domain.possible if isinstance(domain, spaces.Choice) else (domain.low, domain.high)
    losses = []
    for value in ends:
        hp = hyperparameters(method, {**config, "batch_size": 4, key: value}, budget=20)
        training = Training(method, hp, data, seed=0)
        losses.append(training.advance(3))
        assert all(torch.isfinite(torch.tensor(v)) for v in losses[-1].values())
    assert all(found == losses[0] for found in losses)
