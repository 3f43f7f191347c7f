"""Begin, go on with and drive a sweep: the place where loop, ledger and files meet.

``Driver`` takes what workers say, whether they run in this process (``run_here``) or on Ray (``search.on_ray``).
Resuming is a fresh loop over the same ledger. This module knows nothing of MLflow.
"""

from __future__ import annotations

import errno
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from typing import Any

import search
import trainables.scores
from search.agreement import agreement
from search.assignment import Assignment, Finished
from search.folder import Folder, existing, folder
from search.history import replay
from search.keeping import Keeper
from search.ledger import Ledger, LedgerError
from search.loop import Comparison, Loop
from search.sampler import Sampler
from search.schedule import Continue, schedule
from search.sweep import Sweep
from search.sweep_parts import DataSpec
from trainables.core.dataset import Source
from trainables.core.redaction import redacted, trace
from trainables.core.split import DEVELOPMENT
from trainables.core.storage import Where
from trainables.core.subset import Subset


def create(sweep: Sweep) -> tuple[Folder, Ledger]:
    """Begin a new sweep's ledger.  Raises ``LedgerError`` when the name is taken."""
    place = folder(sweep.storage, sweep.name)
    try:
        ledger = Ledger.open(place.ledger) if place.ledger.exists() and not place.begun else Ledger.create(place.ledger)
        if ledger.rows:
            # Another process began it at this very moment, and is gone.
            ledger.close()
            raise FileExistsError
    except FileExistsError:
        raise LedgerError(
            f"A sweep named {sweep.name!r} exists already in {place.storage}. "
            f"`teasel resume {sweep.name}` goes on with it; `--name` gives this one another name."
        ) from None
    try:
        ledger.append(
            "sweep",
            sweep=sweep.model_dump(mode="json"),
            id=sweep.id,
            trials=sweep.budget.trials,
            teasel=search.__version__,
            format=1,
        )
    except OSError:
        # An empty ledger would only keep the name taken.
        ledger.close()
        with suppress(OSError):
            place.ledger.remove()
        raise
    return place, ledger


def reopen(storage: Where, name: str, *, trials: int | None = None) -> tuple[Folder, Ledger]:
    """Go on with a sweep; ``trials`` adds so many to its budget.

    Raises ``LedgerError`` for a name that does not exist, a damaged ledger, or one that another process is writing.
    """
    place = existing(storage, name)
    place.require_own()
    ledger = Ledger.open(place.ledger)
    if trials:
        ledger.append("budget", trials=replay(ledger.rows).budget + trials)
    return place, ledger


