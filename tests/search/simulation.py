"""A sweep without Ray, files but the ledger's, or training: trials report made-up curves.

``play`` drives a real ``Loop`` with a real sampler, schedule and ledger; ``Killed`` is raised where a test wants the
driver to die, before or after any row.
"""

import math
from dataclasses import dataclass, field

from search.assignment import Assignment, Finished, Wait
from search.history import Configuration
from search.ledger import Ledger
from search.loop import Loop
from search.run import loop
from search.schedule import Continue
from search.sweep_file import from_command_line


class Killed(BaseException):
    """The driver dies here."""


@dataclass
class Mortal:
    """A ledger whose writer dies at its ``left``-th row from now: before it is written, or right after."""

    ledger: Ledger
    left: float = math.inf
    after: bool = True

    def __getattr__(self, name):
        return getattr(self.ledger, name)

    def append(self, kind, **fields):
        self.left -= 1
        if self.left < 0 and not self.after:
            raise Killed
        row = self.ledger.append(kind, **fields)
        if self.left < 0:
            raise Killed
        return row


def sweep(storage, **changes):
    """A small real sweep; the loop is real, only training is made up."""
    given = {
        "data": "sprites",
        "objectives": ["score/mig"],
        "trials": 12,
        "steps": 90,
        "storage": str(storage),
        "name": "simulated",
        "sampler": "tpe",
        **changes,
    }
    return from_command_line(given.pop("methods", ["beta_vae", "factor_vae"]), **given)


def curve(assignment: Assignment, step: int) -> dict[str, float]:
    """A deterministic learning curve of a configuration: better for learning rates near 1e-3, varied by the seed."""
    lr = assignment.config["lr"]
    quality = math.exp(-abs(math.log10(lr) + 3)) * (1 - math.exp(-step / 40)) * (1 + 0.1 * math.sin(assignment.seed))
    return {
        "score/mig": quality,
        "val/elbo": -100 * (1 - quality),
        "val/reconstruction": 1 - quality,
        "condition/dead_latents": min(1.0, abs(math.log10(lr) + 3)),
    }


def compare(configuration: Configuration, step: int) -> dict[int, dict[str, float]]:
    """A made-up agreement of replicates."""
    lr = configuration.first.config["lr"]
    return {
        trial.number: {"score/udr": math.exp(-abs(math.log10(lr) + 2)) * step / 100 + trial.seed / 1000}
        for trial in configuration.trials
    }


@dataclass
class Worker:
    """A live trial: its assignment and the reports it still has to make."""

    assignment: Assignment
    steps: list[int] = field(default_factory=list)


def begin(sweep, path, *, left=math.inf, after=True, concurrency=1) -> Loop:
    """A loop over the ledger at ``path``, new or old; it dies as ``Mortal`` says."""
    if path.exists():
        ledger = Ledger.open(path)
    else:
        ledger = Ledger.create(path)
        ledger.append("sweep", sweep=sweep.model_dump(mode="json"), id=sweep.id, trials=sweep.budget.trials)
    mortal = Mortal(ledger, left, after)
    try:
        return loop(mortal, sweep, concurrency=concurrency, compare=compare)
    except Killed:
        ledger.close()
        raise


def play(loop: Loop, rng=None, failing=frozenset(), losing=frozenset()) -> None:
    """Run a loop to its end.  With ``rng``, live trials report in random order."""
    live: list[Worker] = []
    lost = set()
    try:
        while True:
            while isinstance(given := loop.next(), Assignment):
                done = resumed_at(loop, given)
                live.append(Worker(given, [s for s in given.reports if s > done]))
            if isinstance(given, Finished) and not live:
                return
            assert live or not isinstance(given, Wait), "waiting for nothing"
            worker = live[rng.randrange(len(live))] if rng else live[0]
            number, attempt = worker.assignment.trial, worker.assignment.attempt
            if number in losing and number not in lost:
                lost.add(number)
                live.remove(worker)
                loop.lost(number, attempt, "its worker died")
                continue
            step = worker.steps.pop(0)
            if number in failing and step > 30:
                loop.failed(number, attempt, "its loss is not finite")
                live.remove(worker)
                continue
            decision = loop.report(
                number,
                attempt,
                step,
                curve(worker.assignment, step),
                checkpoint=f"trials/{number:03d}/{step}",
            )
            if not isinstance(decision, Continue):
                live.remove(worker)
    finally:
        loop._ledger.ledger.close()


def resumed_at(loop: Loop, assignment: Assignment) -> int:
    """The step from which a worker continues: that of the newest checkpoint in the ledger."""
    return int(assignment.checkpoints[0].rpartition("/")[2]) if assignment.checkpoints else 0
