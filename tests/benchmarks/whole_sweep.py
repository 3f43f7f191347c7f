"""The whole sweep, by Teasel and by the stock stacks: wall time, trials an hour, memory, and where the time goes.

python whole_sweep.py [--trials N] [--steps N] [--size N] [--repeat N] [--only teasel ray optuna] [--stopping]

Each sweep is a command in processes of its own with a fresh Ray, all on the same two cores, in turns. Teasel's is
``teasel run``, with MLflow, as a user gets it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import nan
from pathlib import Path

import yaml
from stock_trial import read
from table import Row
from watching import Watched, program, script, watch
from workload import Work, prepare, sweep

TEASEL, RAY, OPTUNA = "teasel", "ray", "optuna"
SIDES = (TEASEL, RAY, OPTUNA)
NAMES = {TEASEL: "Teasel", RAY: "stock Ray Tune", OPTUNA: "plain Optuna, two processes"}

ENVIRONMENT = {"RAY_worker_niceness": "0"}
"""What else a machine does in the background disturbs all sides alike; left alone, Ray has its workers yield to it."""


@dataclass
class Ran:
    """One sweep that was run."""

    watched: Watched
    trials: int
    steps: int
    best: float
    gaps: list[float] = field(default_factory=list)
    """Seconds from the last report of a trial to the first step of the next one on its place."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Of all trials together, where a report says what it spent them on."""
    busy: float = 0.0
    """Seconds from the first step of all to the last report, times the trials at once."""


def run(side: str, work: Work) -> Ran:
    """Do the work in its folder, which must be fresh."""
    path, alike = str(work.save()), ENVIRONMENT
    if side == TEASEL:
        file = Path(work.folder, "bench.yaml")
        file.write_text(yaml.safe_dump(sweep(work)))
        return of_teasel(work, watch([program("teasel"), "run", str(file), "--mlflow", work.mlflow], alike))
    if side == OPTUNA:
        # Ray sets this for its workers; a process that is started by hand has to be told.
        alike = {**alike, "OMP_NUM_THREADS": "1"}
    watched = watch([sys.executable, script("stock.py" if side == RAY else "stock_optuna.py"), path], alike)
    said = json.loads(watched.output.strip().splitlines()[-1])
    firsts, lasts = read(work)
    return Ran(watched, **said, gaps=gaps(firsts, lasts, work.slots))


def of_teasel(work: Work, watched: Watched) -> Ran:
    """What the ledger says of a sweep."""
    from search.ledger import Reader

    rows = list(Reader(Path(work.folder, "bench", "ledger.jsonl")).rows())
    firsts, ended, spent, steps = [], [], {}, {}
    best, seen = -1.0, set()
    for row in rows:
        if row["kind"] == "report":
            took = row.get("seconds", {})
            if row["trial"] not in seen and took:
                firsts.append(row["time"] - sum(took.values()))
            seen.add(row["trial"])
            for name, value in took.items():
                spent[name] = spent.get(name, 0.0) + value
            steps[row["trial"]] = row["step"]
            best = max(best, row["metrics"]["score/mig"])
        if row["kind"] == "end":
            assert row["state"] != "FAIL", row
            ended.append(row["time"])
    busy = work.slots * (max(ended) - min(firsts)) if firsts else 0.0
    return Ran(watched, len(ended), sum(steps.values()), best, gaps(firsts, ended, work.slots), spent, busy)


def gaps(firsts: list[float], lasts: list[float], slots: int) -> list[float]:
    """From each trial's last report to the first step of the trial that took its place."""
    return [first - last for first, last in zip(sorted(firsts)[slots:], sorted(lasts), strict=False)]


