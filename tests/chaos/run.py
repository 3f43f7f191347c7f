"""`make chaos`: try every fault as often as it says, and write the scoreboard.

python tests/chaos/run.py [--only NUMBER] [--output FILE]
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import platform
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent


def _support() -> None:
    """The tests' own modules by name, as pytest has them."""
    spec = importlib.util.spec_from_file_location("teasel_tests_conftest", HERE.parent / "conftest.py")
    assert spec is not None and spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


_support()

from tests_chaos.fault import Fault, Outcome  # noqa: E402

WORKING = ("checkpoints", "clocks", "datasets", "drivers", "hostile", "ledger")
"""Modules whose faults are tried in a process of their own: they compute, while the others mostly wait."""


def faults(only: Sequence[int] = (), half: str = "") -> list[Fault]:
    """Those of every module ``fault_*.py``, by number; of some numbers, or of the ``working`` or ``waiting`` ones."""
    names = [path.stem.removeprefix("fault_") for path in sorted(HERE.glob("fault_*.py"))]
    modules = [
        importlib.import_module(f"tests_chaos.fault_{name}")
        for name in names
        if not half or (name in WORKING) == (half == "working")
    ]
    found = (fault for module in modules for fault in module.FAULTS if not only or fault.number in only)
    return sorted(found, key=lambda fault: (fault.number, fault.title))


LONG = 25.0
"""Seconds of a try after which stock is not tried again."""


def tried(run: Callable[[Path, int], Outcome], times: int) -> Iterator[Outcome]:
    """The outcome of each try; an exception is one that did not survive."""
    for seed in range(times):
        with tempfile.TemporaryDirectory(prefix="teasel-chaos-", ignore_cleanup_errors=True) as folder:
            # What a command that runs in this process says to the libraries of its own is not for the next one.
            environment = dict(os.environ)
            try:
                yield run(Path(folder), seed)
            except Exception as error:
                traceback.print_exc()
                said = str(error).strip().splitlines() or [""]
                yield Outcome(survived=False, note=f"seed {seed}: {type(error).__name__}: {said[0][:160]}")
            finally:
                os.environ.clear()
                os.environ.update(environment)


def row(fault: Fault, outcomes: Sequence[Outcome], who: str, minutes: float) -> str:
    """One line of the scoreboard."""
    waited = [o.seconds for o in outcomes if o.seconds is not None]
    recover = f"{median(waited):.1f} (most {max(waited):.1f})" if waited else "–"
    note = next((o.note for o in outcomes if o.note), "")
    survived = sum(o.survived for o in outcomes)
    cells = [
        str(fault.number),
        fault.title,
        who,
        f"{len(outcomes):,}",
        f"{survived:,}",
        f"{sum(o.lost for o in outcomes):,}",
        f"{sum(o.doubled for o in outcomes):,}",
        recover,
        f"{minutes:.1f}",
        note.replace("|", "/"),
    ]
    return f"| {' | '.join(cells)} |"


HEAD = """\
# Scoreboard

Written by `make chaos`. A fault is *survived* when every invariant holds afterwards (`tests/chaos/invariants.py`):
trials and steps are in ledger, exported table and MLflow once each and equal to the last bit, nothing is left running,
and the sweep came to its end or was refused in one sentence. *Stock* is Ray Tune with its own OptunaSearch and
MLflowLoggerCallback under the same fault. Seconds: from the fault to the next thing recorded, or until a trial whose
node was lost is handed out again; median and most. Minutes: what all tries took; two processes try at once.

{machine}, {today}, {minutes:.0f} minutes in all; processes that ran or wanted to, on average of the last quarter of an
hour: {load} on {cores} cores.

| | fault | who | tried | survived | rows lost | rows doubled | seconds to recover | minutes | what broke |
|---|---|---|---|---|---|---|---|---|---|
"""


def rows(wanted: Sequence[Fault]) -> Iterator[str]:
    """The scoreboard's lines, Teasel's and stock's."""
    for fault in wanted:
        for who, run in (("Teasel", fault.run), ("stock", fault.stock)):
            if run is None:
                continue
            since = time.monotonic()
            outcomes = []
            for outcome in tried(run, fault.times if who == "Teasel" else min(fault.times, 2)):
                outcomes.append(outcome)
                if who == "stock" and time.monotonic() - since > LONG:
                    break
            line = row(fault, outcomes, who, (time.monotonic() - since) / 60)
            print(line, flush=True)
            yield line


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def failed(line: str) -> bool:
    """Whether Teasel did not survive each try with nothing lost and nothing doubled."""
    _, _, who, times, survived, lost, doubled, *_ = cells(line)
    return who == "Teasel" and (times != survived or (lost, doubled) != ("0", "0"))


def both_halves() -> list[str]:
    """All lines, of two processes at once."""
    with tempfile.NamedTemporaryFile("r", suffix=".md") as other:
        command = [sys.executable, __file__, "--half", "working", "--output", other.name]
        with subprocess.Popen(command) as process:
            lines = list(rows(faults(half="waiting")))
        if process.returncode not in (0, 1):
            raise RuntimeError(f"the half that computes died with {process.returncode}, see above")
        lines += other.read().splitlines()
    return sorted(lines, key=lambda line: (int(cells(line)[0]), *cells(line)[1:3]))


def main() -> int:
    """Exits with 1 when a fault was not survived by Teasel."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--only", type=int, action="append", default=[], help="number of a fault; repeat for several")
    words.add_argument("--half", choices=("working", "waiting"), default="", help=argparse.SUPPRESS)
    words.add_argument("--output", type=Path, default=HERE / "SCOREBOARD.md")
    asked = words.parse_args()
    begun = time.monotonic()
    some = bool(asked.only or asked.half)
    lines = list(rows(faults(asked.only, asked.half))) if some else both_halves()
    minutes = (time.monotonic() - begun) / 60
    if not some:
        machine = f"{platform.processor() or platform.machine()}, Python {platform.python_version()}"
        load, cores = f"{os.getloadavg()[2]:.1f}", os.cpu_count()
        head = HEAD.format(machine=machine, today=date.today().isoformat(), minutes=minutes, load=load, cores=cores)
        asked.output.write_text(head + "\n".join(lines) + "\n")
    if asked.half:
        asked.output.write_text("\n".join(lines) + "\n")
    bad = [f"not survived: {' | '.join(cells(line)[:7])}: {cells(line)[-1]}" for line in lines if failed(line)]
    print("\n".join(["", *bad, f"{len(bad)} faults failed, in {minutes:.0f} minutes."]), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
