"""A sweep on Ray Tune: a searcher that hands out assignments, a scheduler that records and decides.

Both only translate between Ray and the ``Driver``. How many trials are handed out follows from the cluster, also while
it grows or shrinks. Ray's trial ids last as long as one session; trial numbers come from the ledger. Of Ray's own
records (experiment state, result files) nothing is kept: the ledger has it.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.execution import class_cache
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher
from ray.tune.stopper import Stopper

from cluster.capacity import capacity
from cluster.datasets import Datasets
from search.assignment import Assignment, Finished, Wait
from search.connection import concurrency, wanted
from search.last_words import last_words
from search.run import Driver, attempt, source
from trainables.core.dataset import prepare_source
from trainables.core.ray_trainable import ATTEMPT, REPORT, SHARE, SweepTrial

DRIVER = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
    "TUNE_WARN_THRESHOLD_S": "60",
    # Tune asks for a trial whenever fewer than so many wait; how many are handed out is the loop's to say.
    "TUNE_MAX_PENDING_TRIALS_PG": "100000",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


KEPT = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN")
"""Tune would hand these on to its workers, and Ray write them into its logs; every node has its own."""

CHATTY = ("ray.tune.execution.tune_controller", "ray.tune.tune")
"""Loggers of Tune that print a stack for each process that dies; the ledger has why, and ``Driver`` what is done."""

NODE = "node"
"""Key of a trial's Ray configuration with the node that it should be placed on, where that matters."""

EVERY = 2.0
"""Seconds between two looks at the cluster."""


class Cluster:
    """Follows the cluster: how many trials fit, and which nodes have the dataset."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._looked = -EVERY
        self.datasets = Datasets(
            partial(prepare_source, source(driver.sweep.data), data_root=driver.data_root), wanted(driver.sweep)
        )

    def look(self) -> None:
        """Let the loop hand out as many trials as the cluster now holds, and those that would make it grow."""
        if time.monotonic() - self._looked >= EVERY:
            self._looked = time.monotonic()
            found = concurrency(self._driver.sweep, capacity(wanted(self._driver.sweep)))
            # With no node left for a trial, one waits for the node that comes back.
            self._driver.loop.concurrency = max(1, found)

    def __getstate__(self) -> dict[str, Any]:
        return {}


class Search(Searcher):
    """Hands the driver's assignments to Ray."""

    def __init__(self, driver: Driver, assignments: dict[str, Assignment]) -> None:
        super().__init__(metric=None, mode=None)
        self._driver = driver
        self._assignments = assignments
        self._cluster = Cluster(driver)

    def set_search_properties(self, *_: Any, **__: Any) -> bool:
        return True

    def suggest(self, trial_id: str) -> Any:
        self._cluster.look()
        given = self._driver.next()
        if isinstance(given, Finished):
            return Searcher.FINISHED
        if isinstance(given, Wait):
            return None
        self._assignments[trial_id] = given
        node = self._cluster.datasets.prefer(trial_id)
        return {ATTEMPT: attempt(self._driver, given), SHARE: given.gpu, NODE: node}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """``Decide`` has recorded the ending already."""
        self._cluster.datasets.leave(trial_id)

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore."""


class Decide(FIFOScheduler):
    """Passes each result to the driver before anything else sees it, and its verdict to Ray."""

    def __init__(self, driver: Driver, assignments: dict[str, Assignment]) -> None:
        super().__init__()
        self._driver = driver
        self._assignments = assignments

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        over = self._driver.take(self._assignments[trial.trial_id], json.loads(result[REPORT]))
        return TrialScheduler.STOP if over else TrialScheduler.CONTINUE

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        # A failing trial reports so itself (``SweepTrial``): this is a process or a node that died.
        said = Path(trial.error_file).read_text() if trial.error_file else ""
        host = (trial.last_result or {}).get("hostname", "")
        self._driver.lose(self._assignments[trial.trial_id], last_words(said, host))


class StopWhenAsked(Stopper):
    """Ends the run when the loop is stopping; single trials are stopped by ``Decide``."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._driver.loop.stopping


def run(driver: Driver, *, trial: type[SweepTrial] = SweepTrial) -> None:
    """Run a loop's trials on the connected Ray until its budget is spent or ``driver.loop.stopping`` is set.

    ``trial`` is the class of its workers.
    """
    assignments: dict[str, Assignment] = {}
    class_cache.ENV_VARS_TO_PROPAGATE.difference_update(KEPT)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with _environment(DRIVER):
        scratch = tempfile.mkdtemp(prefix="teasel-")
        try:
            tune.Tuner(
                tune.with_resources(trial, partial(placement, driver.sweep.resources.cpu)),
                tune_config=tune.TuneConfig(
                    search_alg=Search(driver, assignments),
                    scheduler=Decide(driver, assignments),
                    num_samples=-1,
                    reuse_actors=True,
                    trial_dirname_creator=lambda trial: trial.trial_id,
                ),
                run_config=tune.RunConfig(
                    name="tune",
                    storage_path=scratch,
                    stop=StopWhenAsked(driver),
                    verbose=0,
                ),
            ).fit()
        finally:
            shutil.rmtree(Path(scratch), ignore_errors=True)


def placement(cpu: float, config: dict[str, Any]) -> tune.PlacementGroupFactory:
    """What one trial takes, and the node that it should be placed on."""
    bundle = {"CPU": cpu, "GPU": config[SHARE]}
    if (node := config.get(NODE)) is None:
        return tune.PlacementGroupFactory([bundle])
    return tune.PlacementGroupFactory([bundle], strategy="STRICT_PACK", _soft_target_node_id=node)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
