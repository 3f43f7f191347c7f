"""Long sweeps: what driver, resume, table and MLflow cost after 100, 1,000, 3,000 and 10,000 trials.

Ledger, loop, sampler (TPE), schedule (ASHA) and publisher (MLflow's SQLite store) are the real ones; only training is
made up. One sweep grows to the last point; for each point its ledger is cut there and read by a fresh process, whose
imports are not counted. CPU time stands beside wall time, because others may use the machine. Writes a section of its
own into RESULTS.md: ``make bench-long``, a quarter of an hour, or ``long_runs.py --points 100 1000`` for less.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import sections
import simulation

from search.ledger import Ledger, Reader
from search.sweep import Sweep

POINTS = (100, 1000, 3000, 10_000)
WINDOW = 100
"""Trials over which what one costs is averaged, the last before a point."""
HEAD = (
    ("driver", "trials", "a suggestion, CPU ms", "a trial, CPU ms", "memory, MB", "ledger, MB"),
    ("reader", "trials", "resume, s", "its CPU s", "`teasel top`, CPU s"),
    (
        "MLflow",
        "trials",
        "publish, s",
        "its CPU s",
        "CPU ms a trial",
        "one trial more, CPU s",
        "its end, s",
        "database, MB",
    ),
)


class Clock:
    """CPU and wall seconds since it was made."""

    def __init__(self):
        self.begun = time.process_time(), time.perf_counter()

    def read(self):
        return time.process_time() - self.begun[0], time.perf_counter() - self.begun[1]


def resident():
    """Megabytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def grow(storage, points):
    """Drive one simulated sweep past the last point; a row for each point."""
    sweep = simulation.sweep(storage, trials=points[-1] + 2)
    path = Path(storage, sweep.name, "ledger.jsonl")
    path.parent.mkdir(parents=True)
    loop = simulation.begin(sweep, path)
    ask, asked, rows, begun = loop._sampler.ask, [], [], []

    def timed(number):
        begun.append(time.process_time())
        if number in points:
            rows.append(at(number))
        start = time.process_time()
        found = ask(number)
        asked.append(time.process_time() - start)
        return found

    def at(number):
        each = sum(asked[-WINDOW:]) / len(asked[-WINDOW:])
        whole = (begun[-1] - begun[-1 - WINDOW]) / WINDOW
        print(f"{number} trials driven", flush=True)
        return number, 1000 * each, 1000 * whole, resident(), path.stat().st_size / 1e6

    loop._sampler.ask = timed
    simulation.play(loop)
    return rows, path


def cut(path, trials, folder):
    """The ledger as it was when ``trials`` trials had ended, in another folder, and the rows of one more trial."""
    to, more, count = Path(folder, path.parent.name, "ledger.jsonl"), [], 0
    to.parent.mkdir(parents=True)
    with path.open("rb") as lines, to.open("wb") as kept:
        for line in lines:
            row = json.loads(line.partition(b" ")[2])
            count += row["kind"] == "trial"
            if count <= trials:
                kept.write(line)
            elif count == trials + 1:
                more.append(row)
            else:
                break
    return to, more


def resumed(path):
    """Seconds to open a ledger and to be ready to go on, and of the table; CPU beside them."""
    from search.command_line.tables import ranking_table
    from search.folder import existing

    clock = Clock()
    history = existing(path.parent.parent, path.parent.name).history()
    ranking_table(history, limit=20, width=120)
    top, _ = clock.read()
    sweep = Sweep.model_validate(next(Reader(path).rows())["sweep"])
    clock = Clock()
    loop = simulation.begin(sweep, path)
    cpu, wall = clock.read()
    loop._ledger.ledger.close()
    return wall, cpu, top


def published(path, more):
    """Seconds to publish a ledger whose driver lives into a fresh database, then one trial more, then the end.

    At the end every run gets its rank, and the sweep its report.
    """
    from search.folder import existing
    from search.tracking.publisher import Publisher
    from search.tracking.store import environment
    from search.tracking.uri import address

    database = path.parent.parent / "mlflow.db"
    uri = address(f"sqlite:///{database}", path.parent.parent)
    with environment(), Ledger.open(path) as ledger:
        fresh(uri)
        publisher = Publisher(existing(path.parent.parent, path.parent.name), uri)
        clock = Clock()
        outcome = publisher.once()
        cpu, wall = clock.read()
        assert outcome.backlog == 0 and outcome.error is None, outcome
        for row in more:
            ledger.append(row.pop("kind"), **{k: v for k, v in row.items() if k != "time"})
        clock = Clock()
        outcome = publisher.once()
        one, _ = clock.read()
        assert outcome.backlog == 0 and outcome.error is None, outcome
        ledger.append("close", reason="interrupted")
    with environment():
        clock = Clock()
        outcome = publisher.once()
        _, end = clock.read()
        assert outcome.backlog == 0 and outcome.error is None, outcome
    return wall, cpu, one, end, database.stat().st_size / 1e6


def fresh(uri):
    """MLflow's empty tables are no matter of ours."""
    from mlflow import MlflowClient

    MlflowClient(tracking_uri=uri).search_experiments()


def child(what, path, more):
    """``resumed`` or ``published`` in a process of its own."""
    command = [sys.executable, __file__, "--child", what, "--ledger", str(path)]
    done = subprocess.run(command, input=json.dumps(more), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def measure(points):
    """The rows of the three tables."""
    tables = ([], [], [])
    with tempfile.TemporaryDirectory(prefix="teasel-") as storage:
        driven, path = grow(Path(storage, "grown"), points)
        for number, suggestion, trial, memory, size in driven:
            tables[0].append((f"{number:,}", f"{suggestion:.1f}", f"{trial:.1f}", f"{memory:.0f}", f"{size:.1f}"))
        for number in points:
            there, more = cut(path, number, Path(storage, f"at-{number}"))
            wall, cpu, top = child("resumed", there, more)
            tables[1].append((f"{number:,}", f"{wall:.2f}", f"{cpu:.2f}", f"{top:.2f}"))
            there, more = cut(path, number, Path(storage, f"published-{number}"))
            wall, cpu, one, end, size = child("published", there, more)
            each = f"{1000 * cpu / number:.1f}"
            tables[2].append(
                (f"{number:,}", f"{wall:.1f}", f"{cpu:.1f}", each, f"{one:.2f}", f"{end:.1f}", f"{size:.1f}")
            )
            print(f"{number} trials read and published", flush=True)
    return tables


def section(points):
    """The section of RESULTS.md."""
    lines = ["The last run of `make bench-long`: simulated trials, all else as in a real sweep.", ""]
    for (_, *names), rows in zip(HEAD, measure(points), strict=True):
        lines += ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
        lines += ["| " + " | ".join(row) + " |" for row in rows] + [""]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, nargs="+", default=list(POINTS))
    parser.add_argument("--print", action="store_true", help="write nothing into RESULTS.md")
    parser.add_argument("--child", choices=("resumed", "published"), help=argparse.SUPPRESS)
    parser.add_argument("--ledger", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        more = json.load(sys.stdin)
        print(json.dumps(resumed(given.ledger) if given.child == "resumed" else published(given.ledger, more)))
        return
    assert min(given.points) > WINDOW - 1, f"a point is {WINDOW} trials at least"
    text = section(tuple(sorted(given.points)))
    print(text)
    if not given.print:
        sections.put(sections.LONG, text)


if __name__ == "__main__":
    main()
