"""Hostile input, and files that are damaged at random: each piece is refused with a sentence of ours, soon, in little
memory, and with nothing written.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests_chaos.fault import Fault, Outcome
from tests_chaos.hostile import commands, fuzzed
from tests_chaos.hostile.trial import fault

FUZZ = Path(__file__).parent / "hostile/fuzz.py"
PATIENCE = 300
"""Seconds of one parser at most."""


def _command(folder: Path, number: int) -> Outcome:
    command = commands.COMMANDS[number]
    wrong = commands.wrong(command)
    return Outcome(survived=not wrong, note=f"{command.name}: {wrong}" if wrong else "")


def _fuzzed(name: str) -> Fault:
    parser = fuzzed.PARSERS[name]

    def run(folder: Path, number: int) -> Outcome:
        words = [sys.executable, str(FUZZ), name, str(number), str(parser.examples), str(folder)]
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"},
        )
        said = [line for line in done.stderr.splitlines() if "rror" in line and not line.startswith(" ")]
        last = folder / "last"
        given = last.read_bytes()[:60] if last.exists() else b""
        wrong = f"{done.returncode}, given {given!r}: {said[-1][:200] if said else ''}" if done.returncode else ""
        return Outcome(survived=not wrong, note=wrong)

    return Fault(number=24, title=f"damaged at random, {parser.examples:,} times: {name}", times=1, run=run)


FAULTS = [
    fault("sweeps", "sweep files"),
    fault("ledgers", "ledgers"),
    fault("models", "model folders and checkpoints"),
    fault("arrays", "npz, idx, HDF5 and mat"),
    fault("columns", "prepared files (Arrow)"),
    fault("pictures", "images, and files of images"),
    fault("names", "names, addresses, variables and tags"),
    Fault(number=24, title="hostile input: through the command line", times=len(commands.COMMANDS), run=_command),
    *map(_fuzzed, fuzzed.PARSERS),
]
