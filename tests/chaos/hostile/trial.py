"""Tries cases in child processes: one that crashes or hangs its process is found out, and the others go on."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path

from tests_chaos.fault import Fault, Outcome
from tests_chaos.hostile.case import Result

PATIENCE = 120.0
"""Seconds without a word of a child, which is a hang."""


@cache
def results(kind: str) -> dict[str, Result]:
    """What became of every case of a kind, by its name."""
    names = [case.name for case in importlib.import_module(f"tests_chaos.hostile.{kind}").CASES]
    assert len(set(names)) == len(names), f"{kind}: two cases have one name"
    found: dict[str, Result] = {}
    while len(found) < len(names):
        before = len(found)
        _pass(kind, found)
        assert len(found) > before, f"the cases of {kind} cannot be tried"
    return found


def _pass(kind: str, found: dict[str, Result]) -> None:
    command = [sys.executable, str(Path(__file__).with_name("child.py")), kind, *found]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1", "COLUMNS": "100"}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert child.stdout is not None and child.stderr is not None
    words: list[str] = []
    listening = threading.Thread(target=lambda: words.extend(child.stderr.read().splitlines()[-5:]), daemon=True)
    listening.start()
    current, clock = "", _kill_later(child)
    for line in child.stdout:
        clock.cancel()
        said = json.loads(line)
        current = said.get("begins", "")
        if not current:
            found[said["name"]] = Result(**said)
        clock = _kill_later(child)
    clock.cancel()
    code = child.wait()
    listening.join()
    child.stdout.close()
    child.stderr.close()
    if current:
        why = "it hangs" if code == -9 else f"the process died with {code}: {' | '.join(words)}"
        found[current] = Result(name=current, wrong=why[:300])


def _kill_later(child: subprocess.Popen[str]) -> threading.Timer:
    clock = threading.Timer(PATIENCE, child.kill)
    clock.daemon = True
    clock.start()
    return clock


def fault(kind: str, title: str) -> Fault:
    """The cases of a kind as a line of the scoreboard: as many tries as cases."""
    cases = importlib.import_module(f"tests_chaos.hostile.{kind}").CASES

    def run(folder: Path, number: int) -> Outcome:
        result = results(kind)[cases[number].name]
        wrong = f"{result.name}: {result.wrong}" if result.wrong else result.slow
        return Outcome(survived=not wrong, note=wrong)

    return Fault(number=24, title=f"hostile input: {title}", times=len(cases), run=run)
