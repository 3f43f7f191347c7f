"""Trials as Ray Tune trainables: one class for sweeps, one made to order for bare Ray Tune.  The only ray import here.

Actors are reused: a new configuration resets the old actor, and everything heavy happens in ``step``, so that what
fails there fails its trial with its own error.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from ray import tune

import trainables
from trainables import data
from trainables.core import checkpoint
from trainables.core.arrays import DatasetError
from trainables.core.conditions import OUT_OF_MEMORY
from trainables.core.contract import hyperparameters
from trainables.core.dataset import Source, open_source
from trainables.core.redaction import redacted, trace
from trainables.core.rehearsal import rehearse
from trainables.core.training import Diverged
from trainables.core.trial import STATE, WEIGHTS, Attempt, StorageFull, Trial

ATTEMPT = "attempt"
"""Key of a sweep's Ray configuration that holds an ``Attempt`` as a mapping."""

SHARE = "gpu"
"""Key of a sweep's Ray configuration that says how much of a GPU, or how many GPUs, the trial gets."""

REPORT = "report"
"""Key of a sweep's Ray result that holds the report as JSON, out of reach of Ray's flattening."""


class SweepTrial(tune.Trainable):
    """Runs one ``Attempt`` of a sweep; a trial that fails reports ``{"failed": reason, "trace": traceback}``.

    Every report names its ``host``. A failure may name the ``condition`` that it met; a machine without the dataset, or
    whose disk fails, reports ``{"lost": reason}``; ``{"full": reason}`` means the storage itself. So what Ray reports
    as an error is always a process or a node that died.
    """

    def setup(self, config: Mapping[str, Any]) -> None:
        self._attempt = Attempt(**config[ATTEMPT])
        self._trial: Trial | None = None
        self._unwell = False

    def reset_config(self, new_config: Mapping[str, Any]) -> bool:
        if self._unwell:
            # A CUDA error stays with its process; the next trial is handed out again to a new one.
            os._exit(1)
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        try:
            self._trial = self._trial or Trial(self._attempt)
            report = asdict(self._trial.advance())
        except Diverged as error:
            report = {"failed": str(error), "condition": "diverged"}
        except DatasetError as error:
            # This machine has not the data; another may.
            report = {"lost": redacted(str(error))}
        except StorageFull as error:
            report = {"full": redacted(str(error.strerror))}
        except OSError as error:
            # Nor need its disk or its network be those of another machine, or of a moment later.
            report = {"lost": redacted(f"{type(error).__name__}: {error}")}
        except torch.OutOfMemoryError as error:
            self._unwell = True
            report = {"failed": redacted(_first_line(error)), "condition": OUT_OF_MEMORY, "trace": trace()}
        except Exception as error:
            self._unwell = self._attempt.device != "cpu"
            # This machine's secrets are known here alone.
            reason = redacted(f"{type(error).__name__}: {error}")
            report = {"failed": reason, "trace": trace()}
        return {REPORT: json.dumps({**report, "host": platform.node()})}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing to do: ``Trial`` writes its own checkpoints at reports."""

    def load_checkpoint(self, checkpoint_dir: Any) -> None:
        """Nothing to do: an ``Attempt`` names what to continue from."""


def trainable(method: str, **settings: Any) -> type[tune.Trainable]:
    """A ``ray.tune.Trainable`` of ``method`` whose configuration is a flat mapping of hyperparameters.

    ``settings`` are fields of ``Attempt``: ``data`` and ``options`` (default: the embedded digits), ``subset``,
    ``secondary`` (a name, or a mapping of name, options and subset), ``data_root``, ``steps`` (default 1,000),
    ``reports`` (default: ten, evenly spaced), ``seed``, ``device``, ``threads``. Each step trains to the next report
    and returns the metrics, with ``step`` and, at the last, ``done``. Raises ``ValueError`` for settings that cannot
    be; a trial raises it when the data have not what the method needs (labels, identity, a second dataset).
    """
    trainables.method(method)
    steps = settings.setdefault("steps", 1000)
    every = max(1, steps // 10)
    settings.setdefault("reports", (*range(every, steps, every), steps))
    settings.setdefault("seed", 0)
    unknown = set(settings) - set(Attempt.__dataclass_fields__)
    if unknown:
        raise ValueError(
            f"{method} has no setting {', '.join(sorted(unknown))}; "
            f"settings are {', '.join(sorted(Attempt.__dataclass_fields__))}."
        )
    if isinstance(second := settings.get("secondary"), str):
        settings["secondary"] = {"name": second}
    # Bad names, options and subsets are refused here, and not by the first worker.
    _described(settings)

    class MethodTrainable(tune.Trainable):
        """One configuration of one method under bare Ray Tune."""

        def setup(self, config: Mapping[str, Any]) -> None:
            attempt = Attempt(method=method, config=dict(config), **settings)
            _rehearsed(attempt)
            self._trial = Trial(attempt)

        def reset_config(self, new_config: Mapping[str, Any]) -> bool:
            self.setup(new_config)
            return True

        def step(self) -> dict[str, Any]:
            outcome = self._trial.advance()
            return {**outcome.metrics, "step": outcome.step, "done": self._trial.done}

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            checkpoint.write(Path(checkpoint_dir) / "teasel", self._trial.files({}))

        def load_checkpoint(self, checkpoint_dir: Any) -> None:
            if checkpoint_dir is not None:
                folder = Path(checkpoint_dir) / "teasel"
                self._trial.training.load(
                    checkpoint.read_tensors(folder, WEIGHTS), checkpoint.read_tensors(folder, STATE)
                )

    MethodTrainable.__name__ = MethodTrainable.__qualname__ = method
    return MethodTrainable


def _first_line(error: Exception) -> str:
    """CUDA's message goes on for a paragraph about its allocator."""
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"


def _described(settings: Mapping[str, Any]) -> None:
    source: Source | None = Source.of({"name": "digits", **_named(settings)})
    while source is not None:
        about = data.describe(source.name, source.options)
        if problem := source.subset.problem(source.name, about):
            raise ValueError(problem)
        source = source.secondary


def _named(settings: Mapping[str, Any]) -> dict[str, Any]:
    named = {key: settings[key] for key in ("options", "subset", "secondary") if key in settings}
    return {**named, **({"name": settings["data"]} if "data" in settings else {})}


def _rehearsed(attempt: Attempt) -> None:
    method = trainables.method(attempt.method)
    opened = open_source(Source.of(attempt.source), data_root=attempt.data_root)
    try:
        rehearse(method, hyperparameters(method, attempt.config, attempt.steps), opened)
    except ValueError as error:
        raise ValueError(f"{attempt.method} on {attempt.data}: {error}") from error
