"""Optuna's samplers over a study that the ledger can rebuild: ask, report, tell.

Each ask seeds its sampler anew from ``(seed, number)``, so what is suggested depends on the recorded configurations and
on nothing else; a study rebuilt from the ledger suggests what the uninterrupted one would have. Samplers that keep
state of their own inside the study (CMA-ES, QMC, NSGA-II) are rebuilt by asking again in the recorded order.
This module knows nothing of Ray, and of the space only its ``suggest``.
"""

from __future__ import annotations

import copy
import hashlib
import warnings
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, Protocol

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.exploration import CANDIDATES, STARTUP, explores
from search.goals import goals
from search.history import COMPLETE, FAIL, PRUNED, RUNNING, Configuration, History, replay
from search.ledger import Row
from search.replicates import last, together, worst
from search.window import Window
from trainables.core.conditions import CONDITIONS

optuna.logging.set_verbosity(optuna.logging.WARNING)

STATES = {COMPLETE: TrialState.COMPLETE, PRUNED: TrialState.PRUNED, FAIL: TrialState.FAIL}

STATEFUL = frozenset({"cmaes", "qmc", "nsga2"})
"""Samplers whose state lives in the study's and the trials' system attributes."""

GROWING = frozenset({"tpe", "gp"})
"""Samplers whose work at each ask grows with the trials that they see: of many they see a window."""


class Space(Protocol):
    """What the sampler needs of a search space."""

    def suggest(self, trial: Any, /) -> dict[str, Any]: ...


