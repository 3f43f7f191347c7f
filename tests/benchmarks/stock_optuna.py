"""The work by plain Optuna as its documentation shows it: two processes share a study; MLflow is told by hand.

python stock_optuna.py WORK.json [COUNT]      with a COUNT this is one of the processes, which does so many trials
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import mlflow
import optuna
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from stock_trial import trial
from workload import BETA, LR, Work, load


def study(work: Work) -> optuna.Study:
    return optuna.create_study(
        study_name="stock",
        storage=JournalStorage(JournalFileBackend(f"{work.folder}/journal.log")),
        direction="maximize",
        sampler=optuna.samplers.TPESampler(),
        pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=work.rungs[0], reduction_factor=3)
        if work.stopping
        else optuna.pruners.NopPruner(),
        load_if_exists=True,
    )


def optimize(work: Work, count: int) -> None:
    """One process's share of the trials."""
    torch.set_num_threads(1)
    mlflow.set_tracking_uri(work.mlflow)
    mlflow.set_experiment("stock")
    data = work.arrays()

    def objective(trying: optuna.Trial) -> float:
        config = {
            "lr": trying.suggest_float("lr", *LR, log=True),
            "beta": trying.suggest_float("beta", *BETA, log=True),
        }
        with mlflow.start_run(run_name=f"trial-{trying.number}"):
            mlflow.log_params(config)
            for number, report in enumerate(trial(config, work, data), 1):
                torch.save(report.pop("state"), Path(work.folder, f"trial-{trying.number}.pt"))
                step = report.pop("step")
                mlflow.log_metrics(report, step=step)
                trying.report(report["mig"], number)
                if trying.should_prune():
                    raise optuna.TrialPruned
        return report["mig"]

    study(work).optimize(objective, n_trials=count)


def main(path: str) -> None:
    work = load(path)
    study(work)
    mlflow.set_tracking_uri(work.mlflow)
    mlflow.set_experiment("stock")
    command = [sys.executable, __file__, path]
    shares = [work.trials // work.slots + (n < work.trials % work.slots) for n in range(work.slots)]
    processes = [subprocess.Popen([*command, str(share)]) for share in shares]
    assert not any([process.wait() for process in processes])
    found = study(work)
    steps = sum(work.every * len(t.intermediate_values) for t in found.trials)
    print(json.dumps({"trials": len(found.trials), "steps": steps, "best": found.best_value}))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        optimize(load(sys.argv[1]), int(sys.argv[2]))
    else:
        main(sys.argv[1])