def loop(
    ledger: Ledger,
    sweep: Sweep,
    *,
    concurrency: int,
    compare: Comparison | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Loop:
    """The loop of ``sweep`` over its ledger, whatever that holds already; a ``session`` row marks its beginning.

    Replicates are compared by their checkpoints' codes unless ``compare`` says how. ``clock`` counts the wall time.
    """
    sampler = Sampler(
        sweep.sampler.name,
        sweep.search_space(),
        sweep.objectives,
        seed=sweep.sampler.seed,
        startup=sweep.sampler.startup,
        constraints={c.condition: c.at_most for c in sweep.constraints},
    )
    judge = schedule(sweep.schedule, objectives=sweep.objectives, steps=sweep.budget.steps, rungs=sweep.rungs)
    ledger.append("session", host=platform.node(), teasel=search.__version__, concurrency=concurrency)
    return Loop(
        ledger,
        sweep,
        sampler=sampler,
        schedule=judge,
        concurrency=concurrency,
        compare=compare or partial(agreement, ledger.place.parent),
        clock=clock,
    )


def source(data: DataSpec) -> Source:
    """A sweep's data as what ``trainables.core.dataset.open_source`` takes."""
    return Source(
        name=data.name,
        options=dict(data.options),
        subset=Subset(**data.subset),
        secondary=None if data.secondary is None else source(data.secondary),
    )


def described(sweep: Sweep, data_root: str | None) -> dict[str, Any]:
    """Those fields of ``trainables.core.trial.Attempt`` that all trials of a sweep have in common."""
    return {
        "asked": [objective.metric for objective in sweep.objectives],
        "asked_last": [metric.name for name in sweep.scores for metric in trainables.scores.load(name).GIVES],
        "fit": "train" if sweep.picked is None else DEVELOPMENT,
        "judged": "validation" if sweep.picked is None else "test",
        "data": sweep.data.name,
        "options": dict(sweep.data.options),
        "subset": dict(sweep.data.subset),
        "secondary": None if sweep.data.secondary is None else asdict(source(sweep.data.secondary)),
        "data_root": data_root,
        "threads": max(1, int(sweep.resources.cpu)),
        "precision": sweep.resources.precision,
        "compile": sweep.resources.compile,
    }


def attempt(driver: Driver, assignment: Assignment) -> dict[str, Any]:
    """An assignment as the fields of ``trainables.core.trial.Attempt``."""
    sweep, place = driver.sweep, driver.place
    return {
        **described(sweep, driver.data_root),
        "method": assignment.method,
        "config": dict(assignment.config),
        "seed": assignment.seed,
        "steps": assignment.steps,
        "reports": list(assignment.reports),
        "pictures": list(sweep.rungs),
        "device": "cuda" if sweep.resources.gpus else "cpu",
        "folder": place.trial(assignment.trial).uri,
        "checkpoints": [(place.files / c).uri for c in assignment.checkpoints],
        "label": f"attempt-{assignment.attempt}",
    }


class Driver:
    """Takes workers' words to the loop and keeps the sweep's folder tidy.  One thread at a time may speak."""

    def __init__(self, place: Folder, sweep: Sweep, loop: Loop, *, data_root: str | None = None) -> None:
        self.place = place
        self.sweep = sweep
        self.loop = loop
        self.data_root = data_root
        self.broken: OSError | None = None
        """Why the storage can no longer be written; the sweep is then stopping."""
        self.lock = threading.RLock()
        # What was picked is trained to be used: its seeds are few, and all stay.
        limit = None if sweep.picked else sweep.budget.disk
        self._keeper = Keeper(place, lambda: loop.history, limit)

    def __getstate__(self) -> dict[str, Any]:
        # Ray pickles its searcher for a restore that is never asked for; there is nothing to keep.
        return {}

    def next(self) -> Any:
        """The loop's next assignment, ``Wait`` or ``Finished``."""
        with self.lock:
            given: Any = Finished()
            with self._recording():
                given = self.loop.next()
            return given

    def take(self, assignment: Assignment, said: dict[str, Any]) -> bool:
        """Record a report, ``{"failed": reason}`` or ``{"lost": reason}``; True when the attempt is over.

        ``{"full": reason}`` is not recorded: the sweep ends in order, and the trial goes on when it is resumed.
        """
        with self.lock:
            over = True
            with self._recording():
                if "full" in said:
                    raise OSError(errno.ENOSPC, said["full"])
                elif "lost" in said:
                    self.loop.lost(assignment.trial, assignment.attempt, redacted(f"on {said['host']}: {said['lost']}"))
                elif "failed" in said:
                    condition = said.get("condition", "")
                    self.loop.failed(assignment.trial, assignment.attempt, redacted(said["failed"]), condition)
                    self._keep(assignment.trial, said.get("trace"))
                else:
                    decision = self.loop.report(
                        assignment.trial,
                        assignment.attempt,
                        said["step"],
                        said["metrics"],
                        checkpoint=self._below(said["checkpoint"]),
                        pictures=[str(self._below(p)) for p in said["pictures"]],
                        host=said.get("host", ""),
                        seconds=said.get("seconds"),
                    )
                    over = not isinstance(decision, Continue)
                if over:
                    self._keeper.tidy(assignment.trial)
            return over

    def lose(self, assignment: Assignment, reason: str) -> None:
        """The worker or its node died."""
        with self.lock, self._recording():
            self.loop.lost(assignment.trial, assignment.attempt, redacted(reason))

    def tidy(self) -> None:
        """Free what workers that were taken for dead have left behind."""
        with self.lock:
            self._keeper.tidy_again()

    @contextmanager
    def _recording(self) -> Iterator[None]:
        """A storage that cannot be written (a full disk) ends the sweep in order, with nothing acted on."""
        try:
            yield
        except OSError as error:
            self.broken = error
            self.loop.stopping = True

    def _keep(self, number: int, trace: str | None) -> None:
        if trace:
            # Like a folder that cannot be tidied: no reason to end a sweep.
            with suppress(OSError):
                (self.place.trial(number) / "error.txt").write(redacted(trace).encode("utf-8", "backslashreplace"))

    def _below(self, path: str | None) -> str | None:
        return None if path is None else self.place.files.path_below(path)


def run_here(driver: Driver) -> None:
    """Run a loop's trials one after another in this process, without Ray."""
    from trainables.core.training import Diverged
    from trainables.core.trial import Attempt, StorageFull, Trial

    here = platform.node()
    while not isinstance(given := driver.next(), Finished):
        assert isinstance(given, Assignment), "in one process nothing else can be live"
        try:
            trial = Trial(Attempt(**attempt(driver, given)))
            while not driver.loop.stopping and not driver.take(given, {**asdict(trial.advance()), "host": here}):
                pass
        except Diverged as error:
            driver.take(given, {"failed": str(error), "condition": "diverged"})
        except StorageFull as error:
            driver.take(given, {"full": str(error.strerror)})
        except OSError as error:
            driver.take(given, {"lost": f"{type(error).__name__}: {error}", "host": here})
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            driver.take(given, {"failed": reason, "trace": trace()})
