"""The publisher as a process beside a sweep, which it neither slows nor fails nor outlives for long.

python -m search.tracking FOLDER [URI]
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import search
from search.folder import Folder, beside
from search.tracking.publisher import STATUS, publish, read
from search.tracking.uri import address
from trainables.core.redaction import guard
from trainables.core.storage import Where, place

LOG = "publisher.log"


def start(folder: Where, uri: str | None = None) -> subprocess.Popen[bytes] | None:
    """Begin to publish the sweep in ``folder`` until it ends; ``None`` where no process can be started.

    Call it when the driver holds the ledger and has written its ``session`` row. Raises ``ValueError`` for a URI
    that cannot be used. The process has its own session, so a Ctrl-C at the terminal does not reach it.
    """
    sweep = Folder(place(folder))
    address(uri, beside(sweep.storage))
    # With -P, files of the current folder are not taken for modules.
    root = str(Path(search.__file__).resolve().parents[1])
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    command = [sys.executable, "-P", "-m", "search.tracking", sweep.files.uri, *([uri] if uri else [])]
    try:
        with (sweep.notes / LOG).open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            )
    except OSError:
        return None


def wait(process: subprocess.Popen[bytes] | None, folder: Where, seconds: float = 20.0) -> str:
    """Wait for the publisher of a sweep whose driver has said goodbye; empty, or what is missing in one sentence.

    After ``seconds`` it is ended: what is missing, ``teasel publish`` brings later.
    """
    if process is None:
        return "No process could be started to publish to MLflow."
    try:
        if process.wait(seconds) == 0:
            return ""
    except subprocess.TimeoutExpired:
        _end(process)
    notes = Folder(place(folder)).notes
    said = read(notes / STATUS)
    behind = f"MLflow lacks {said['backlog']} rows" if said.get("backlog") else "MLflow may lack the latest rows"
    why = said.get("error") or f"see {notes / LOG}"
    return f"{behind}: {why}."


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main(arguments: list[str]) -> int:
    """Follow the sweep in the folder given first; 0 when all of it was published."""
    guard()
    # Training comes first, and Ray's workers are at 15; a publisher may be late.
    os.nice(19)
    # Stopping a Ray job interrupts all its processes; this one ends with its sweep, when it has told the last row.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder = place(arguments[0])
    if not Folder(folder).ledger.exists():
        print(f"No ledger in {folder}.", file=sys.stderr)
        return 2
    outcome = publish(folder, arguments[1] if len(arguments) > 1 else None, follow=True)
    if outcome.error:
        print(outcome.error, file=sys.stderr)
    return 0 if outcome.error is None else 1
