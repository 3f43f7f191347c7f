"""The work by Ray Tune as its documentation shows it: OptunaSearch, ASHA, MLflowLoggerCallback, checkpoints.

python stock.py WORK.json
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import ray
import torch
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch
from stock_trial import trial
from workload import BETA, LR, Work, load


def train(config: dict[str, float], work: Work, data: dict[str, Any]) -> None:
    """A report and a checkpoint at each interval."""
    for report in trial(config, work, data):
        with tempfile.TemporaryDirectory() as folder:
            torch.save(report.pop("state"), Path(folder, "checkpoint.pt"))
            tune.report(report, checkpoint=tune.Checkpoint.from_directory(folder))


def main(path: str) -> None:
    work = load(path)
    ray.init(num_cpus=work.slots)
    scheduler = ASHAScheduler(
        time_attr="training_iteration", max_t=work.reports, grace_period=work.rungs[0], reduction_factor=3
    )
    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(train, work=work, data=work.arrays()), {"cpu": 1}),
        param_space={"lr": tune.loguniform(*LR), "beta": tune.loguniform(*BETA)},
        tune_config=tune.TuneConfig(
            metric="mig",
            mode="max",
            search_alg=OptunaSearch(seed=0),
            scheduler=scheduler if work.stopping else None,
            num_samples=work.trials,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name="stock",
            storage_path=work.folder,
            callbacks=[MLflowLoggerCallback(tracking_uri=work.mlflow, experiment_name="stock")],
        ),
    )
    results = tuner.fit()
    assert not results.num_errors
    steps = [result.metrics["step"] for result in results]
    print(json.dumps({"trials": len(results), "steps": sum(steps), "best": results.get_best_result().metrics["mig"]}))


if __name__ == "__main__":
    main(sys.argv[1])
