"""Runs experiments in processes, one core each; every record is on disk before the next experiment begins.

A run that was interrupted goes on where it ended: what has a record is not done again.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from search.reproduction.core.experiment import Experiment, Plan, perform


def recorded(file: Path) -> dict[str, dict[str, Any]]:
    """The records of ``file`` by key; a last line that was cut short is left out."""
    if not file.exists():
        return {}
    found = {}
    for line in file.read_text().splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        found[record["key"]] = record
    return found


def run(
    experiments: Iterable[Experiment], plan: Plan, file: Path, done: Callable[[Mapping[str, Any]], None]
) -> list[dict[str, Any]]:
    """The records of all ``experiments``, in their order; those without one are performed, ``plan.workers`` at once.

    ``done`` is told of each record, old or new. An experiment that fails ends the run, and raises what it raised.
    """
    wanted = list(experiments)
    have = recorded(file)
    for experiment in wanted:
        if experiment.key in have:
            done(have[experiment.key])
    missing = [experiment for experiment in wanted if experiment.key not in have]
    if missing:
        file.parent.mkdir(parents=True, exist_ok=True)
        # More threads than this in each process would fight for the cores.
        os.environ["OMP_NUM_THREADS"] = "1"
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(plan.workers, mp_context=context) as pool, open(file, "a") as log:
            _end_line(file, log)
            jobs = [pool.submit(perform, e, plan.data_root, plan.device) for e in missing]
            try:
                for job in as_completed(jobs):
                    record = job.result()
                    log.write(json.dumps(record) + "\n")
                    log.flush()
                    os.fsync(log.fileno())
                    have[record["key"]] = record
                    done(record)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return [{**have[e.key], "row": e.row, "seed": e.seed} for e in wanted]


def _end_line(file: Path, log: Any) -> None:
    """Close a line that an interruption left open, so that the next record has a line of its own."""
    if file.stat().st_size and not file.read_bytes().endswith(b"\n"):
        log.write("\n")
