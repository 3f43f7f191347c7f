"""An absurd learning rate: each method diverges, and says in what, at which step, and what its losses were before."""

import math
import re

import pytest
import torch
from tests_trainables.models import SMALL

import spaces
import trainables
from trainables.core.contract import hyperparameters
from trainables.core.training import Diverged, Training
from trainables.core.trial import Attempt, Trial

ABSURD = 1e30
LOSSES = r"last finite, at step (\d+): (.+)"


def begin(name, split, lr=ABSURD):
    method = trainables.method(name)
    space = spaces.load(name).domains
    config = {key: value for key, value in SMALL.items() if key in space} | {"lr": lr, "batch_size": 8}
    second = split((1, 12, 12)) if "secondary" in spaces.needs(name) else None
    return Training(method, hyperparameters(method, config, 100), split((1, 16, 16), secondary=second), seed=0)


@pytest.mark.parametrize("name", trainables.names())
def test_the_loss_the_step_and_the_last_finite_losses_are_named(name, split):
    training = begin(name, split)
    with pytest.raises(Diverged) as raised:
        training.advance(100)
    found = re.fullmatch(rf"(.+) \((?:nan|-?inf)\) not finite at step (\d+); {LOSSES}", str(raised.value))
    assert found is not None, raised.value
    losses, step, before, values = found.groups()
    assert int(before) == int(step) - 1
    # Told step by step, the same training says the same; and until then all was finite.
    again = begin(name, split)
    last = {}
    for _ in range(int(before)):
        last = again._named(again._one_step())
    assert values == ", ".join(f"{k} {v:.4g}" for k, v in last.items())
    odd = {k for k, v in again._named(again._one_step()).items() if not math.isfinite(v)}
    assert {part.partition(" ")[0] for part in losses.split(", ")} == odd


def test_the_step_is_named_wherever_it_lies_between_two_looks(split):
    training = begin("beta_vae", split, lr=1e-3)
    one_step, bad = training._one_step, 70

    def spoilt():
        losses = one_step()
        if training.step + 1 >= bad:
            losses[list(training._named(losses)).index("kl")] = math.inf
        return losses

    training._one_step = spoilt
    assert training.advance(20)
    with pytest.raises(Diverged, match=rf"^kl \(inf\) not finite at step {bad}; last finite, at step {bad - 1}: vae "):
        training.advance(200)


def test_weights_that_the_last_step_spoilt_are_named(split):
    training = begin("beta_vae", split, lr=1e-3)
    one_step = training._one_step

    def spoilt():
        losses = one_step()
        with torch.no_grad():
            next(training.model["vae"].parameters()).view(-1)[0] = float("nan")
        return losses

    training._one_step = spoilt
    with pytest.raises(Diverged, match=rf"^weights of vae not finite after step 1; {LOSSES}"):
        training.advance(1)


@pytest.mark.parametrize("name", ["beta_vae", "single_classifier"])
def test_a_report_right_after_the_step_that_spoilt_the_model_says_so(name):
    config = {"lr": ABSURD, "batch_size": 8}
    options = {"size": 16}
    trial = Trial(Attempt(method=name, config=config, seed=0, steps=9, reports=(1, 9), data="digits", options=options))
    with pytest.raises(Diverged, match=rf"of held-out images not finite after step 1; {LOSSES}"):
        trial.advance()
