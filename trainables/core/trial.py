"""One attempt at one trial: dataset, training, evaluation, pictures and checkpoints, from report to report.

The same code runs under Ray and in the current process. This module knows nothing of Ray, of other trials, or of why
the configuration was chosen.
"""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache

import numpy as np
import torch

import trainables
from trainables import pictures
from trainables.core import checkpoint, conditions
from trainables.core.allocator import keep_memory
from trainables.core.attempt import Attempt, Outcome
from trainables.core.comparable import CODES, COMPARED, KL, STRIPS
from trainables.core.compiled import compiles
from trainables.core.contract import decodes, hyperparameters
from trainables.core.dataset import Dataset, Source, open_source
from trainables.core.evaluation import POINTS, Evaluation, NotFinite, evaluate
from trainables.core.storage import Where, place
from trainables.core.strips import strips
from trainables.core.training import Training
from trainables.core.traversals import png

__all__ = ["Attempt", "Outcome", "StorageFull", "Trial", "release"]

WEIGHTS, STATE, CARD, HISTORY = "model.safetensors", "state.safetensors", "trial.json", "history.json"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@lru_cache(maxsize=4)
def _dataset(source: str, data_root: str | None) -> Dataset:
    return open_source(Source.of(json.loads(source)), data_root=data_root)