def seed_of(seed: int, number: int) -> int:
    """The 31-bit seed of one trial's ask, the same on every machine and in every process."""
    digest = hashlib.sha256(f"{seed}/{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


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


class _Storage(optuna.storages.InMemoryStorage):
    """Shows a sampler the trials in ``shown`` and no others, for as long as that is set."""

    shown: Sequence[int] | None = None

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        every = super().get_all_trials(study_id, deepcopy=False, states=None if self.shown else states)
        if self.shown:
            every = [every[number] for number in self.shown if states is None or every[number].state in states]
        return copy.deepcopy(every) if deepcopy else every

    def renew(self, trial_id: int, trial: FrozenTrial) -> None:
        """Put what a trial is known for now in the place of what it was."""
        study_id, trial.number = self._trial_id_to_study_id_and_number[trial_id]
        trial._trial_id = trial_id
        self._set_trial(trial_id, trial)
        study = self._studies[study_id]
        fresh = [trial]
        if study.best_trial_id == trial_id:
            study.best_trial_id, fresh = None, study.trials
        for each in fresh:
            self._update_cache(each._trial_id, study_id)


class Sampler:
    """Suggests configurations and is told what became of them; a study's trial is a configuration.

    ``constraints`` are the limits of failure conditions by name; Optuna is told by how much each is exceeded.
    """

    def __init__(
        self,
        name: str,
        space: Space,
        objectives: Sequence[Any],
        *,
        seed: int = 0,
        startup: int | None = None,
        constraints: Mapping[str, float] | None = None,
    ) -> None:
        self.name = name
        self._space = space
        self._goals = goals(objectives)
        self._seed = seed
        self._startup = startup
        self._constraints = dict(constraints or {})
        self._begin()

    def _begin(self) -> None:
        self._storage = _Storage()
        self._study = optuna.create_study(
            storage=self._storage,
            directions=["maximize" if goal.maximize else "minimize" for goal in self._goals],
            sampler=self._optuna_sampler(0),
        )
        self._study_id = self._storage.get_study_id_from_name(self._study.study_name)
        self._look_anew()

    def _look_anew(self) -> None:
        self._window = Window(self._goals, lambda number: self._storage.get_trial(self._id(number)))

    @property
    def study(self) -> optuna.Study:
        """The study, for Optuna's own plots and importances."""
        return self._study

    def ask(self, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Configuration ``number`` and Optuna's parameters behind it."""
        self._study.sampler = self._optuna_sampler(number)
        trial = self._study.ask()
        assert trial.number == number, f"the study is at trial {trial.number}, the ledger at {number}"
        window = self._window.shown(number) if self.name in GROWING else None
        self._storage.shown = None if window is None else [*window, number]
        try:
            config = self._space.suggest(trial)
        finally:
            self._storage.shown = None
        return config, dict(trial.params)

    def report(self, configuration: Configuration, step: int) -> None:
        """Tell the study an intermediate value; with several objectives there is none to tell."""
        if (value := self._intermediate(configuration, step)) is not None:
            self._storage.set_trial_intermediate_value(self._id(configuration.number), step, value)

    def tell(self, configuration: Configuration) -> None:
        """Tell the study how a configuration ended."""
        state, values = self._ending(configuration)
        trial = optuna.trial.Trial(self._study, self._id(configuration.number))
        for name, excess in self._excess(configuration).items():
            trial.set_constraint(name, excess)
        self._study.tell(configuration.number, values=values, state=state)

    def correct(self, configuration: Configuration) -> None:
        """Tell the study anew what a configuration is worth, since more of its seeds are known."""
        assert self.name not in STATEFUL, f"{self.name} cannot be told again"
        self._storage.renew(self._id(configuration.number), self._frozen(configuration))
        self._look_anew()

    def rebuild(self, rows: Iterable[Row], history: History | None = None) -> None:
        """Bring an empty study to where the ledger's rows leave it; ``history`` is what they tell, where that is known.

        Raises ``ValueError`` where the recorded configurations do not fit the space.
        """
        assert not self._study.trials, "only an empty study can be rebuilt"
        rows = list(rows)
        if self.name in STATEFUL:
            self._ask_again(rows)
        else:
            self._add_all(replay(rows) if history is None else history)

    def _ask_again(self, rows: list[Row]) -> None:
        history, told = replay([]), set()
        for row in rows:
            history.add(row)
            if row["kind"] not in ("trial", "report", "compared", "end"):
                continue
            number = row["configuration"] if row["kind"] == "compared" else history.trials[row["trial"]].configuration
            configuration = history.configurations[number]
            if row["kind"] == "trial" and len(configuration.trials) == 1:
                _, params = self.ask(number)
                if params != row["params"]:
                    raise ValueError(
                        f"Sampler {self.name!r} no longer suggests what the ledger has for trial {row['trial']}: "
                        f"{params} against {row['params']}. Its library has changed since; install the versions "
                        "that the ledger's first row names, or start a new sweep with another sampler."
                    )
            elif row["kind"] in ("report", "compared"):
                if len(configuration.reports(row["step"])) == configuration.expected:
                    self.report(configuration, row["step"])
            elif row["kind"] == "end" and configuration.state != RUNNING and number not in told:
                told.add(number)
                self.tell(configuration)

    def _add_all(self, history: History) -> None:
        for configuration in history.configurations:
            self._study.add_trial(self._frozen(configuration))

    def _frozen(self, configuration: Configuration) -> FrozenTrial:
        first = configuration.first
        recorded = _Recorded(first.params)
        try:
            self._space.suggest(recorded)
        except KeyError as missing:
            raise ValueError(
                f"Trial {first.number} in the ledger has no value for {missing}; the space has changed since it ran."
            ) from None
        steps = [r.step for r in first.reports if len(configuration.reports(r.step)) == len(configuration.counted)]
        found = {step: self._intermediate(configuration, step) for step in steps}
        if len(configuration.trials) < configuration.expected:
            found = {}
        intermediate = {step: value for step, value in found.items() if value is not None}
        state, values = self._ending(configuration)
        if state == TrialState.PRUNED and intermediate:
            values = [intermediate[max(intermediate)]]
        ended = state != TrialState.RUNNING
        return create_trial(
            state=state,
            params=dict(first.params),
            distributions=recorded.distributions,
            values=values,
            intermediate_values=intermediate,
            constraints=self._excess(configuration) if ended else None,
        )

    def _intermediate(self, configuration: Configuration, step: int) -> float | None:
        if len(self._goals) > 1:
            return None
        return together(configuration.reports(step), self._goals).get(self._goals[0].metric)

    def _ending(self, configuration: Configuration) -> tuple[TrialState, list[float] | None]:
        """The state in Optuna's words and, where it is complete, its values."""
        state = STATES.get(configuration.state, TrialState.RUNNING)
        if state == TrialState.FAIL and self._excess(configuration).get("diverged", 0.0) > 0.0:
            # A failed trial teaches a sampler nothing; a stopped one that breaks a constraint is kept away from.
            return TrialState.PRUNED, None
        if state != TrialState.COMPLETE:
            return state, None
        values = together(last(configuration), self._goals)
        if len(values) < len(self._goals):
            return TrialState.FAIL, None
        return state, [values[goal.metric] for goal in self._goals]

    def _excess(self, configuration: Configuration) -> dict[str, float]:
        """By how much each constraint is exceeded; what cannot be told is not exceeded."""
        known = worst(last(configuration), [CONDITIONS[name].metric for name in self._constraints])
        found = {}
        for name, limit in self._constraints.items():
            value = known.get(CONDITIONS[name].metric, min(limit, 0.0))
            if any(trial.condition == name for trial in configuration.trials):
                value = limit + 1.0
            found[name] = value - limit
        return found

    def _id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)

    def _optuna_sampler(self, number: int) -> optuna.samplers.BaseSampler:
        seed = seed_of(self._seed, number)
        first = STARTUP.get(self.name) if self._startup is None else self._startup
        startup: dict[str, Any] = {} if first is None else {"n_startup_trials": first}
        if explores(self.name, number):
            return optuna.samplers.RandomSampler(seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            if self.name == "tpe":
                return optuna.samplers.TPESampler(
                    seed=seed, multivariate=True, group=True, constant_liar=True, n_ei_candidates=CANDIDATES, **startup
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
