"""Images a second of one CPU thread: Teasel's training in a long trial, and a tutorial's loop on a resident tensor.

Each side is a process of its own, started as its trials are: Teasel's with the environment of its workers, the other
plain. They take turns, and medians are compared. Teasel's training is made by ``Trial``, as long trials have it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

LONG, SHORT = 100_000, 1_000
"""Steps of the trial of which some are measured."""
TURN = 2.0
"""Seconds of a turn."""
BATCH = 64


class Side:
    """One side in a process of its own; ``turn`` has it train for a while."""

    def __init__(self, who: str, method: str, size: int, steps: int) -> None:
        from search.connection import worker

        environment = {**os.environ, "OMP_NUM_THREADS": "1", **(worker() if who == "ours" else {})}
        command = [sys.executable, __file__, who, method, str(size), str(steps)]
        self._process = subprocess.Popen(
            command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.about: dict[str, Any] = self._read()

    def turn(self) -> float:
        """Images a second."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._read()["rate"]

    def end(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError("a side of the benchmark died, see above")


def compare(method: str, size: int, steps: int, repeat: int) -> tuple[float, float, dict[str, Any]]:
    """Medians of Teasel's and the peer's images a second, and what Teasel's side says of itself."""
    # One after the other, lest they warm up in each other's way.
    sides = []
    try:
        for who in ("ours", "peer"):
            sides.append(Side(who, method, size, steps))
        rates = [[side.turn() for side in sides] for _ in range(repeat)]
    finally:
        for side in sides:
            side.end()
    ours, peer = map(statistics.median, zip(*rates, strict=True))
    return ours, peer, sides[0].about


def ours(method: str, size: int, steps: int) -> tuple[Any, dict[str, Any]]:
    from workload import OPTIONS

    from trainables.core.trial import Attempt, Trial

    config = {"form": "beta"} if method == "beta_vae" else {"gamma": 10.0}
    options = {"size": size, **OPTIONS}
    attempt = Attempt(
        method=method, config=config, seed=0, steps=steps, reports=(steps,), data="sprites", options=options
    )
    trial = Trial(attempt)
    training = trial.training
    about = {"how": f"{training.precision.name}, {'' if trial._compiled()[0] else 'not '}compiled"}
    return lambda steps: training.advance(training.step + steps), about


def peer(method: str, size: int, steps: int) -> tuple[Any, dict[str, Any]]:
    import torch
    from peers import PlainTraining
    from workload import OPTIONS

    from trainables.core.dataset import open_dataset

    torch.set_num_threads(1)
    data = open_dataset("sprites", {"size": size, **OPTIONS}).split("train")
    images = data.images(torch.arange(min(len(data), 8192)))
    training = PlainTraining(images, size, gamma=None if method == "beta_vae" else 10.0)

    def run(steps: int) -> None:
        for _ in range(steps):
            training.step()

    return run, {}


def child(who: str, method: str, size: int, steps: int) -> None:
    """Warm up, say so, and train for a turn at each line that comes in."""
    run, about = (ours if who == "ours" else peer)(method, size, steps)
    start = time.perf_counter()
    run(1)
    about["first"] = time.perf_counter() - start
    run(10)
    start = time.perf_counter()
    run(10)
    chunk = max(1, round(TURN / (time.perf_counter() - start) * 10))
    print(json.dumps(about), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        run(chunk)
        print(json.dumps({"rate": BATCH * chunk / (time.perf_counter() - start)}), flush=True)


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("who", choices=("ours", "peer", "both"))
    words.add_argument("method", choices=("beta_vae", "factor_vae"))
    words.add_argument("size", type=int, choices=(32, 64))
    words.add_argument("steps", type=int, nargs="?", default=LONG)
    given = words.parse_args()
    if given.who == "both":
        print(compare(given.method, given.size, given.steps, 3))
    else:
        child(given.who, given.method, given.size, given.steps)
