"""The same faults against ``stock_sweep``, and what its files and its MLflow hold afterwards.

A row is a trial's step. One is lost where a file or MLflow had it before the fault and has it no more, or where one of
the two lacks what the other one has; it is doubled where one of them has it twice.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests_chaos import heads, mlflows, stock_sweep, tries
from tests_chaos.fault import Outcome
from tests_chaos.nodes import Cluster

Row = tuple[str, int]


class Sweep:
    """One stock sweep in a storage, and the process that runs it."""

    def __init__(self, storage: Path, odd: str = "", *, uri: str = "", database: Path | None = None) -> None:
        self.storage = storage
        self.odd = odd
        self.database = database or tries.empty_database(storage)
        self.uri = uri or f"sqlite:///{self.database}"
        self._begun = time.time() * 1000

    def start(self, at: heads.Head | None = None, **environment: str) -> subprocess.Popen[bytes]:
        """Begin it, or restore it."""
        there = at or heads.head()
        script = str(Path(stock_sweep.__file__))
        words = [str(self.storage), self.uri, there.address, *([self.odd] if self.odd else [])]
        with (self.storage / "said.txt").open("a") as said:
            return subprocess.Popen(
                [sys.executable, script, *words],
                stdout=said,
                stderr=said,
                env={**there.environment, "MLFLOW_DISABLE_TELEMETRY": "true", **environment},
            )

    def files(self) -> Counter[Row]:
        """Steps by trial in Tune's result files."""
        found: Counter[Row] = Counter()
        for path in (self.storage / stock_sweep.NAME).glob("*/result.json"):
            for line in path.read_text().splitlines():
                with contextlib.suppress(ValueError):
                    said = json.loads(line)
                    found[said["trial_id"], said["step"]] += 1
        return found

    def runs(self) -> list[tuple[str, str, list[int]]]:
        """MLflow's runs: trial, status and steps."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=60)) as base:
            # A server may hold those of other tries.
            chosen = (
                "SELECT run_uuid, status FROM runs JOIN experiments USING (experiment_id) WHERE experiments.name = ?"
            )
            runs = base.execute(f"{chosen} AND start_time > ?", [stock_sweep.NAME, self._begun]).fetchall()
            name = "SELECT value FROM tags WHERE run_uuid = ? AND key = 'trial_name'"
            steps = "SELECT value FROM metrics WHERE run_uuid = ? AND key = 'step'"
            return [
                (
                    base.execute(name, [run]).fetchone()[0].rpartition("train_")[2],
                    status,
                    [int(value) for (value,) in base.execute(steps, [run])],
                )
                for run, status in runs
            ]

    def metrics(self) -> Counter[Row]:
        """Steps by trial in MLflow."""
        return Counter((trial, step) for trial, _, steps in self.runs() for step in steps)

    def rows(self) -> int:
        """How many rows there are so far; Tune brings its files to the storage late."""
        return self.metrics().total()

    def outcome(self, code: int | None, before: tuple[Counter[Row], Counter[Row]], seconds: float | None) -> Outcome:
        """What became of it."""
        files, metrics = self.files(), self.metrics()
        lost = len(set(before[0]) - set(files)) + len(set(before[1]) - set(metrics)) + len(set(files) ^ set(metrics))
        doubled = sum(n - 1 for found in (files, metrics) for n in found.values())
        runs = self.runs()
        trials = {trial for trial, _ in files}
        wrong = [f"exit code {code}"] if code else []
        wrong += [f"{len(runs)} runs in MLflow"] if len(runs) != stock_sweep.TRIALS else []
        wrong += [f"{len(trials)} trials of {stock_sweep.TRIALS}"] if len(trials) != stock_sweep.TRIALS else []
        left = sum(status == "RUNNING" for _, status, _ in runs)
        wrong += [f"{left} runs left RUNNING in MLflow"] if left else []
        wrong += [f"{lost} rows lost, {doubled} doubled"] if lost or doubled else []
        return Outcome(survived=not wrong, lost=lost, doubled=doubled, seconds=seconds, note="; ".join(wrong))


def _end(process: subprocess.Popen[bytes], seconds: float = 90) -> int | None:
    """Its exit code; ``None`` where it does not end."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return 124


