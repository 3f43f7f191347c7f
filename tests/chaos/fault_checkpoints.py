"""Checkpoints are cut or have a bit turned, and everything but the ledger is deleted: a resumed sweep is the same."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from tests_chaos import tries
from tests_chaos.fault import Fault, Outcome

PLACES, BITS = 16, 64
FILES = ("model.safetensors", "state.safetensors", "history.json", "manifest.json")
RECORDED = 6
"""Reports when the driver died: trial 1 stands at its second one of four."""


def _stopped(storage: Path, seed: int) -> Path:
    """A sweep whose driver died, and the checkpoint that it would go on from."""
    tries.copied(tries.stopped(RECORDED, ahead=seed % 2 == 0), storage)
    newest = storage / "chaos/trials/001/step-000002-attempt-1"
    assert (newest / FILES[0]).stat().st_size, newest
    return newest


def cut(storage: Path, seed: int) -> Outcome:
    """Each file that resuming reads is cut at each of 16 places, from nothing to all but a byte."""
    path = _stopped(storage, seed // len(FILES)) / FILES[seed % len(FILES)]
    content = path.read_bytes()
    path.write_bytes(content[: (len(content) - 1) * (seed // len(FILES) % PLACES) // (PLACES - 1)])
    return tries.resumed(storage, whole=tries.whole())


def flipped(storage: Path, seed: int) -> Outcome:
    """One bit of one of those files is turned; of every fourth, one bit of each file of both checkpoints."""
    rng = random.Random(seed)
    newest = _stopped(storage, seed)
    paths = [newest / FILES[seed // 2 % len(FILES)]]
    if seed % 4 == 3:
        paths = [path for path in (storage / "chaos/trials/001").glob("step-*/*") if path.name in FILES]
    for path in paths:
        content = bytearray(path.read_bytes())
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
    return tries.resumed(storage, whole=tries.whole())


def only_the_ledger(storage: Path, seed: int) -> Outcome:
    """All that is kept of a TPE sweep's sampler is the ledger; the rest is looked for, and deleted."""
    kind = {"sampler": "tpe", "trials": 12, "steps": 2}
    tries.copied(tries.stopped(23, **kind), storage)
    folder = storage / "chaos"
    kept = {path.name for path in folder.iterdir()}
    wrong = [] if kept == {"ledger.jsonl", "trials"} else [f"there is more than a ledger and trials: {kept}"]
    if seed % 2 == 0:
        shutil.rmtree(folder / "trials")
    else:
        # Elsewhere, as a copy of one file.
        ledger = (folder / "ledger.jsonl").read_bytes()
        shutil.rmtree(folder)
        folder.mkdir()
        (folder / "ledger.jsonl").write_bytes(ledger)
    found = tries.resumed(storage, whole=tries.whole(**kind))
    return found if not wrong else Outcome(survived=False, note=wrong[0])


FAULTS = [
    Fault(number=16, title="checkpoints cut at 16 places", times=PLACES * len(FILES), run=cut, short=2),
    Fault(number=16, title="checkpoints with a flipped bit", times=BITS, run=flipped, short=2),
    Fault(number=22, title="sampler state deleted: there is none, the ledger is enough", times=2, run=only_the_ledger),
]
