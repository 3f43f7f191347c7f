"""Ray's own search in simulated time: real OptunaSearch and ASHAScheduler objects, told what Tune would tell them.

The order of calls is that of Ray's ``TuneController``: at a result the scheduler decides; the searcher hears of it if
the trial goes on; at a trial's end first the scheduler and then the searcher is told. A trial is suggested when a
worker is free, where Tune itself suggests one ahead of that.
"""

from __future__ import annotations

import contextlib
import heapq
import logging
import warnings
from types import SimpleNamespace

import optuna
from ray.tune.schedulers import ASHAScheduler, TrialScheduler
from ray.tune.search.optuna import OptunaSearch

from search.simulate import Run
from search.surrogate import Surrogate

logging.getLogger("ray.tune").setLevel(logging.ERROR)


def asha(reports, *, grace_period=1, reduction_factor=4):
    """ASHA by reports; Ray's defaults where nothing else is said, with ``max_t`` the reports of a whole trial."""
    return ASHAScheduler(max_t=reports, grace_period=grace_period, reduction_factor=reduction_factor)


def configured(suggested, space):
    """A suggestion as a configuration: with what is fixed, and without what Tune draws although nothing reads it."""
    joint = "method" in suggested
    method = suggested["method"] if joint else None
    given = {**{k: v for k, v in space.items() if not hasattr(v, "sample")}, **suggested}
    if not joint:
        return None, given
    own = {k.partition(".")[2]: v for k, v in given.items() if k.startswith(f"{method}.")}
    return method, own


def active(space, config):
    """The part of a configuration that is read: Tune knows no conditions."""
    found = {}
    for key, domain in space.domains.items():
        if all(parent in found and found[parent] in values for parent, values in (domain.when or {}).items()):
            found[key] = config[key]
    return found


class Tune:
    """What Ray Tune does with a searcher and a scheduler, without Ray."""

    def __init__(self, surrogate: Surrogate, searcher, scheduler, *, workers, until):
        self.surrogate, self.sweep = surrogate, surrogate.sweep
        self.searcher, self.scheduler = searcher, scheduler
        self.workers, self.until = workers, until
        # Asked once: a sweep looks through its folder of spaces each time.
        self.space, self.spaces = self.sweep.search_space().to_tune(), self.sweep.spaces()
        self.reports = self.sweep.report_steps
        self.metric = surrogate.goal.metric
        mode = "max" if surrogate.goal.maximize else "min"
        assert searcher.set_search_properties(self.metric, mode, self.space)
        assert scheduler.set_search_properties(self.metric, mode)
        self.events, self.count, self.complete, self.stopped, self.failed = [], 0, 0, 0, 0
        self.found, self.apart, self.busy, self.now = [], [], 0.0, 0.0

    def run(self, seed) -> Run:
        for _ in range(self.workers):
            self.begin()
        while self.events and self.events[0][0] <= self.until:
            self.now, _, trial, points = heapq.heappop(self.events)
            if not self.result(trial, points):
                self.begin()
        return Run(
            seed=seed,
            seconds=self.now,
            busy=self.busy,
            trials=self.count,
            complete=self.complete,
            stopped=self.stopped,
            failed=self.failed,
            found=tuple(self.found),
            apart=tuple(self.apart),
        )

    def begin(self):
        trial = SimpleNamespace(trial_id=f"{self.count:05d}", last=None)
        self.count += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            method, config = configured(self.searcher.suggest(trial.trial_id), self.space)
        method = method or self.sweep.methods[0]
        near = self.surrogate.near(method, active(self.spaces[method], config))
        self.apart.append(near.apart)
        trial.curves = near.curves
        self.scheduler.on_trial_add(None, trial)
        self.wait(trial, self.surrogate.points(near.curves[0], self.reports))

    def wait(self, trial, points):
        self.busy += points[0].seconds
        heapq.heappush(self.events, (self.now + points[0].seconds, trial.trial_id, trial, points))

    def result(self, trial, points):
        """Whether the trial goes on after what it says."""
        point, *rest = points
        if not point.metrics:
            self.failed += 1
            self.scheduler.on_trial_error(None, trial)
            self.searcher.on_trial_complete(trial.trial_id, error=True)
            return False
        iteration = len(self.reports) - len(rest)
        result = {"training_iteration": iteration, self.metric: point.metrics[self.metric]}
        if self.scheduler.on_trial_result(None, trial, result) == TrialScheduler.CONTINUE:
            self.searcher.on_trial_result(trial.trial_id, result)
            if rest:
                self.wait(trial, rest)
                return True
        self.complete += not rest
        self.stopped += bool(rest)
        with contextlib.suppress(KeyError):
            self.scheduler.on_trial_complete(None, trial, result)
        self.searcher.on_trial_complete(trial.trial_id, result=result)
        if not rest:
            self.look(trial)
        return False

    def look(self, trial):
        worth, sign = self.surrogate.worth(trial.curves), 1 if self.surrogate.goal.maximize else -1
        if worth is not None and (not self.found or sign * worth > sign * self.found[-1][1]):
            self.found.append((self.now, worth))


def stock(surrogate, *, seed, workers, until, random=False, **schedule) -> Run:
    """OptunaSearch, or random search, and ASHA; ``schedule`` replaces defaults of the latter."""
    reports = len(surrogate.sweep.report_steps)
    searcher = OptunaSearch(sampler=optuna.samplers.RandomSampler(seed)) if random else OptunaSearch(seed=seed)
    scheduler = asha(reports, **schedule)
    return Tune(surrogate, searcher, scheduler, workers=workers, until=until).run(seed)
