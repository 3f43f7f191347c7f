"""Which scores an evaluation computes: when it is time for them or they are asked for, and the rows are enough."""

from __future__ import annotations

import pytest
import torch

import trainables
from trainables import scores
from trainables.core import boosting
from trainables.core.dataset import open_dataset
from trainables.core.evaluation import evaluate

AT_END = {"score/sap", "score/modularity", "score/explicitness", "score/factor_vae_score", "score/beta_vae_score"}
ASKED = {"score/dci_disentanglement", "score/dci_completeness", "score/dci_informativeness"}
ALWAYS = {"score/mig", "score/irs", "score/mask", "score/gaussian_tc", "val/elbo", "val/active_units", "probe/z"}


@pytest.fixture(scope="module")
def sprites():
    """2,048 images of three factors, 205 of them held out."""
    return open_dataset("sprites", {"size": 16, "shapes": 1, "scales": 2, "orientations": 1, "positions": 32})


@pytest.fixture
def given(sprites, monkeypatch):
    """The metrics of a model with random weights."""
    monkeypatch.setattr(boosting, "STAGES", 2)
    method = trainables.method("beta_vae")
    hp = method.Hyperparameters()
    torch.manual_seed(0)
    model = method.build(hp, sprites.split("train").spec)

    def metrics(**settings):
        found = evaluate(method, model, hp, sprites, **{"part": "all", "points": 600, **settings}).metrics
        return set(found) & set(scores.metrics())

    return metrics


def test_what_costs_much_is_left_to_the_end_and_to_those_who_ask(given):
    at_report = given(last=False)
    assert at_report == (ALWAYS & at_report) | {"val/reconstruction", "val/kl"}
    assert ALWAYS - at_report <= {"probe/z"}, "sprites of one shape have a single class"
    assert given() == given(last=True) == at_report | AT_END
    assert given(last=False, asked=["score/sap"]) == at_report | {"score/sap"}
    assert given(last=False, asked=("score/explicitness", "score/dci_completeness")) == (
        at_report | {"score/modularity", "score/explicitness"} | ASKED
    )
    assert given(asked={"score/dci_disentanglement"}) == at_report | AT_END | ASKED


def test_a_metric_of_many_models_and_one_of_another_kind_are_not_of_this_evaluation(given):
    assert given(last=False, asked=["score/udr", "train/loss"]) == given(last=False)


def test_too_few_rows_give_no_metric_instead_of_a_wrong_one(given):
    assert "score/beta_vae_score" not in given(points=299) and "score/factor_vae_score" in given(points=299)
    few = given(points=99, asked=["score/dci_completeness", "score/sap"])
    assert {"val/elbo", "val/reconstruction", "val/kl", "val/active_units"} <= few
    assert {name for name in few if name.startswith("score/")} <= {"score/mask"}
    assert not any(name.startswith("score/") for name in given(points=1))
