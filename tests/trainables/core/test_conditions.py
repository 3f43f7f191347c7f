"""Failure conditions: known models meet exactly the conditions they should."""

from types import SimpleNamespace

import numpy as np
import pytest

from trainables.core.conditions import CONDITIONS, measured, met
from trainables.core.contract import Ramp


def evaluation(kl=None, labels=None, **metrics):
    named = {name.replace("_", "/"): value for name, value in metrics.items()}
    return SimpleNamespace(kl=kl or {}, metrics=named, labels_N=labels)


def values(*args):
    return {name.removeprefix("condition/"): value for name, value in measured(*args).items()}


PLAIN = SimpleNamespace()


@pytest.mark.parametrize(
    ("kl", "collapsed", "dead"),
    [([1.0, 2.0], 0.0, 0.0), ([1.0, 0.01], 0.0, 0.5), ([0.0, 0.001], 1.0, 1.0), ([0.011], 0.0, 0.0)],
)
def test_collapse_and_dead_latents(kl, collapsed, dead):
    found = values(PLAIN, None, 100, {}, evaluation({"z": np.array(kl)}))
    assert found == {"collapsed": collapsed, "dead_latents": dead}
    assert bool(met({"condition/collapsed": collapsed})) == (collapsed == 1.0)


def test_kl_is_held_against_the_capacity_of_the_moment():
    method = SimpleNamespace(capacities=lambda hp: {"z": Ramp(end=20.0, steps=100), "w": Ramp(end=5.0, steps=10)})
    said = evaluation({"z": np.array([4.0, 6.0]), "w": np.array([4.0])})
    assert values(method, None, 50, {}, said)["off_capacity"] == pytest.approx(1.0)
    assert values(method, None, 100, {}, said)["off_capacity"] == pytest.approx(10.0)
    assert values(method, None, 900, {}, said)["off_capacity"] == pytest.approx(10.0)


@pytest.mark.parametrize(("accuracy", "leak"), [(0.5, 0.0), (0.4, 0.0), (0.75, 0.5), (1.0, 1.0)])
def test_a_leak_counts_from_the_largest_class(accuracy, leak):
    method = SimpleNamespace(CLASS_FREE=("z",))
    labels = np.array([0, 0, 1, 2])
    assert values(method, None, 1, {}, evaluation(labels=labels, probe_z=accuracy)) == {"leak": leak}
    assert values(method, None, 1, {}, evaluation(labels=np.zeros(4, int), probe_z=1.0)) == {"leak": 0.0}


def test_groups_that_may_know_the_class_do_not_leak():
    assert values(PLAIN, None, 1, {}, evaluation(labels=np.array([0, 1]), probe_z=1.0)) == {}


@pytest.mark.parametrize(
    ("loss", "words"), [(np.log(2), "at chance"), (0.5, ""), (1e-3, "saturated"), (0.69, "at chance")]
)
def test_a_discriminator_at_chance_or_saturated(loss, words):
    said = met(measured(PLAIN, None, 1, {"discriminator": float(loss)}, evaluation()))
    assert len(said) == bool(words) and all(words in each for each in said)


def test_limits_can_be_given():
    metrics = {"condition/dead_latents": 0.4}
    assert met(metrics) == []
    assert met(metrics, {"dead_latents": 0.3}) == ["dead latents: 40% have a KL of at most 0.01 nats"]


@pytest.mark.parametrize("name", CONDITIONS)
def test_every_condition_can_be_said(name):
    condition = CONDITIONS[name]
    assert condition.name == name
    (said,) = met({condition.metric: condition.limit + 1.0})
    assert name.replace("_", " ").split()[0] in said.lower() or name in ("off_capacity", "leak")
