"""A recorded step does what the step does, or is not used.  Recording is CUDA's; here a stand-in repeats the work."""

import re

import pytest
import torch

import trainables
from trainables.core.dataset import open_dataset
from trainables.core.recorded import WARM, Recorded
from trainables.core.training import Training

KINDS = [("beta_vae", {}), ("factor_vae", {"discriminator_units": 16}), ("factor_vae", {"tc": "gaussian"})]


def begin(name, config, record=None):
    method = trainables.method(name)
    hp = method.Hyperparameters(batch_size=8, lr=1e-3, **config)
    training = Training(method, hp, open_dataset("digits", {"size": 16}).split("train"), seed=3)
    if record is not None:
        training.recorded = Recorded(training._step, wanted=True, record=record)
    return training


def faithful(work):
    """As CUDA: nothing is done while recording, and replaying writes the outputs where they were recorded."""
    return work


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_recorded_training_is_training(kind):
    plain, recorded = begin(*kind), begin(*kind, record=faithful)
    assert [recorded.advance(k) for k in (2, 9, 20)] == [plain.advance(k) for k in (2, 9, 20)]
    assert recorded.recorded.active and not recorded.recorded.fault
    for part, other in zip(plain.state(), recorded.state(), strict=True):
        assert all(torch.equal(part[name], other[name]) for name in part)


def test_what_was_restored_is_recorded_anew():
    kind = KINDS[1]
    whole, first, second = begin(*kind), begin(*kind, record=faithful), begin(*kind, record=faithful)
    whole.advance(10)
    expected = whole.advance(20)
    first.advance(10)
    second.advance(WARM + 2)
    second.load(*({k: v.clone() for k, v in part.items()} for part in first.state()))
    assert not second.recorded.active
    assert second.advance(20) == expected and second.recorded.active


def twice(work):
    def replay():
        work()
        work()

    return replay


def never(work):
    work()
    return lambda: None


def refused(work):
    raise RuntimeError("operation not permitted when stream is capturing\nmore of it")


@pytest.mark.parametrize(
    ("record", "fault"),
    [
        (twice, "losses are|weights are"),
        (never, "losses are|weights are"),
        (refused, "RuntimeError: operation not permitted"),
    ],
)
def test_a_recording_that_does_something_else_is_not_used(record, fault):
    plain, training = begin(*KINDS[0]), begin(*KINDS[0], record=record)
    assert training.advance(12) == plain.advance(12)
    assert not training.recorded.active and re.search(fault, training.recorded.fault)


def test_a_batch_of_another_shape_is_a_step_as_it_is():
    plain, training = begin(*KINDS[0]), begin(*KINDS[0], record=faithful)
    draw, losses = training.method.draw, []
    for each in (plain, training):
        each.advance(6)
        drawn = draw(each.data, each.hp, torch.Generator().manual_seed(1))
        assert each is plain or each.recorded.active
        losses.append(each.recorded({name: value[:5] for name, value in drawn.items()}, torch.tensor(6.0)))
    assert torch.equal(*losses)


def test_on_a_cpu_nothing_is_recorded():
    method = trainables.method("beta_vae")
    data = open_dataset("digits", {"size": 16}).split("train")
    training = Training(method, method.Hyperparameters(batch_size=8), data, seed=0, recorded=True)
    training.advance(WARM + 2)
    assert not training.recorded.active and training.recorded.fault == "not wanted"
