"""Every space, by both halves: bare Optuna, bare Ray Tune domains, and against its method."""

import dataclasses
import math
import subprocess
import sys

import optuna
import pytest

import spaces
from spaces import Choice, Float, Int

optuna.logging.set_verbosity(optuna.logging.WARNING)
METHODS = spaces.names()


def inside(space: spaces.Space, config: dict) -> None:
    """The configuration holds exactly the active hyperparameters, each within what is tried."""
    for key, domain in space.domains.items():
        active = all(config.get(p) in values for p, values in (domain.when or {}).items())
        assert (key in config) == active, key
        if active and domain.fixed is not None:
            assert config[key] == domain.fixed
        elif active and domain.options is not None if not isinstance(domain, Choice) else active:
            assert config[key] in domain.options
        elif active:
            assert domain.low <= config[key] <= domain.high
            assert type(config[key]) is (int if isinstance(domain, Int) else float)


def tpe() -> optuna.samplers.BaseSampler:
    return optuna.samplers.TPESampler(seed=1, multivariate=True, group=True, n_startup_trials=5)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("make", [lambda: optuna.samplers.RandomSampler(seed=1), tpe])
def test_bare_optuna(method, make):
    space = spaces.load(method)
    study = optuna.create_study(sampler=make())
    for _ in range(25):
        trial = study.ask()
        config = space.suggest(trial)
        inside(space, config)
        assert set(trial.params) <= set(space.searched)
        study.tell(trial, config["lr"])


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_joint_with_bare_optuna():
    joint = spaces.join({name: spaces.load(name) for name in METHODS})
    study = optuna.create_study(sampler=tpe())
    seen = set()
    for _ in range(30):
        trial = study.ask()
        config = joint.suggest(trial)
        method = config.pop("method")
        seen.add(method)
        inside(spaces.load(method), config)
        assert set(trial.params) <= {"method"} | {f"{method}.{key}" for key in config}
        study.tell(trial, config["lr"])
    assert seen == set(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_bare_ray_domains(method):
    space = spaces.load(method)
    param_space = space.to_tune()
    assert set(space.searched) <= set(param_space) <= set(space.domains)
    for key, drawn in param_space.items():
        domain = space.domains[key]
        if domain.fixed is not None:
            assert drawn == domain.fixed
            continue
        for value in drawn.sample(size=40):
            if isinstance(domain, Choice):
                assert value in domain.options
            else:
                assert domain.low <= value <= domain.high
            space.check({key: value.item() if hasattr(value, "item") else value})
    reached = Int(3, 4).to_tune().sample(size=64)
    assert set(reached) == {3, 4}
    assert set(Int(3, 4, log=True).to_tune().sample(size=64)) == {3, 4}
    assert set(Float(0, 1).change([0.5, 1]).to_tune().sample(size=64)) == {0.5, 1.0}


def test_joint_for_ray_has_every_method():
    joint = spaces.join({name: spaces.load(name) for name in METHODS})
    drawn = joint.to_tune()
    assert set(drawn["method"].categories) == set(METHODS)
    assert {f"{m}.lr" for m in METHODS} <= set(drawn)
    assert set(joint.searched) <= set(drawn)


@pytest.mark.parametrize("method", METHODS)
def test_keys_are_the_method_s_hyperparameters(method):
    import trainables

    hyperparameters = trainables.method(method).Hyperparameters
    fields = {field.name for field in dataclasses.fields(hyperparameters)}
    assert set(spaces.load(method).fields) == fields


@pytest.mark.parametrize("method", METHODS)
def test_the_method_takes_every_extreme(method):
    """Each end of each range, and each option, is accepted by the method's own checks."""
    import trainables
    from trainables.core.contract import hyperparameters

    space = spaces.load(method)
    for key, domain in space.domains.items():
        values = domain.options if isinstance(domain, Choice) else (domain.low, domain.high)
        for value in values:
            hyperparameters(trainables.method(method), {key: value}, budget=100)


PUBLISHED = [
    ("beta_vae", "beta", [1, 2, 4, 6, 8, 16]),
    ("beta_vae", "beta", [4, 8, 10, 12]),
    ("beta_vae", "capacity", [5, 10, 25, 50, 75, 100]),
    ("beta_vae", "gamma", [100, 1000]),
    ("beta_vae", "latents", [8, 10, 12, 20]),
    ("beta_vae", "lr", [1e-4]),
    ("factor_vae", "gamma", [6.4, 10, 20, 30, 35, 40, 50, 100]),
    ("factor_vae", "latents", [10]),
    ("factor_vae", "discriminator_units", [1000]),
    ("factor_vae", "lr", [1e-4]),
    ("factor_vae", "discriminator_lr", [1e-4]),
]


@pytest.mark.parametrize(("method", "key", "values"), PUBLISHED)
def test_published_grids_are_covered(method, key, values):
    domain = spaces.load(method).domains[key]
    assert all(domain.low <= value <= domain.high for value in values)
    grid = spaces.load(method).override({key: values})
    assert key in grid.searched or len(values) == 1


def test_unknown_space():
    with pytest.raises(ValueError, match=r"'beta_vea'.*beta_vae, class_conditional_vae.*mean 'beta_vae'"):
        spaces.load("beta_vea")


def test_only_the_standard_library_is_imported():
    code = (
        "import sys, spaces; [spaces.load(n) for n in spaces.names()];"
        "print({m.split('.')[0] for m in sys.modules} & "
        "{'ray', 'optuna', 'torch', 'numpy', 'pydantic', 'yaml'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_finite_ends():
    for method in METHODS:
        for domain in spaces.load(method).domains.values():
            if not isinstance(domain, Choice):
                assert math.isfinite(domain.low) and domain.low < domain.high
