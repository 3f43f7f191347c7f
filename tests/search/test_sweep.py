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
        ({"name": "asha"}, (300,)),
        ({"name": "asha", "reduction_factor": 1.5}, (300, 450, 675)),
        ({"name": "hyperband"}, (100, 300)),
        ({"name": "hyperband", "reduction_factor": 2}, (225, 450)),
        ({"name": "asha", "grace": 10}, (10, 30, 90, 270, 810)),
        ({"name": "asha", "rungs": [50, 60]}, (50, 60)),
        ({"name": "median"}, (336, 448, 560, 672, 784, 896)),
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


def test_several_objectives_are_stopped_by_asha_alone():
    assert sweep(objectives=["score/mig", "val/elbo"]).rungs == (300,)
    with pytest.raises(ValidationError, match="asha stops them by their non-dominated rank"):
        sweep(objectives=["score/mig", "val/elbo"], schedule="median")


@pytest.mark.parametrize(
    ("said", "count", "adaptive"),
    [(1, 1, False), (4, 4, False), ("adaptive", 5, True), ({"count": 3, "adaptive": True}, 3, True)],
)
def test_seeds(said, count, adaptive):
    made = sweep(seeds=said)
    assert (made.seeds.count, made.seeds.adaptive) == (count, adaptive)
    assert Sweep.model_validate(made.model_dump(mode="json")) == made


def test_what_is_not_used_is_not_written():
    assert not {"seeds", "constraints", "scores", "picked"} & set(sweep().model_dump())
    assert sweep(seeds=1, constraints=[]).id == sweep().id != sweep(seeds=2).id


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seeds": 5}, "not one configuration under 5 seeds"),
        ({"seeds": 0}, "seeds.count"),
        ({"seeds": "many"}, "the word adaptive"),
        ({"seeds": {"count": 1, "adaptive": True}}, "count is 1"),
        ({"seeds": "adaptive", "sampler": "nsga2"}, "tpe, gp, random"),
        ({"objectives": ["score/udr"]}, "seeds: 5"),
        ({"objectives": ["score/udr"], "seeds": "adaptive"}, "not adaptive"),
        ({"objectives": [{"metric": "score/mig", "over_seeds": "lower_bound"}]}, "at least 2 seeds"),
        ({"objectives": [{"metric": "score/mig", "over_seeds": "best"}]}, "'mean', 'median' or 'lower_bound'"),
        ({"constraints": ["colapsed"]}, "did you mean 'collapsed'"),
        ({"constraints": ["collapsed", "collapsed"]}, "twice"),
        ({"constraints": ["leak"]}, "class_free, which beta_vae cannot give"),
        ({"constraints": ["discriminator_at_chance"]}, "beta_vae cannot give"),
        ({"constraints": ["collapsed"], "sampler": "cmaes"}, "cmaes knows no constraints"),
        ({"scores": ["migg"]}, "did you mean 'mig'"),
        ({"scores": ["error"]}, "cannot be given"),
    ],
)
def test_seeds_constraints_and_scores_that_cannot_be(changes, says):
    with pytest.raises(ValidationError, match=says):
        sweep(**changes)


def test_limits_of_constraints():
    made = sweep(constraints=["collapsed", {"condition": "dead_latents", "at_most": 0.2}])
    assert [(c.condition, c.at_most) for c in made.constraints] == [("collapsed", 0.0), ("dead_latents", 0.2)]


CAPACITY = {"form": "capacity"}


@pytest.mark.parametrize(
    ("ramp", "rungs"),
    [
        (0.5, (450,)),
        ({"low": 0.4, "high": 0.5}, (360, 450)),
        ({"low": 0.25, "high": 0.85}, (300, 765)),
        ({"low": 0.05, "high": 0.1}, (300,)),
        ([0.2, 0.4], (300, 360)),
    ],
)
def test_rungs_lie_behind_the_shortest_ramp(ramp, rungs):
    assert sweep(space={**CAPACITY, "capacity_ramp": ramp}).rungs == rungs


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"space": {**CAPACITY, "capacity_ramp": 1.0}}, "asha could stop no trial: ramps end at step 900"),
        ({"space": {**CAPACITY, "capacity_ramp": 0.5}, "schedule": {"rungs": [100, 300]}}, "last rung is 300"),
        ({"space": {**CAPACITY, "capacity_ramp": 0.5}, "schedule": {"rungs": [100, 600]}}, "begin at 450"),
        ({"space": {**CAPACITY, "capacity_ramp": 0.5}, "schedule": {"grace": 90}}, "leave grace out"),
    ],
)
def test_ramps_that_leave_no_room_are_said(changes, says):
    with pytest.raises(ValidationError, match=says):
        sweep(**changes)


def test_a_method_without_ramps_leaves_room():
    assert sweep(methods=["beta_vae", "factor_vae"], space={"beta_vae": {**CAPACITY, "capacity_ramp": 1.0}}).rungs


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
