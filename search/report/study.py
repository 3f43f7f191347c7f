"""Optuna's study of a sweep, rebuilt from the ledger's rows without Ray, and what it tells of importance."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from search.goals import Goal
from search.ledger import Row

if TYPE_CHECKING:
    import optuna

    from search.sweep import Sweep

ENOUGH = 10
"""Complete configurations without which nothing is said of importance: it compares the best tenth with the rest."""
FEW = 3
"""Complete configurations without which there is nothing to see in a slice."""
METHOD = "method"
"""Optuna's name of the choice between methods."""
NUMBER = "configuration"
"""Where a study of one method alone keeps the numbers of the whole."""


def study(sweep: Sweep, rows: Sequence[Row]) -> optuna.Study:
    """The study of a sweep as its ledger tells it.  Raises ``ValueError`` where the space has changed since."""
    from search.sampler import Sampler

    # Whoever suggested, what is looked at is the same; and rebuilding this sampler asks for nothing again.
    limits = {c.condition: c.at_most for c in sweep.constraints}
    sampler = Sampler("random", sweep.search_space(), sweep.objectives, constraints=limits)
    sampler.rebuild(rows)
    return sampler.study


def complete(found: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """The configurations that were trained to their end, which are those that Optuna's figures show."""
    from optuna.trial import TrialState

    return found.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def number(trial: optuna.trial.FrozenTrial) -> int:
    """The number of the configuration that a study's trial stands for."""
    return trial.user_attrs.get(NUMBER, trial.number)


def by_method(found: optuna.Study, methods: Sequence[str]) -> dict[str, optuna.Study]:
    """A study of each method's complete configurations alone, with its own hyperparameters under their own names."""
    import optuna
    from optuna.trial import create_trial

    if len(methods) == 1:
        return {methods[0]: found}
    apart = {}
    for method in methods:
        apart[method] = optuna.create_study(directions=found.directions)
        start = f"{method}."
        for trial in complete(found):
            if trial.params.get(METHOD) == method:
                own = [name for name in trial.params if name.startswith(start)]
                apart[method].add_trial(
                    create_trial(
                        values=trial.values,
                        params={name.removeprefix(start): trial.params[name] for name in own},
                        distributions={name.removeprefix(start): trial.distributions[name] for name in own},
                        constraints=trial.constraints,
                        user_attrs={NUMBER: trial.number},
                    )
                )
    return apart


def varied(found: optuna.Study) -> list[str]:
    """The hyperparameters that have more than one value among the complete configurations."""
    values: dict[str, set[Any]] = {}
    for trial in complete(found):
        for name, value in trial.params.items():
            values.setdefault(name, set()).add(value)
    return [name for name, seen in values.items() if len(seen) > 1]


def importances(found: optuna.Study, goals: Sequence[Goal]) -> list[dict[str, float]]:
    """For each objective, how far each hyperparameter decides whether a configuration is among the best tenth.

    Shares of 1 by PED-ANOVA (Watanabe et al. 2023, arXiv 2304.10255), the largest first. Empty where too few are
    complete, or fewer than two hyperparameters vary.
    """
    from optuna.importance import get_param_importances

    if len(complete(found)) < ENOUGH or len(varied(found)) < 2:
        return []
    shares = []
    for index, goal in enumerate(goals):

        def least(trial: optuna.trial.FrozenTrial, index: int = index, goal: Goal = goal) -> float:
            return goal.turned(trial.values[index])

        with warnings.catch_warnings():
            # That less must be better is what ``least`` is for; and how few trials there are, the page says.
            warnings.filterwarnings("ignore", category=UserWarning, module=r"optuna\..*")
            each = get_param_importances(found, target=least)
        shares.append({name: float(share) for name, share in each.items()})
    return shares
