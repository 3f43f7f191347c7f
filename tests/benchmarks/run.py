"""``make bench``: speed side by side with plain PyTorch and stock sweeps; writes its section of RESULTS.md.

python run.py [--quick] [--only training small driver sweep scores] [--print]

Each pair is run in turns, several times, and medians are compared: the figures are this machine's, the ratios others'
too. Training is measured in processes of its own, a sweep as the commands that a user types, on two cores.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import machine
import scores
import sections
import small
import training_speed
import whole_sweep
from table import HEAD, Row
from watching import script
from workload import Work, prepare

PARTS = ("training", "small", "driver", "sweep", "scores")
METHODS = {"beta_vae": "β-VAE", "factor_vae": "FactorVAE"}
TIMES = {64: 4.0, 32: 2.5}
"""Goals for training at these sizes."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is measured."""

    turns: int = 3
    repeat: int = 2
    """Of the whole sweep."""
    sizes: tuple[int, ...] = (64, 32)
    work: Work = Work(folder="")  # noqa: RUF009
    quick: bool = False


QUICK = Size(turns=1, repeat=1, sizes=(32,), work=Work(folder="", size=32, trials=4, steps=50), quick=True)


def training(size: Size) -> Iterator[Row]:
    for pixels in size.sizes:
        for method, name in METHODS.items():
            ours, peer, about = training_speed.compare(method, pixels, training_speed.LONG, size.turns)
            what = f"{name} {pixels}×{pixels}, batch 64, one thread: images/s in a long trial ({about['how']})"
            yield Row(what=what, ours=ours, peer=peer, times=TIMES[pixels])
    ours, peer, about = training_speed.compare("beta_vae", size.sizes[0], training_speed.SHORT, size.turns)
    what = (
        f"β-VAE {size.sizes[0]}×{size.sizes[0]}: images/s in a trial of {training_speed.SHORT:,} steps ({about['how']})"
    )
    yield Row(what=what, ours=ours, peer=peer)


def quick_ones(size: Size) -> Iterator[Row]:
    ours, peer = small.gathering(size.turns)
    yield Row(what="batches/s of 64×64 images (peer: DataLoader)", ours=ours, peer=peer)
    found = small.loop(200)
    yield Row(what="loop, ms a trial (200 simulated trials, TPE, ASHA)", ours=found["trial"], better="less")
    yield Row(what="loop, ms a ledger row, flushed to disk", ours=found["row"], better="less")


def driver(size: Size) -> Iterator[Row]:
    command = [sys.executable, script("driver_cost.py")]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    yield Row(what="driver on Ray, CPU ms a report", ours=found["report"], most=5)
    yield Row(what="driver on Ray, CPU ms a trial beside its reports", ours=found["trial"])


def sweep(size: Size) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="teasel-bench-") as folder:
        work = replace(size.work, folder=folder)
        prepare(work)
        yield from whole_sweep.compared(work, size.repeat)
        if not size.quick:
            yield from whole_sweep.longer(replace(work, trials=4, steps=2000, reports=8))
            yield from whole_sweep.stopped(replace(work, trials=8))


def scored(size: Size) -> Iterator[Row]:
    yield from scores.rows(size.turns, every=False)


WORK = {"training": training, "small": quick_ones, "driver": driver, "sweep": sweep, "scores": scored}


ABOUT = """
The last run of `make bench`, {today}, on {machine}.

A ratio says how many times better Teasel is. Training: the peer is plain float32 PyTorch on a resident tensor
(`peers.py`); Teasel's is what a trial of {long:,} steps has. Each side is a process of its own; medians of {turns}
turns.

The whole sweep: {trials} β-VAEs of {steps:,} steps, {size}×{size} sprites, batch {batch}, {reports} reports with MIG
and a checkpoint each, two trials at a time on two cores, without early stopping. Teasel is `teasel run`, with pictures
and its publishing to MLflow; the peers are `stock.py` (Ray Tune, OptunaSearch, MLflowLoggerCallback, DataLoader,
`reuse_actors`) and `stock_optuna.py`. Wall time is that of the command; medians of {repeat} runs, in turns. Memory is
the sum of the resident sets of all processes, in which what they share is counted for each, or of the proportional
ones.

Scores: 10,000 rows, 10 codes and factors of 3, 6, 40, 32, 32 values, on one core; the peer is the definition as
scikit-learn's parts make it.
"""


def about(size: Size) -> str:
    text = ABOUT.format(
        today=time.strftime("%Y-%m-%d"),
        machine=machine.described(),
        long=training_speed.LONG,
        turns=size.turns,
        repeat=size.repeat,
        **asdict(size.work),
    )
    return "\n\n".join(textwrap.fill(each, 120, break_on_hyphens=False) for each in text.strip().split("\n\n"))


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    words.add_argument("--quick", action="store_true", help="a few minutes, small images, one turn; written nowhere")
    words.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    words.add_argument("--print", action="store_true", help="write nothing into RESULTS.md")
    given = words.parse_args()
    size = QUICK if given.quick else Size()
    machine.two_cores()
    lines = [HEAD]
    print(HEAD, flush=True)
    begun = time.monotonic()
    for part in given.only:
        for row in WORK[part](size):
            lines.append(str(row))
            print(row, flush=True)
    print(f"\n{(time.monotonic() - begun) / 60:.0f} minutes", file=sys.stderr)
    if not (given.quick or given.print or set(given.only) != set(PARTS)):
        sections.put(sections.SPEED, f"{about(size)}\n\n" + "\n".join(lines))


if __name__ == "__main__":
    main()