def _wait_for(sweep: Sweep, rows: int, process: subprocess.Popen[bytes]) -> float | None:
    """The seconds until there are more rows; ``None`` where there never are."""
    begun = time.monotonic()
    while sweep.rows() <= rows and time.monotonic() < begun + 60:
        if process.poll() is not None:
            return None
        time.sleep(0.05)
    return time.monotonic() - begun


def odd(storage: Path, seed: int) -> Outcome:
    """Trials report NaN, nothing or text as their objective at step 3."""
    sweep = Sweep(storage, ("nan", "missing", "text")[seed % 3])
    found = sweep.outcome(_end(sweep.start()), (Counter(), Counter()), None)
    return Outcome(**{**found.__dict__, "note": found.note and f"{sweep.odd}: {found.note}"})


def worker(storage: Path, seed: int) -> Outcome:
    """A worker is killed at a random moment."""
    sweep = Sweep(storage)
    process = sweep.start()
    _wait_for(sweep, 2, process)
    time.sleep(random.Random(seed).random())
    killed = False
    while not killed and process.poll() is None:
        before = sweep.files(), sweep.metrics()
        killed = any(_kill(pid) for pid in _workers())
    seconds = _wait_for(sweep, before[1].total() + 1, process)
    found = sweep.outcome(_end(process), before, seconds)
    return found if killed else Outcome(survived=False, note="no worker was found")


def _workers() -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().startswith((b"ray::ImplicitFunc", b"ray::train")):
                found.append(int(path.parent.name))
    return found[-1:]


def _kill(pid: int) -> bool:
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


def driver(storage: Path, seed: int) -> Outcome:
    """The driver is killed four times at random moments, and restored each time."""
    rng, sweep = random.Random(seed), Sweep(storage)
    seconds: list[float] = []
    for _ in range(4):
        process = sweep.start()
        waited = _wait_for(sweep, sweep.rows(), process)
        seconds += [] if waited is None else [waited]
        time.sleep(2 * rng.random())
        process.kill()
        process.wait()
    before = sweep.files(), sweep.metrics()
    return sweep.outcome(_end(sweep.start()), before, max(seconds, default=None))


def torn(storage: Path, seed: int) -> Outcome:
    """The driver is killed, and of its experiment state the last bytes never reached the disk."""
    sweep = Sweep(storage)
    process = sweep.start()
    _wait_for(sweep, 4, process)
    time.sleep(1)
    process.kill()
    process.wait()
    before = sweep.files(), sweep.metrics()
    for path in (storage / stock_sweep.NAME).glob("experiment_state-*.json"):
        path.write_bytes(path.read_bytes()[: -1 - 37 * seed])
    return sweep.outcome(_end(sweep.start()), before, None)


def never_up(storage: Path, seed: int) -> Outcome:
    """Nobody answers at MLflow's address; it is not asked for minutes, as MLflow would by itself."""
    sweep = Sweep(storage, uri="http://127.0.0.1:9")
    return sweep.outcome(_end(sweep.start(MLFLOW_HTTP_REQUEST_MAX_RETRIES="1")), (Counter(), Counter()), None)


def server_killed(storage: Path, seed: int) -> Outcome:
    """MLflow's server is killed at a random moment, and started again."""
    server = mlflows.real()
    sweep = Sweep(storage, uri=server.uri, database=server.database)
    process = sweep.start()
    _wait_for(sweep, 2, process)
    time.sleep(random.Random(seed).random())
    server.kill()
    before = sweep.files(), sweep.metrics()
    begun = time.monotonic()
    server.start()
    _wait_for(sweep, before[1].total(), process)
    seconds = time.monotonic() - begun
    return sweep.outcome(_end(process), before, seconds)


def node(cluster: Callable[[], Cluster]) -> Callable[[Path, int], Outcome]:
    """One of two nodes is lost at a random moment."""

    def fault(storage: Path, seed: int) -> Outcome:
        there, sweep = cluster(), Sweep(storage)
        there.complete(2)
        process = sweep.start(there.head)
        _wait_for(sweep, 2, process)
        time.sleep(random.Random(seed).random())
        before = sweep.files(), sweep.metrics()
        there.lose(there.nodes[0])
        seconds = _wait_for(sweep, before[1].total() + 1, process)
        return sweep.outcome(_end(process), before, seconds)

    return fault
