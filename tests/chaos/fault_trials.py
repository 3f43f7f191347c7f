"""Trials that raise, run out of memory, or report what is no number: they fail alone and say why."""

from __future__ import annotations

import math
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tests_chaos import invariants, stock, tries, views
from tests_chaos.fault import Fault, Outcome

from search.assignment import Assignment
from trainables.core import trial as trials
from trainables.core.ray_trainable import SweepTrial
from trainables.scores import elbo

CUDA = "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported"
ERRORS: dict[str, Exception] = {
    "ValueError: shapes disagree": ValueError("shapes disagree"),
    "RuntimeError: CUDA error: device-side assert": RuntimeError(CUDA),
    "OutOfMemoryError: CUDA out of memory": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    "MemoryError": MemoryError(),
    "KeyError": KeyError("z"),
}
STEPS, BAD = 4, 1


def beside(storage: Path, number: int, *, whole: Path, wrong: list[str]) -> Outcome:
    """What became of a sweep in which trial ``number`` failed: every other one is as if it had not."""
    rows = views.rows(tries.recorded(storage))
    mine, theirs = invariants.essence(rows), invariants.essence(views.rows(whole.read_bytes()))
    others = [n for n, (one, other) in enumerate(zip(mine, theirs, strict=True)) if n != number and one != other]
    wrong = wrong + [f"I3: trial {n} differs, and only {number} had failed" for n in others]
    return tries.outcome(storage, wrong=wrong, mlflow=tries.published(storage))


def _end(storage: Path, number: int) -> dict[str, Any]:
    rows = views.rows(tries.recorded(storage))
    return next((dict(r) for r in rows if r["kind"] == "end" and r["trial"] == number), {})


def raises(storage: Path, seed: int) -> Outcome:
    """Trial 1 raises in its step ``seed % 4``, one error after the other."""
    step, (reason, error) = seed % STEPS, list(ERRORS.items())[seed // STEPS % len(ERRORS)]

    def meddle(given: Assignment, worker: SweepTrial) -> None:
        if given.trial == BAD:
            worker._trial = trials.Trial(worker._attempt)
            one_step = worker._trial.training._one_step

            def failing() -> Any:
                if worker._trial is not None and worker._trial.training.step == step:
                    raise error
                return one_step()

            worker._trial.training._one_step = failing  # type: ignore[method-assign]

    tries.drive(tries.begin(tries.sweep(storage)), meddle=meddle)
    end = _end(storage, BAD)
    wrong = []
    if end.get("state") != "FAIL" or reason not in end.get("reason", "") or end.get("step") != step:
        wrong.append(f"I5: trial {BAD} ended with {end} instead of {reason!r} after step {step}")
    return beside(storage, BAD, whole=tries.whole(), wrong=wrong)


def starves(storage: Path, seed: int) -> Outcome:
    """Trial 1 runs out of memory on a quarter of a GPU at some step, and not on half of one."""
    step = seed % STEPS

    def meddle(given: Assignment, worker: SweepTrial) -> None:
        worker._attempt = trials.Attempt(**{**worker._attempt.__dict__, "device": "cpu"})
        if given.trial == BAD and given.gpu < 0.5:
            worker._trial = trials.Trial(worker._attempt)
            advance = worker._trial.advance

            def failing() -> Any:
                if worker._trial is not None and worker._trial.training.step == step:
                    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has …")
                return advance()

            worker._trial.advance = failing  # type: ignore[method-assign]

    tries.drive(tries.begin(tries.sweep(storage, gpu=0.25)), meddle=meddle)
    rows = views.rows(tries.recorded(storage))
    lost = [row for row in rows if row["kind"] == "lost"]
    wrong = [] if [r.get("gpu") for r in lost] == [0.5] else [f"I5: it was tried again with {lost}"]
    return tries.outcome(storage, wrong=wrong, whole=tries.whole(), mlflow=tries.published(storage))


# -- numbers that are none ------------------------------------------------------------------------------------------

ODD: tuple[Any, ...] = (
    math.nan,
    math.inf,
    -math.inf,
    ...,
    "text",
    None,
    [1.0],
    np.float32("nan"),
    10**400,
    True,
    {"a": 1.0},
    1 + 2j,
)
"""What stands where a metric's number should; ``...`` is nothing at all."""
OBJECTIVE, OTHER = "val/elbo", "val/reconstruction"


def odd(storage: Path, seed: int) -> Outcome:
    """In trial 1's second report a score gives such a value, for the objective or for another metric."""
    value, name = ODD[seed % len(ODD)], (OBJECTIVE, OTHER)[seed // len(ODD) % 2]
    live: list[SweepTrial] = []
    score = elbo.score

    @wraps(score)
    def wrong_score(*arrays: Any, **named: Any) -> dict[str, Any]:
        found: dict[str, Any] = score(*arrays, **named)
        worker = live[-1]
        if worker._attempt.folder.endswith(f"{BAD:03d}") and worker._trial.training.step == 2:
            found.pop(name.removeprefix("val/"))
            found |= {} if value is ... else {name.removeprefix("val/"): value}
        return found

    elbo.score = wrong_score
    try:
        tries.drive(tries.begin(tries.sweep(storage)), meddle=lambda given, worker: live.append(worker))
    finally:
        elbo.score = score
    end, wrong = _end(storage, BAD), []
    usable = value is True or (name == OTHER and (value is ... or isinstance(value, float | np.floating)))
    if end.get("state") != ("COMPLETE" if usable else "FAIL") or (not usable and name not in end["reason"]):
        wrong.append(f"I5: trial {BAD}, whose {name} was {str(value)[:20]}, ended with {end}")
    return beside(storage, BAD, whole=tries.whole(), wrong=wrong)


FAULTS = [
    Fault(number=1, title="a trial raises, a CUDA-like error, at each step", times=5 * STEPS, run=raises),
    Fault(number=1, title="a trial is out of GPU memory, at each step", times=STEPS, run=starves),
    Fault(number=2, title="NaN, ±inf, missing and text metrics", times=2 * len(ODD), run=odd, stock=stock.odd),
]
