"""Either half stands alone: methods under bare Ray Tune, spaces under bare Optuna."""

import subprocess
import sys

BARE_RAY = """
import sys
import ray, spaces, trainables
from ray import tune

ray.init(address=sys.argv[1], log_to_driver=False)
results = tune.Tuner(
    trainables.load("beta_vae", options={"size": 16}, steps=20, reports=(10, 20)),
    param_space={**spaces.load("beta_vae").to_tune(), "batch_size": 16},
    tune_config=tune.TuneConfig(metric="val/elbo", mode="max", num_samples=2),
    run_config=tune.RunConfig(
        storage_path=sys.argv[2],
        verbose=0,
        checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1),
    ),
).fit()
assert not results.errors
assert [result.metrics["step"] for result in results] == [20, 20]
assert "optuna" not in sys.modules and "search" not in sys.modules
"""

BARE_OPTUNA = """
import sys
import optuna, spaces

study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
trial = study.ask()
config = spaces.load("beta_vae").suggest(trial)
assert set(trial.params) <= set(config) and config["latents"] >= 1
assert not {"torch", "ray", "search", "trainables"} & set(sys.modules)
"""


def test_bare_ray_tune(tmp_path, ray_address):
    """A method and its space work without Teasel's search."""
    ran = subprocess.run(
        [sys.executable, "-c", BARE_RAY, ray_address, str(tmp_path)], capture_output=True, text=True, timeout=200
    )
    assert ran.returncode == 0, ran.stderr


def test_a_bare_trainable_says_what_the_data_lack():
    code = """
import trainables

def refused(call):
    try:
        call()
    except ValueError as error:
        return str(error)
    raise AssertionError("nothing was refused")

small = {"options": {"size": 16}, "steps": 4}
assert "--secondary" not in refused(lambda: trainables.load("jade", **small)({}))
assert "jade on digits: it trains on two datasets" in refused(lambda: trainables.load("jade", **small)({}))
assert "No dataset 'mnits'" in refused(lambda: trainables.load("jade", secondary="mnits"))
assert "has no class '11'" in refused(lambda: trainables.load("beta_vae", subset={"only": 11}))
words = refused(lambda: trainables.load("paired_xcov_autoencoder", **small)({}))
assert "paired_xcov_autoencoder on digits" in words and "identity" in words
made = trainables.load("paired_classifier", secondary="digits", subset={"per_class": 3}, reports=(2, 4), **small)
first = made({"channels": 4, "batch_size": 4}).train()
assert first["step"] == 2 and not first["done"]
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert ran.returncode == 0, ran.stderr


def test_bare_optuna():
    """A space works with an Optuna trial alone."""
    ran = subprocess.run([sys.executable, "-c", BARE_OPTUNA], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
