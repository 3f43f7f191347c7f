"""Training and trials: resumed equals uninterrupted bit for bit; what diverges says so; players keep to their own."""

from pathlib import Path

import pytest
import torch

import trainables
from trainables.core import checkpoint
from trainables.core.contract import hyperparameters
from trainables.core.dataset import open_dataset
from trainables.core.training import Diverged, Training
from trainables.core.trial import STATE, WEIGHTS, Attempt, Trial, release

KINDS = [
    ("beta_vae", {"form": "beta"}),
    ("beta_vae", {"form": "capacity", "capacity": 5.0, "capacity_ramp": 0.5}),
    ("factor_vae", {"discriminator_units": 16}),
    ("factor_vae", {"tc": "gaussian"}),
]


def begin(kind, **changes):
    name, config = kind
    method = trainables.method(name)
    hp = hyperparameters(method, {**config, "batch_size": 8, "lr": 1e-3, **changes}, budget=20)
    return Training(method, hp, open_dataset("digits", {"size": 16}).split("train"), seed=3)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_saved_restored_and_continued_equals_uninterrupted_bit_for_bit(kind, tmp_path):
    whole, first, second = begin(kind), begin(kind), begin(kind)
    losses = [whole.advance(7), whole.advance(12)]
    assert first.advance(7) == losses[0]
    weights, rest = first.state()
    checkpoint.write(tmp_path / "c", {WEIGHTS: checkpoint.tensors(weights), STATE: checkpoint.tensors(rest)})
    second.load(checkpoint.read_tensors(tmp_path / "c", WEIGHTS), checkpoint.read_tensors(tmp_path / "c", STATE))
    assert second.step == 7
    assert second.advance(12) == losses[1]
    for part, other in zip(whole.state(), second.state(), strict=True):
        assert part.keys() == other.keys()
        assert all(torch.equal(part[name], other[name]) for name in part)


@pytest.mark.parametrize("player", ["vae", "discriminator"])
def test_a_state_without_a_players_moments_is_refused(player):
    first, second = begin(KINDS[2]), begin(KINDS[2])
    first.advance(2)
    weights, rest = first.state()
    with pytest.raises(KeyError):
        second.load(weights, {name: value for name, value in rest.items() if not name.startswith(f"adam.{player}.")})


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_seed_fixes_everything(kind):
    torch.manual_seed(99)
    one = begin(kind).advance(4)
    torch.manual_seed(7)
    assert begin(kind).advance(4) == one


def test_training_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    begin(KINDS[0]).advance(2)
    assert torch.equal(torch.rand(3), expected)


def test_every_player_steps_with_its_own_optimiser():
    training = begin(KINDS[2])
    before = {name: value.clone() for name, value in training.model.state_dict().items()}
    training.advance(1)
    after = training.model.state_dict()
    assert {name.partition(".")[0] for name in after} == {"vae", "discriminator"}
    assert all(not torch.equal(before[name], after[name]) for name in after)


def test_divergence_names_the_loss_and_the_step():
    with pytest.raises(Diverged, match=r"vae.* not finite at step \d+"):
        begin(KINDS[0], lr=1e30).advance(200)


def attempt(folder, **changes):
    given = {
        "method": "beta_vae",
        "config": {"batch_size": 8},
        "seed": 0,
        "steps": 9,
        "reports": (3, 6, 9),
        "pictures": (6,),
        "options": {"size": 16},
        "folder": None if folder is None else str(folder),
        **changes,
    }
    return Attempt(**given)


def test_a_trial_continues_from_the_newest_whole_checkpoint(tmp_path):
    whole = Trial(attempt(tmp_path / "whole"))
    outcomes = [whole.advance() for _ in range(3)]
    assert [o.step for o in outcomes] == [3, 6, 9] and whole.done
    drawn = [[Path(p).name for p in o.pictures] for o in outcomes]
    assert drawn == [[], ["traversal.png", "loss_curves.png"], ["traversal.png", "loss_curves.png"]]
    cut = Trial(attempt(tmp_path / "cut"))
    names = [cut.advance().checkpoint for _ in range(2)]
    again = Trial(attempt(tmp_path / "again", checkpoints=tuple(reversed(names)), label="attempt-2"))
    assert again.training.step == 6
    assert again.advance().metrics == outcomes[2].metrics
    (tmp_path / "cut" / "step-000006-attempt-1" / STATE).write_bytes(b"cut short")
    again = Trial(attempt(tmp_path / "older", checkpoints=tuple(reversed(names)), label="attempt-2"))
    assert again.training.step == 3
    assert [again.advance().metrics, again.advance().metrics] == [o.metrics for o in outcomes[1:]]


def test_a_trial_keeps_two_checkpoints_and_every_picture(tmp_path):
    trial = Trial(attempt(tmp_path, pictures=(3, 6)))
    for _ in range(3):
        trial.advance()
    assert [p.name for p in sorted(tmp_path.glob("*/" + WEIGHTS))] == [WEIGHTS] * 2
    assert len(list(tmp_path.glob("*/traversal.png"))) == 3
    last = tmp_path / "step-000009-attempt-1"
    release(last, keep_weights=True)
    assert checkpoint.read_tensors(last, WEIGHTS)
    with pytest.raises(checkpoint.CheckpointError):
        checkpoint.read_tensors(last, STATE)


def test_evaluation_gives_what_the_data_allow():
    digits = Trial(attempt(None)).advance().metrics
    assert {"val/elbo", "val/kl", "val/kl_00", "val/reconstruction", "val/active_units", "train/vae"} <= set(digits)
    assert [name for name in digits if name.startswith("score/")] == ["score/gaussian_tc"]
    options = {"size": 16, "shapes": 1, "scales": 2, "orientations": 1, "positions": 24}
    trial = Trial(attempt(None, data="sprites", options=options))
    first, _, sprites = (trial.advance().metrics for _ in range(3))
    assert "score/mig" in first and "score/factor_vae_score" not in first
    assert {"score/mig", "score/factor_vae_score"} <= set(sprites)
    assert sprites["val/elbo"] == -(sprites["val/reconstruction"] + sprites["val/kl"])
