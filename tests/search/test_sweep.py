"""Sweep: rungs, reports, identity, overrides, and what it refuses."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from search.sweep import Sweep
from spaces import Joint, Space


def sweep(**changes):
    fields = {
        "name": "s",
        "methods": ["beta_vae"],
        "data": "sprites",
        "objectives": ["score/mig"],
        "budget": {"trials": 4, "steps": 900},
    }
    return Sweep.model_validate({**fields, **changes})


def test_shorthand_and_natural_directions():
    made = Sweep(name="s", method="beta_vae", data="sprites", objective="val/reconstruction")
    assert made.methods == ("beta_vae",)
    assert made.data.name == "sprites"
    assert [(o.metric, o.direction) for o in made.objectives] == [("val/reconstruction", "minimize")]
    assert sweep(objectives=[{"metric": "score/mig", "direction": "minimize"}]) != sweep()
    assert sweep(sampler="gp", schedule="median").schedule.name == "median"
    assert made.budget.trials == 32 and made.budget.steps == 2000


@pytest.mark.parametrize(
    ("schedule", "rungs"),
    [
        ({"name": "asha"}, (100, 300)),
        ({"name": "hyperband", "reduction_factor": 2}, (225, 450)),
        ({"name": "asha", "grace": 10}, (10, 30, 90, 270, 810)),
        ({"name": "asha", "rungs": [50, 60]}, (50, 60)),
        ({"name": "median"}, (112, 224, 336, 448, 560, 672, 784, 896)),
        ({"name": "median", "grace": 400}, (448, 560, 672, 784, 896)),
        ({"name": "none"}, ()),
    ],
)
def test_rungs(schedule, rungs):
    made = sweep(schedule=schedule)
    assert made.rungs == rungs
    assert set(rungs) <= set(made.report_steps)
    assert made.report_steps[-1] == 900


@settings(deadline=None)
@given(
    st.integers(1, 10**6),
    st.floats(1.5, 10),
    st.sampled_from(["asha", "hyperband", "median", "none"]),
    st.none() | st.integers(1, 10**6),
)
def test_rungs_ascend_below_the_budget(steps, factor, name, every):
    every = None if every is None else max(min(every, steps), -(-steps // 10_000))
    made = sweep(
        budget={"steps": steps},
        schedule={"name": name, "reduction_factor": factor},
        report_every=every,
    )
    for ascending in (made.rungs, made.report_steps):
        assert list(ascending) == sorted(set(ascending))
    assert all(1 <= rung < steps for rung in made.rungs)
    assert made.report_steps[-1] == steps
    assert set(made.rungs) <= set(made.report_steps)


def test_early_stopping_waits_for_ramps():
    made = sweep()
    assert made.judged_from({"lr": 1e-3}) == 0
    assert made.judged_from({"capacity": 25.0, "capacity_ramp": 0.5}) == 450


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("6m", 360), ("2h30m", 9000), ("1d", 86400), (12, 12)])
def test_wall_time(text, seconds):
    assert sweep(budget={"wall_time": text}).budget.wall_time == seconds


def test_identity():
    made = sweep()
    assert made.id == sweep().id and len(made.id) == 12
    same = made.replace(storage="elsewhere", concurrency=3, resources={"cpu": 2})
    assert same.id == made.id
    assert made.replace(budget={"trials": 9, "steps": 900, "wall_time": "1h"}).id == made.id
    for change in (
        {"name": "t"},
        {"seed": 1},
        {"space": {"lr": 1e-3}},
        {"sampler": {"seed": 1}},
        {"data": {"name": "sprites", "options": {"size": 32}}},
        {"budget": {"trials": 4, "steps": 901}},
        {"schedule": "none"},
    ):
        assert made.replace(**change).id != made.id, change


def test_replace_checks_again():
    with pytest.raises(ValidationError, match="rung 500 is beyond"):
        sweep(schedule={"rungs": [500]}).replace(budget={"steps": 400})
    with pytest.raises(ValidationError):
        sweep().seed = 3
    assert Sweep.model_validate(sweep().model_dump(mode="json")) == sweep()


def test_the_caller_s_mappings_are_copied():
    options, space = {"size": 32}, {"lr": {"low": 1e-4, "high": 1e-3}}
    made = sweep(data={"name": "sprites", "options": options}, space=space)
    options["size"], space["lr"]["low"] = 64, 1.0
    assert made.data.options == {"size": 32}
    assert made.spaces()["beta_vae"].domains["lr"].low == 1e-4


def test_overrides_reach_the_methods_they_mean():
    made = sweep(
        methods=["beta_vae", "factor_vae"],
        space={"lr": 1e-3, "gamma": [10, 100], "factor_vae": {"gamma": 6.4, "tc": "gaussian"}},
    )
    each = made.spaces()
    assert each["beta_vae"].domains["lr"].fixed == each["factor_vae"].domains["lr"].fixed == 1e-3
    assert each["beta_vae"].domains["gamma"].options == (10.0, 100.0)
    assert each["factor_vae"].domains["gamma"].fixed == 6.4
    assert "discriminator_lr" not in each["factor_vae"].searched
    assert isinstance(made.search_space(), Joint)
    assert isinstance(sweep().search_space(), Space)
    assert "beta_vae.gamma" in made.search_space().searched


def test_several_objectives_are_not_stopped_early():
    made = sweep(objectives=["score/mig", "val/elbo"])
    assert made.schedule.name == "none" and made.rungs == ()
    with pytest.raises(ValidationError, match="use schedule: none"):
        sweep(objectives=["score/mig", "val/elbo"], schedule="asha")


def test_nothing_to_search():
    fixed = {
        "form": "beta", "beta": 4, "latents": 10, "lr": 1e-3,
    }  # fmt: skip
    with pytest.raises(ValidationError, match="every hyperparameter is fixed"):
        sweep(space=fixed)
    assert sweep(space=fixed, budget={"trials": 1}).search_space().searched == ()


def test_what_samplers_can_do():
    both = ["beta_vae", "factor_vae"]
    for name in ("gp", "cmaes", "qmc"):
        assert sweep(sampler=name).sampler.name == name
        with pytest.raises(ValidationError, match="2 methods share none; use tpe"):
            sweep(methods=both, sampler=name)
    numbers = {"form": "beta", "beta": [1, 2], "latents": [8, 12], "lr": 1e-4}
    with pytest.raises(ValidationError, match="cmaes needs"):
        sweep(sampler="cmaes", space=numbers)
    assert sweep(sampler="gp", space=numbers)
    with pytest.raises(ValidationError, match="cmaes takes one objective"):
        sweep(sampler="cmaes", objectives=["score/mig", "val/elbo"])
    with pytest.raises(ValidationError, match="no random first trials"):
        sweep(sampler={"name": "qmc", "startup": 3})


@pytest.mark.parametrize(("gpu", "possible"), [(0.25, True), (1, True), (2, True), (1.5, False)])
def test_gpu_fractions(gpu, possible):
    if possible:
        assert sweep(resources={"gpu": gpu}).resources.gpu == gpu
    else:
        with pytest.raises(ValidationError, match="a fraction up to 1"):
            sweep(resources={"gpu": gpu})
