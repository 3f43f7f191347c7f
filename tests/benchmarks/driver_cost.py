"""What a trial and a report cost the driver, in milliseconds of its CPU time: on a real Ray, with training made up.

python driver_cost.py

Trials report at once, and the searcher is random: what is left is recording, deciding, and Ray's own work in the
driver. Two sweeps that differ in how often a trial reports tell a report from a trial.
"""

from __future__ import annotations

import json
import os
import tempfile
import time

os.environ.update(OMP_NUM_THREADS="1", RAY_AUTH_MODE="disabled", RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0")

import simulation

from search import connection, on_ray
from search.run import Driver, create, loop
from trainables.core.ray_trainable import ATTEMPT, REPORT, SweepTrial

TRIALS, FEW, MANY = 24, 2, 42
METRICS = 25
"""Metrics of a report: about as many as a real one has."""


class Quick(SweepTrial):
    """Makes its reports up."""

    def setup(self, config):
        self._reports, self._unwell = list(config[ATTEMPT]["reports"]), False

    def step(self):
        step = self._reports.pop(0)
        metrics = {f"made/up_{n}": 1.0 / (step + n) for n in range(METRICS)} | {"score/mig": 1 - 1 / step}
        said = {"step": step, "metrics": metrics, "checkpoint": None, "pictures": [], "host": "here"}
        return {REPORT: json.dumps(said)}


def swept(reports: int) -> tuple[float, float]:
    """CPU and wall seconds of the driver for a sweep of so many reports a trial."""
    with tempfile.TemporaryDirectory() as storage:
        sweep = simulation.sweep(
            storage,
            trials=TRIALS,
            steps=100 * reports,
            report_every=100,
            sampler="random",
            schedule="none",
            methods=["beta_vae"],
            name=f"driver-{reports}",
            concurrency=2,
        )
        place, ledger = create(sweep)
        with ledger:
            driver = Driver(place, sweep, loop(ledger, sweep, concurrency=2))
            cpu, wall = time.process_time(), time.perf_counter()
            on_ray.run(driver, trial=Quick)
            return time.process_time() - cpu, time.perf_counter() - wall


def main() -> None:
    with tempfile.TemporaryDirectory() as storage:
        connection.connect(simulation.sweep(storage))
    try:
        swept(FEW)
        few, many = swept(FEW), swept(MANY)
    finally:
        connection.disconnect()
    report = (many[0] - few[0]) / TRIALS / (MANY - FEW)
    trial = few[0] / TRIALS - FEW * report
    found = {"report": 1000 * report, "trial": 1000 * trial, "wall": 1000 * few[1] / TRIALS}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
