"""Optuna's samplers over a study that the ledger can rebuild: ask, report, tell.

Each ask seeds its sampler anew from ``(seed, trial number)``, so what is suggested depends on the recorded trials and
on nothing else; a study rebuilt from the ledger suggests what the uninterrupted one would have. Samplers that keep
state of their own inside the study (CMA-ES, QMC, NSGA-II) are rebuilt by asking again in the recorded order.
This module knows nothing of Ray, and of the space only its ``suggest``.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import TrialState, create_trial

from search.history import COMPLETE, FAIL, PRUNED, Trial, replay
from search.ledger import Row

optuna.logging.set_verbosity(optuna.logging.WARNING)

STATES = {COMPLETE: TrialState.COMPLETE, PRUNED: TrialState.PRUNED, FAIL: TrialState.FAIL}

STATEFUL = frozenset({"cmaes", "qmc", "nsga2"})
"""Samplers whose state lives in the study's and the trials' system attributes."""


class Space(Protocol):
    """What the sampler needs of a search space."""

    def suggest(self, trial: Any, /) -> dict[str, Any]: ...


def seed_of(seed: int, number: int) -> int:
    """The 31-bit seed of one trial's ask, the same on every machine and in every process."""
    digest = hashlib.sha256(f"{seed}/{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


class Objective(Protocol):
    """A metric and where it should go: ``maximize`` or ``minimize``."""

    @property
    def metric(self) -> str: ...
    @property
    def direction(self) -> Any: ...


class _Recorded:
    """Stands in for an Optuna trial: answers with recorded values and notes the distributions asked for."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.params = params
        self.distributions: dict[str, BaseDistribution] = {}

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        self.distributions[name] = optuna.distributions.FloatDistribution(low, high, log=log)
        return float(self.params[name])

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        self.distributions[name] = optuna.distributions.IntDistribution(low, high, log=log)
        return int(self.params[name])

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        self.distributions[name] = optuna.distributions.CategoricalDistribution(choices)
        return self.params[name]


class Sampler:
    """Suggests configurations and is told what became of them."""

    def __init__(
        self,
        name: str,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        startup: int | None = None,
    ) -> None:
        self.name = name
        self._space = space
        self._objectives = tuple(objectives)
        self._seed = seed
        self._startup = startup
        self._storage = optuna.storages.InMemoryStorage()
        self._study = optuna.create_study(
            storage=self._storage,
            directions=[o.direction for o in objectives],
            sampler=self._optuna_sampler(0),
        )
        self._study_id = self._storage.get_study_id_from_name(self._study.study_name)

    @property
    def study(self) -> optuna.Study:
        """The study, for Optuna's own plots and importances."""
        return self._study

    def ask(self, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """The configuration of trial ``number`` and Optuna's parameters behind it."""
        self._study.sampler = self._optuna_sampler(number)
        trial = self._study.ask()
        assert trial.number == number, f"the study is at trial {trial.number}, the ledger at {number}"
        config = self._space.suggest(trial)
        return config, dict(trial.params)

    def report(self, number: int, step: int, metrics: Mapping[str, float]) -> None:
        """Tell the study an intermediate value; with several objectives there is none to tell."""
        if len(self._objectives) == 1:
            value = metrics.get(self._objectives[0].metric, math.nan)
            if math.isfinite(value):
                self._storage.set_trial_intermediate_value(self._id(number), step, value)

    def tell(self, number: int, state: str, metrics: Mapping[str, float]) -> None:
        """Tell the study how a trial ended, with its last metrics."""
        values = self._values(state, metrics)
        self._study.tell(number, values=values, state=STATES[state])

    def rebuild(self, rows: Iterable[Row]) -> None:
        """Bring an empty study to where the ledger's rows leave it.

        Raises ``ValueError`` where the recorded trials do not fit the space.
        """
        assert not self._study.trials, "only an empty study can be rebuilt"
        rows = list(rows)
        if self.name in STATEFUL:
            self._ask_again(rows)
        else:
            for trial in replay(rows).trials:
                self._add(trial)

    def _ask_again(self, rows: list[Row]) -> None:
        metrics: dict[int, Mapping[str, float]] = {}
        history = replay([])
        for row in rows:
            history.add(row)
            if row["kind"] == "trial":
                _, params = self.ask(row["trial"])
                if params != row["params"]:
                    raise ValueError(
                        f"Sampler {self.name!r} no longer suggests what the ledger has for trial {row['trial']}: "
                        f"{params} against {row['params']}. Its library has changed since; install the versions "
                        "that the ledger's first row names, or start a new sweep with another sampler."
                    )
            elif row["kind"] == "report":
                metrics[row["trial"]] = history.trials[row["trial"]].metrics
                self.report(row["trial"], row["step"], metrics[row["trial"]])
            elif row["kind"] == "end":
                self.tell(row["trial"], row["state"], metrics.get(row["trial"], {}))

    def _add(self, trial: Trial) -> None:
        recorded = _Recorded(trial.params)
        try:
            self._space.suggest(recorded)
        except KeyError as missing:
            raise ValueError(
                f"Trial {trial.number} in the ledger has no value for {missing}; the space has changed since it ran."
            ) from None
        intermediate = {}
        if len(self._objectives) == 1:
            metric = self._objectives[0].metric
            values = {r.step: r.metrics.get(metric, math.nan) for r in trial.reports}
            intermediate = {step: v for step, v in values.items() if math.isfinite(v)}
        state = STATES.get(trial.state, TrialState.RUNNING)
        values_at_end = self._values(trial.state, trial.metrics)
        if state == TrialState.PRUNED and intermediate:
            values_at_end = [intermediate[max(intermediate)]]
        self._study.add_trial(
            create_trial(
                state=state,
                params=dict(trial.params),
                distributions=recorded.distributions,
                values=values_at_end,
                intermediate_values=intermediate,
            )
        )

    def _values(self, state: str, metrics: Mapping[str, float]) -> list[float] | None:
        return [metrics[o.metric] for o in self._objectives] if state == COMPLETE else None

    def _id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)

    def _optuna_sampler(self, number: int) -> optuna.samplers.BaseSampler:
        seed = seed_of(self._seed, number)
        startup: dict[str, Any] = {} if self._startup is None else {"n_startup_trials": self._startup}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            if self.name == "tpe":
                return optuna.samplers.TPESampler(
                    seed=seed, multivariate=True, group=True, constant_liar=True, **startup
                )
            if self.name == "gp":
                return optuna.samplers.GPSampler(seed=seed, warn_independent_sampling=False, **startup)
            if self.name == "cmaes":
                return optuna.samplers.CmaEsSampler(
                    seed=seed, warn_independent_sampling=False, consider_pruned_trials=True, **startup
                )
            if self.name == "qmc":
                # The sequence's own seed must not change from ask to ask: its points belong together.
                return optuna.samplers.QMCSampler(
                    seed=seed_of(self._seed, 0),
                    scramble=True,
                    independent_sampler=optuna.samplers.RandomSampler(seed=seed),
                    warn_independent_sampling=False,
                )
            if self.name == "nsga2":
                population: dict[str, Any] = {} if self._startup is None else {"population_size": self._startup}
                return optuna.samplers.NSGAIISampler(seed=seed, **population)
            assert self.name == "random", f"unknown sampler {self.name!r}"
            return optuna.samplers.RandomSampler(seed=seed)