def compared(work: Work, repeat: int) -> Iterator[Row]:
    """The sweep without early stopping, in turns: all sides do the same steps."""
    ran: dict[str, list[Ran]] = {side: [] for side in SIDES}
    for turn in range(repeat):
        for side in SIDES:
            ran[side].append(run(side, work.at(f"{side}-{turn}")))
            print(side, described(ran[side][-1]), file=sys.stderr, flush=True)
    assert {each.steps for side in SIDES for each in ran[side]} == {work.trials * work.steps}, "not the same work"

    def median(side: str, of: Callable[[Ran], float]) -> float:
        return statistics.median(map(of, ran[side]))

    for side in (RAY, OPTUNA):
        took, other = (median(each, lambda one: one.watched.seconds) for each in (TEASEL, side))
        yield Row(what=f"whole sweep, s (peer: {NAMES[side]})", ours=took, peer=other, better="less", times=3)
    hours = [3600 * work.trials / median(side, lambda one: one.watched.seconds) for side in (TEASEL, RAY)]
    yield Row(what="whole sweep, trials an hour (peer: stock Ray Tune)", ours=hours[0], peer=hours[1])
    for side in (RAY, OPTUNA):
        for what, of in MEMORY.items():
            ours, other = median(TEASEL, of), median(side, of)
            yield Row(what=f"{what} (peer: {NAMES[side]})", ours=ours, peer=other, better="less")
    for side in (RAY, OPTUNA):
        between = [
            statistics.median([gap for one in ran[each] for gap in one.gaps] or [nan]) for each in (TEASEL, side)
        ]
        what = f"last report of a trial to the first step of the next, s (peer: {NAMES[side]})"
        yield Row(what=what, ours=between[0], peer=between[1], better="less", most=0.3)


MEMORY: dict[str, Callable[[Ran], float]] = {
    "memory, MB": lambda one: one.watched.resident,
    "memory, MB, what is shared counted once": lambda one: one.watched.proportional,
}


def longer(work: Work) -> Iterator[Row]:
    """What of Teasel's time is training, with as many steps and reports as a sweep has by default."""
    ran = run(TEASEL, work.at("longer"))
    print("longer", described(ran), file=sys.stderr, flush=True)
    inside, training = sum(ran.seconds.values()), ran.seconds["training"]
    about = f"{work.trials} trials of {work.steps:,} steps, {work.reports} reports"
    yield Row(what=f"training, % of the time of trials ({about})", ours=100 * training / inside, least=95)
    yield Row(what="scores, % of the time of trials", ours=100 * ran.seconds["scores"] / inside, most=5)
    what = "training, % of both cores from the first step to the last report"
    yield Row(what=what, ours=100 * training / ran.busy, least=95)


def stopped(work: Work) -> Iterator[Row]:
    """The sweep with ASHA, for information: what is stopped, and how much is trained, is each side's own."""
    ran = {side: run(side, work.at(f"{side}-stopping", stopping=True)) for side in (TEASEL, RAY)}
    seconds, steps = (
        [of(ran[side]) for side in (TEASEL, RAY)] for of in (lambda r: r.watched.seconds, lambda r: r.steps)
    )
    yield Row(what="with ASHA: wall time, s (peer: stock Ray Tune)", ours=seconds[0], peer=seconds[1], better="less")
    yield Row(what="with ASHA: steps trained (peer: stock Ray Tune)", ours=steps[0], peer=steps[1], better="less")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("trials", "steps", "size", "reports"):
        words.add_argument(f"--{name}", type=int, default=getattr(Work, name))
    words.add_argument("--repeat", type=int, default=1)
    words.add_argument("--only", nargs="*", choices=SIDES, default=SIDES)
    words.add_argument("--stopping", action="store_true", help="ASHA on")
    given = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="teasel-bench-") as folder:
        work = Work(folder=folder, trials=given.trials, steps=given.steps, size=given.size, reports=given.reports)
        prepare(work)
        for turn in range(given.repeat):
            for side in given.only:
                ran = run(side, work.at(f"{side}-{turn}", stopping=given.stopping))
                print(side, described(ran), flush=True)


def described(ran: Ran) -> str:
    watched = ran.watched
    cpu = ", ".join(f"{role} {seconds:.1f}" for role, seconds in sorted(watched.cpu.items()))
    spent = ", ".join(f"{name} {seconds:.1f}" for name, seconds in ran.seconds.items())
    between = f"{statistics.median(ran.gaps):.2f} (most {max(ran.gaps):.2f})" if ran.gaps else "?"
    return (
        f"{watched.seconds:.1f} s, {ran.trials} trials, {ran.steps} steps, best MIG {ran.best:.3f}; "
        f"{watched.resident:.0f} MB, shared once {watched.proportional:.0f} MB; between trials {between} s; "
        f"CPU s: {cpu}; places {ran.busy:.1f} s: {spent}"
    )


if __name__ == "__main__":
    main()
