"""What of a sweep's checkpoints stays on disk: pictures and cards always, and the weights of complete trials.

Where the sweep has a limit for those weights (``budget.disk``), the best ranked ones stay. This module knows nothing of
Ray or of who trains.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from search.folder import Folder
from search.history import COMPLETE, RUNNING, History, Trial
from search.standings import standings


class Keeper:
    """Tidies the folder of a sweep as its trials end."""

    def __init__(self, place: Folder, history: Callable[[], History], limit: float | None) -> None:
        self._place = place
        self._history = history
        self._limit = limit
        """Bytes that the weights of complete trials may take; None where there is no limit."""
        self._freed: set[tuple[int, int]] = set()
        self._kept: dict[int, int] | None = None
        """Bytes of the weights of each complete trial; None until they are counted."""

    def tidy(self, number: int) -> None:
        """Free what ended replicates of this trial's configuration no longer need."""
        history = self._history()
        for trial in history.configuration(history.trials[number]).trials:
            done = (trial.number, trial.attempts)
            if trial.state != RUNNING and done not in self._freed:
                with suppress(OSError):
                    self._release(trial)
                    self._freed.add(done)
                    if self._kept is not None:
                        self._count(trial, self._kept)
        if self._limit is not None:
            # What could not be freed now is looked at again when the next trial ends.
            with suppress(OSError):
                self._keep_within(self._limit)

    def tidy_again(self) -> None:
        """Free what lost attempts wrote after their trials had ended: a node that was taken for dead may come back."""
        for trial in self._history().trials:
            if trial.state != RUNNING and trial.attempts > 1:
                with suppress(OSError):
                    self._release(trial)

    def _release(self, trial: Trial) -> None:
        from trainables.core.trial import release

        last = trial.reports[-1].checkpoint if trial.reports else None
        written = self._place.trial(trial.number)

        def free(name: str) -> None:
            if self._place.files.within(f"trials/{trial.number:03d}/{name}") is None:
                # A link that leads out: what lies there is not this sweep's.
                return
            if name.startswith("."):
                # What a worker was writing when it was killed.
                (written / name).remove()
            elif name.startswith("step-"):
                kept = trial.state == COMPLETE and last is not None and written / name == self._place.files / last
                release(written / name, keep_weights=kept)

        # Several at once, for in an object store each takes a few round trips.
        with ThreadPoolExecutor(max_workers=8) as several:
            list(several.map(free, written.names()))

    def _keep_within(self, limit: float) -> None:
        """Free the weights of the worst ranked complete trials until the others' fit; the first always stays."""
        from trainables.core.trial import release

        if self._kept is None:
            self._kept = {}
            for trial in self._history().trials:
                self._count(trial, self._kept)
        total = sum(self._kept.values())
        if total <= limit:
            return
        for standing in reversed(standings(self._history())[1:]):
            for trial in standing.configuration.trials:
                if total > limit and trial.number in self._kept:
                    release(self._place.files / str(trial.reports[-1].checkpoint), keep_weights=False)
                    total -= self._kept.pop(trial.number)

    def _count(self, trial: Trial, kept: dict[int, int]) -> None:
        from trainables.core.trial import WEIGHTS

        last = trial.reports[-1].checkpoint if trial.state == COMPLETE and trial.reports else None
        if last is not None and (size := (self._place.files / last / WEIGHTS).size()):
            kept[trial.number] = size