class Stopwatch:
    """How long each part took, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, part: str) -> None:
        """The time since the last lap was spent on ``part``."""
        before, self._last = self._last, time.perf_counter()
        self.seconds[part] = round(self.seconds.get(part, 0.0) + self._last - before, 4)


class StorageFull(OSError):
    """The place where all results go takes nothing more: no trial can go on, here or elsewhere."""


class Trial:
    """Runs one attempt; ``advance`` trains to the next report."""

    def __init__(self, attempt: Attempt) -> None:
        torch.set_num_threads(attempt.threads)
        keep_memory()
        self.attempt = attempt
        self.method = trainables.method(attempt.method)
        self.dataset = _dataset(json.dumps(attempt.source, sort_keys=True), attempt.data_root)
        self.hp = hyperparameters(self.method, attempt.config, attempt.steps)
        split = self.dataset.split(attempt.fit).to(attempt.device)
        self.training = Training(
            self.method,
            self.hp,
            split,
            seed=attempt.seed,
            precision=attempt.precision,
            compiled=self._compiled()[0],
            recorded=attempt.compile != "never",
        )
        self.history: list[dict[str, float]] = []
        self._restore()

    def _compiled(self) -> tuple[bool, str]:
        # The same for every attempt at a trial, so that it goes on to the same numbers.
        _, height, width = self.dataset.shape
        images = self.attempt.steps * getattr(self.hp, "batch_size", 1)
        return compiles(self.attempt.compile, self.attempt.device, area=height * width, images=images)

    def _restore(self) -> None:
        for folder in map(place, self.attempt.checkpoints):
            try:
                weights = checkpoint.read_tensors(folder, WEIGHTS)
                rest = checkpoint.read_tensors(folder, STATE)
                history = json.loads(checkpoint.read(folder, HISTORY))
            except checkpoint.CheckpointError:
                # An older one, or the beginning, leads to the same place.
                continue
            self.training.load(weights, rest)
            self.history = history
            return

    @property
    def done(self) -> bool:
        """The last report has been made."""
        return self.training.step >= self.attempt.steps

    def advance(self) -> Outcome:
        """Train to the next report and make it.  Raises ``Diverged``."""
        until = next(s for s in self.attempt.reports if s > self.training.step)
        watch = Stopwatch()
        losses = self.training.advance(until)
        watch.lap("training")
        if self.attempt.folder is None:
            metrics, _ = self._scored(until, losses)
            watch.lap("scores")
            return Outcome(step=until, metrics=metrics, checkpoint=None, pictures=(), seconds=watch.seconds)
        folder = place(self.attempt.folder) / f"step-{until:06d}-{self.attempt.label}"
        drawn: dict[str, bytes] = {}
        # Weights are written while they are scored.
        with checkpoint.writing(folder, self._state) as finish:
            metrics, evaluation = self._scored(until, losses)
            watch.lap("scores")
            files = self._about(metrics)
            if until in self.attempt.pictures or self.done:
                drawn = self._pictures(evaluation)
                files |= self._comparable(evaluation) | drawn
                watch.lap("pictures")
            try:
                finish(files)
            except OSError as error:
                if error.errno not in FULL:
                    raise
                raise StorageFull(error.errno, error.strerror or str(error), folder.uri) from error
        self._forget()
        watch.lap("writing")
        return Outcome(
            step=until,
            metrics=metrics,
            checkpoint=folder.uri,
            pictures=tuple((folder / name).uri for name in drawn),
            seconds=watch.seconds,
        )

    def _scored(self, until: int, losses: Mapping[str, float]) -> tuple[dict[str, float], Evaluation]:
        """The report's metrics, which are added to the history, and what they were computed from."""
        try:
            evaluation = self._evaluated(self.done)
        except NotFinite as error:
            raise self.training.diverged(str(error)) from error
        metrics = {f"train/{name}": value for name, value in losses.items()}
        metrics.update(evaluation.metrics)
        metrics.update(conditions.measured(self.method, self.hp, until, losses, evaluation))
        self.history.append({"step": until, **metrics})
        return metrics, evaluation

    def _evaluated(self, last: bool) -> Evaluation:
        return evaluate(
            self.method,
            self.training.model,
            self.hp,
            self.dataset,
            self.attempt.device,
            part=self.attempt.judged,
            points=None if self.attempt.judged == "test" else POINTS,
            asked=(*self.attempt.asked, *(self.attempt.asked_last if last else ())),
            last=last,
            # On the way, as precisely as it is trained; at the end, as the model will be used.
            precision=torch.float32 if last else self.training.precision.dtype,
        )

    def _comparable(self, evaluation: Evaluation) -> dict[str, bytes]:
        """Codes and strips, by which this model is compared with others."""
        found = {group: torch.from_numpy(codes[:COMPARED]).contiguous() for group, codes in evaluation.codes.items()}
        found |= {KL + group: torch.from_numpy(np.asarray(kl, np.float32)) for group, kl in evaluation.kl.items()}
        files = {CODES: checkpoint.tensors(found)} if found else {}
        if found and decodes(self.method):
            files[STRIPS] = png(strips(self._view(evaluation)), limit=1_000_000)
        return files

    def _view(self, evaluation: Evaluation) -> pictures.View:
        return pictures.View(
            method=self.method,
            model=self.training.model,
            hp=self.hp,
            dataset=self.dataset,
            evaluation=evaluation,
            history=self.history,
            device=self.attempt.device,
            part=self.attempt.judged,
        )

    def _pictures(self, evaluation: Evaluation) -> dict[str, bytes]:
        drawn = pictures.draw(self._view(evaluation))
        return {f"{name}.png": png(picture) for name, picture in drawn.items()}

    def files(self, metrics: Mapping[str, float]) -> dict[str, bytes]:
        """The files of a checkpoint of this moment."""
        return {**self._state(), **self._about(metrics)}

    def _state(self) -> dict[str, bytes]:
        """All that training goes on from."""
        weights, rest = self.training.state()
        return {WEIGHTS: checkpoint.tensors(weights), STATE: checkpoint.tensors(rest)}

    def _about(self, metrics: Mapping[str, float]) -> dict[str, bytes]:
        """What it was, and how it came here."""
        card = {
            "method": self.attempt.method,
            "hyperparameters": asdict(self.hp),
            "config": dict(self.attempt.config),
            "data": self.attempt.data,
            "options": dict(self.attempt.options),
            "subset": dict(self.attempt.subset),
            "secondary": self.attempt.secondary,
            "shape": list(self.dataset.shape),
            "fit": self.attempt.fit,
            "judged": self.attempt.judged,
            "seed": self.attempt.seed,
            "steps": self.attempt.steps,
            "step": self.training.step,
            "precision": self.training.precision.name,
            "metrics": {k: v if v == v and abs(v) != float("inf") else str(v) for k, v in metrics.items()},
        }
        return {HISTORY: json.dumps(self.history).encode(), CARD: json.dumps(card, indent=1).encode()}

    def _forget(self) -> None:
        """Keep the two newest checkpoints of this attempt: the newest may not be in the ledger yet."""
        assert self.attempt.folder is not None
        folder = place(self.attempt.folder)
        mine = [name for name in folder.names() if name.startswith("step-") and name.endswith(f"-{self.attempt.label}")]
        # Those before were freed when this was one of the newest two.
        for name in mine[-3:-2]:
            release(folder / name, keep_weights=False)


def release(folder: Where, *, keep_weights: bool) -> None:
    """Free a checkpoint's disk space; its pictures and its card stay.

    With ``keep_weights`` the model can still be loaded, but training cannot be continued from it.
    """
    for name in (STATE,) if keep_weights else (STATE, WEIGHTS):
        (place(folder) / name).remove()
