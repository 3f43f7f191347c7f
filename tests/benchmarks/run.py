"""``make bench``: speed as ratios, measured side by side in one run; writes RESULTS.md beside this file.

Each pair is run in turns, several times, and the medians are compared: these figures are for this machine, the ratios
for others too.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import platform
import statistics
import tempfile
import time
from pathlib import Path

import scores
import sections
import simulation
import torch
from peers import PlainTraining

import trainables
from search.ledger import Ledger
from trainables.core.dataset import open_dataset
from trainables.core.training import Training


def turns(ours, peer, *, repeat):
    """Median seconds of each, run in turns."""
    times = ([], [])
    for _ in range(repeat):
        for work, found in zip((ours, peer), times, strict=True):
            start = time.perf_counter()
            work()
            found.append(time.perf_counter() - start)
    return tuple(map(statistics.median, times))


def training(size, gamma, *, steps, repeat):
    """Images a second of one CPU thread, Teasel's and a tutorial's loop on a resident tensor."""
    data = open_dataset("sprites", {"size": size, "orientations": 8, "positions": 16}).split("train")
    method = trainables.method("beta_vae" if gamma is None else "factor_vae")
    hp = method.Hyperparameters() if gamma is None else method.Hyperparameters(gamma=gamma)
    ours = Training(method, hp, data, seed=0)
    plain = PlainTraining(data.images(torch.arange(min(len(data), 8192))), size, gamma=gamma)
    ours.advance(3)
    plain.step()

    def run_plain():
        for _ in range(steps):
            plain.step()

    seconds = turns(lambda: ours.advance(ours.step + steps), run_plain, repeat=repeat)
    return tuple(64 * steps / s for s in seconds)


def gathering(repeat):
    """Batches of 64 a second: from the memory map, and from a DataLoader over the same images as floats."""
    data = open_dataset("sprites", {"size": 64, "orientations": 8, "positions": 16}).split("train")
    floats = torch.utils.data.TensorDataset(data.images(torch.arange(8192)))
    loader = torch.utils.data.DataLoader(floats, batch_size=64, shuffle=True)
    rng = torch.Generator().manual_seed(0)

    def ours():
        for _ in range(128):
            data.images(torch.randint(len(data), (64,), generator=rng))

    seconds = turns(ours, lambda: [None for _ in loader], repeat=repeat)
    return tuple(128 / s for s in seconds)


def loop(trials):
    """Milliseconds of the driver for each trial of a simulated sweep: suggest, record and decide; rows a trial."""
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
    return 1000 * spent / trials, 1000 * spent / rows, reading


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--steps", type=int, default=15)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for size, gamma in ((64, None), (64, 10.0), (32, None), (32, 10.0)):
        ours, peer = training(size, gamma, steps=given.steps, repeat=given.repeat)
        what = f"{'β-VAE' if gamma is None else 'FactorVAE'} {size}×{size}, batch 64, one thread: images/s"
        rows.append((what, f"{ours:.0f}", f"{peer:.0f}", f"{ours / peer:.2f}"))
    ours, peer = gathering(given.repeat)
    rows.append(("batches/s of 64×64 images (peer: DataLoader)", f"{ours:.0f}", f"{peer:.0f}", f"{ours / peer:.1f}"))
    trial, row, reading = loop(200)
    rows.append(("driver, ms a trial (200 simulated trials, TPE, ASHA)", f"{trial:.1f}", "", ""))
    rows.append(("driver, ms a ledger row, flushed to disk", f"{row:.2f}", "", ""))
    rows.append(("reading that ledger, s", f"{reading:.3f}", "", ""))
    lines = ["| what | Teasel | peer | ratio |", "|---|---|---|---|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    print("\n".join(lines))
    lines += ["", scores.TEXT, "", scores.HEAD]
    print("\n".join(lines[-4:]))
    for row in scores.rows(given.repeat, every=False):
        lines.append("| " + " | ".join(row) + " |")
        print(lines[-1], flush=True)
    about = f"{_processor()}, torch {torch.__version__}, {platform.platform()}"
    text = (
        "The last run of `make bench`. The peer of training is plain float32 PyTorch on a resident "
        f"tensor (`peers.py`).\nMachine: {about}.\n\n" + "\n".join(lines)
    )
    # What takes long is measured apart, and stays as it is.
    sections.put(sections.SPEED, text)


def _processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return f"{line.partition(': ')[2]}, {os.cpu_count()} cores"
    return platform.processor()


if __name__ == "__main__":
    main()
