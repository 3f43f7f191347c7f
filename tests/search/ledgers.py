"""Ledgers made by hand for the tests of what reads them: trials that complete, are stopped, diverge or never end."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from PIL import Image

from search.ledger import Ledger

SWEEP = {
    "name": "look",
    "methods": ["beta_vae", "factor_vae"],
    "data": {"name": "sprites", "options": {"size": 32}},
    "objectives": [{"metric": "score/mig", "direction": "maximize"}],
    "budget": {"trials": 8, "steps": 80, "wall_time": None},
    "sampler": {"name": "tpe", "seed": 0, "startup": None},
    "schedule": {"name": "asha", "rungs": [20]},
    "seed": 0,
}


PICTURES = ("traversal", "class_grid")
"""What each trial draws at steps 20 and 80, the main one first."""


def picture(path: Path, shade: int) -> None:
    """A small PNG that differs with ``shade``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.linear_gradient("L").resize((96, 64)).point(lambda v: (v + shade) % 256).save(path)


def config(number: int) -> dict[str, Any]:
    """Some configuration, another for each trial; factor_vae where ``number`` is odd."""
    key = "gamma" if number % 2 else "beta"
    return {key: 1.0 + number / 3, "latents": 6 + number % 4, "lr": 1e-3, "network": "burgess"}


def metrics(number: int, step: int, count: int = 6) -> dict[str, float]:
    """``count`` metrics whose values have all their bits in use."""
    more = {f"train/loss_{i}": (number + 1) / (step + i + 3) for i in range(count - 1)}
    return {"score/mig": (number % 5 + 1) * step / 700, **more}


class Builder:
    """Writes one sweep's ledger and the pictures it names."""

    def __init__(self, folder: Path, sweep: dict[str, Any] | None = None, *, pictures: bool = True) -> None:
        self.folder = folder
        self.sweep = sweep or {**SWEEP, "name": folder.name}
        self.pictures = pictures
        self.ledger = Ledger.create(folder / "ledger.jsonl")
        trials = self.sweep["budget"]["trials"]
        row = {"sweep": self.sweep, "id": "0123456789ab", "trials": trials, "teasel": "0", "format": 1}
        self.ledger.append("sweep", **row)
        self.session()

    def session(self) -> None:
        self.ledger.append("session", host="here", teasel="0", concurrency=1)

    def trial(self, number: int, **changes: Any) -> None:
        method = "factor_vae" if number % 2 else "beta_vae"
        said = {**config(number), **changes}
        free = {f"{method}.{k}": v for k, v in said.items() if k in ("beta", "gamma", "latents")}
        params = {"method": method, **free}
        row = {"method": method, "config": said, "params": params, "steps": 80, "seed": 0}
        self.ledger.append("trial", trial=number, **row)
        self.start(number)

    def start(self, number: int, attempt: int = 1, step: int = 0) -> None:
        self.ledger.append("start", trial=number, attempt=attempt, step=step)

    def report(self, number: int, step: int, said: dict[str, Any] | None = None, *, attempt: int = 1) -> None:
        pictures = []
        if self.pictures and step in (20, 80):
            folder = f"trials/{number:03d}/step-{step:06d}-attempt-1"
            pictures = [f"{folder}/{name}.png" for name in PICTURES]
            for shade, path in enumerate(pictures):
                picture(self.folder / path, number * 20 + step + shade)
        found = metrics(number, step) if said is None else said
        row = {"attempt": attempt, "step": step, "metrics": found, "checkpoint": None, "pictures": pictures}
        self.ledger.append("report", trial=number, **row)

    def end(self, number: int, state: str = "COMPLETE", reason: str = "finished its 80 steps", step: int = 80) -> None:
        self.ledger.append("end", trial=number, state=state, reason=reason, step=step)

    def close(self, reason: str = "the budget is spent") -> None:
        self.ledger.append("close", reason=reason)

    def whole(self, number: int, steps: int = 80, every: int = 10) -> None:
        """A trial from its beginning to its end; stopped early where ``steps`` is below 80."""
        self.trial(number)
        for step in range(every, steps + 1, every):
            self.report(number, step)
        self.end(number) if steps == 80 else self.end(number, "PRUNED", f"below the median at {steps}", steps)


def small(folder: Path) -> Path:
    """Eight trials in two sessions: complete, stopped, diverged, lost once and begun again; all bad characters."""
    made = Builder(folder)
    made.whole(0)
    made.whole(1, 20)
    made.trial(2, network="x" * 6500)
    made.report(2, 10, {"score/mig": 0.1, "train/kl": "nan", "train/loss": "inf", "bad name\x1b[1m/../β": 0.5})
    made.end(2, "FAIL", "train/kl is nan at step 10 \x1b[31mred\x00 token=CANARY http://me:CANARY@host/", 10)
    made.whole(3)
    made.trial(4)
    made.report(4, 10)
    made.close("interrupted")
    made.session()
    made.start(4, 2, 10)
    for step in range(20, 81, 10):
        made.report(4, step, attempt=2)
    made.end(4)
    made.whole(5, 20)
    made.whole(6)
    made.whole(7)
    made.close()
    made.ledger.close()
    return folder


def copy(folder: Path, to: Path, rows: int | None = None) -> Path:
    """The same sweep elsewhere, as it was after ``rows`` rows; an earlier copy there grows."""
    lines = (folder / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    to.mkdir(parents=True, exist_ok=True)
    (to / "ledger.jsonl").write_bytes(b"".join(lines[:rows]))
    if (folder / "trials").exists():
        shutil.copytree(folder / "trials", to / "trials", dirs_exist_ok=True)
    return to
