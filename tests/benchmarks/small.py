"""What takes seconds to measure: gathering batches, and the loop without Ray."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import simulation
import torch
from workload import OPTIONS

from search.ledger import Ledger
from trainables.core.dataset import open_dataset


def turns(ours: Callable[[], object], peer: Callable[[], object], *, repeat: int) -> tuple[float, float]:
    """Median seconds of each, run in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeat):
        for work, found in zip((ours, peer), times, strict=True):
            start = time.perf_counter()
            work()
            found.append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def gathering(repeat: int) -> tuple[float, float]:
    """Batches of 64 a second: from the memory map, and from a DataLoader over the same images as floats."""
    data = open_dataset("sprites", {"size": 64, **OPTIONS}).split("train")
    floats = torch.utils.data.TensorDataset(data.images(torch.arange(8192)))
    loader = torch.utils.data.DataLoader(floats, batch_size=64, shuffle=True)
    rng = torch.Generator().manual_seed(0)

    def ours() -> None:
        for _ in range(128):
            data.images(torch.randint(len(data), (64,), generator=rng))

    seconds = turns(ours, lambda: [None for _ in loader], repeat=repeat)
    return 128 / seconds[0], 128 / seconds[1]


def loop(trials: int) -> dict[str, float]:
    """Milliseconds of the loop for each ``trial`` of a simulated sweep and for each ``row``; ``reading`` all, s."""
    with tempfile.TemporaryDirectory() as folder:
        sweep = simulation.sweep(folder, trials=trials)
        path = Path(folder) / "ledger.jsonl"
        start = time.perf_counter()
        simulation.play(simulation.begin(sweep, path))
        spent = time.perf_counter() - start
        start = time.perf_counter()
        with Ledger.open(path) as ledger:
            rows = len(ledger.rows)
        reading = time.perf_counter() - start
    return {"trial": 1000 * spent / trials, "row": 1000 * spent / rows, "reading": reading}
