"""`make chaos`: try every fault as often as it says, and write the scoreboard.

python tests/chaos/run.py [--only NUMBER] [--output FILE]
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import platform
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


def faults() -> list[Fault]:
    """Those of every module ``fault_*.py``, by number."""
    modules = [importlib.import_module(f"tests_chaos.{path.stem}") for path in sorted(HERE.glob("fault_*.py"))]
    return sorted((fault for module in modules for fault in module.FAULTS), key=lambda f: (f.number, f.title))


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
node was lost is handed out again; median and most. Minutes: what all tries took.

{machine}, {today}, {minutes:.0f} minutes in all; processes that ran or wanted to, on average of the last quarter of an
hour: {load} on {cores} cores.

| | fault | who | tried | survived | rows lost | rows doubled | seconds to recover | minutes | what broke |
|---|---|---|---|---|---|---|---|---|---|
"""


def main() -> int:
    """Exits with 1 when a fault was not survived by Teasel."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--only", type=int, action="append", help="number of a fault; repeat for several")
    words.add_argument("--output", type=Path, default=HERE / "SCOREBOARD.md")
    asked = words.parse_args()
    begun, lines, failed = time.monotonic(), [], list[str]()
    for fault in faults():
        if asked.only and fault.number not in asked.only:
            continue
        for who, run in (("Teasel", fault.run), ("stock", fault.stock)):
            if run is None:
                continue
            since = time.monotonic()
            outcomes = []
            for outcome in tried(run, fault.times if who == "Teasel" else min(fault.times, 2)):
                outcomes.append(outcome)
                if who == "stock" and time.monotonic() - since > LONG:
                    break
            bad = [o for o in outcomes if not o.survived or o.lost or o.doubled]
            if who == "Teasel" and bad:
                why = bad[0].note or f"{bad[0].lost} rows lost, {bad[0].doubled} doubled"
                failed.append(f"{fault.number} {fault.title}: {len(bad)} of {len(outcomes)} not survived: {why}")
            lines.append(row(fault, outcomes, who, (time.monotonic() - since) / 60))
            print(lines[-1], flush=True)
    machine = f"{platform.processor() or platform.machine()}, Python {platform.python_version()}"
    minutes = (time.monotonic() - begun) / 60
    load, cores = f"{os.getloadavg()[2]:.1f}", os.cpu_count()
    head = HEAD.format(machine=machine, today=date.today().isoformat(), minutes=minutes, load=load, cores=cores)
    if not asked.only:
        asked.output.write_text(head + "\n".join(lines) + "\n")
    print("\n".join(["", *failed, f"{len(failed)} faults failed, in {minutes:.0f} minutes."]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
