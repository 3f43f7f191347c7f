"""A sweep as the documentation of Ray Tune shows it: OptunaSearch, ASHA, MLflowLoggerCallback, checkpoints, restore.

python stock_sweep.py STORAGE MLFLOW-URI RAY-ADDRESS [nan|missing|text]

A function trainable that reports with a checkpoint at every step and goes on from one; ``FailureConfig`` retries what
died; started again, ``Tuner.restore`` goes on with the experiment. Training is a made-up curve.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

NAME, TRIALS, STEPS, PAUSE = "stock", 4, 12, 0.15
ODD: dict[str, dict[str, Any]] = {"nan": {"score": math.nan}, "missing": {}, "text": {"score": "text"}, "": {}}


def train(config: dict[str, Any], odd: str = "") -> None:
    """Twelve steps, from the checkpoint on where there is one."""
    step = 0
    if (checkpoint := tune.get_checkpoint()) is not None:
        with checkpoint.as_directory() as folder:
            step = json.loads(Path(folder, "state.json").read_text())["step"]
    while step < STEPS:
        time.sleep(PAUSE)
        step += 1
        said: dict[str, Any] = {"score": math.exp(-abs(math.log10(config["lr"]) + 3)) * (1 - math.exp(-step / 4))}
        if odd and step == 3 and config["lr"] < 2e-3:
            said = ODD[odd]
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "state.json").write_text(json.dumps({"step": step}))
            tune.report({**said, "step": step}, checkpoint=tune.Checkpoint.from_directory(folder))


def main(storage: str, mlflow: str, address: str, odd: str = "") -> None:
    """Begin the experiment, or go on with it."""
    ray.init(address=address, log_to_driver=False)
    trainable = tune.with_resources(tune.with_parameters(train, odd=odd), {"cpu": 1})
    if tune.Tuner.can_restore(f"{storage}/{NAME}"):
        tuner = tune.Tuner.restore(f"{storage}/{NAME}", trainable=trainable, resume_errored=True)
    else:
        tuner = tune.Tuner(
            trainable,
            param_space={"lr": tune.loguniform(1e-5, 1e-1)},
            tune_config=tune.TuneConfig(
                metric="score",
                mode="max",
                search_alg=OptunaSearch(seed=0),
                scheduler=ASHAScheduler(time_attr="training_iteration", max_t=STEPS, grace_period=6),
                num_samples=TRIALS,
            ),
            run_config=tune.RunConfig(
                name=NAME,
                storage_path=storage,
                failure_config=tune.FailureConfig(max_failures=3),
                callbacks=[MLflowLoggerCallback(tracking_uri=mlflow, experiment_name=NAME)],
            ),
        )
    tuner.fit()


if __name__ == "__main__":
    main(*sys.argv[1:])
