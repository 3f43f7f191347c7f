"""How MLflow's table of runs opens on a sweep: sorted by rank, with the columns that are worth comparing.

MLflow keeps a shared view as JSON in a tag of the experiment, and opens it by its key in the address. Where a server
is too old to know that, the tag is only a tag.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from search.goals import goals
from search.history import History
from search.tracking.words import metric

KEY = "teasel"
TAG = f"mlflow.sharedViewState.{KEY}"
SEARCHED = 8
"""Columns of hyperparameters at most."""


def view(history: History) -> Mapping[str, str]:
    """The experiment's tag: the columns ``rank``, state, objectives, their spread over seeds, and what is searched."""
    wanted = [metric(goal.metric) for goal in goals(history.sweep.get("objectives", ()))]
    replicated = any(trial.replicated for trial in history.trials)
    columns = ["metrics.`rank`", "tags.`state`"]
    columns += ["tags.`pareto`"] if len(wanted) > 1 else []
    for name in wanted:
        spread = [f"metrics.`seeds/{name}/{key}`" for key in ("mean", "low", "high")] if replicated else []
        columns += [f"metrics.`final/{name}`", *spread]
    searched: dict[str, None] = {}
    for trial in history.trials:
        searched |= dict.fromkeys(metric(key.rpartition(".")[2]) for key in trial.params)
    columns += [f"params.`{key}`" for key in list(searched)[:SEARCHED]]
    columns += ["tags.`reason`", "tags.`pick`"]
    said = {"orderByKey": "metrics.`rank`", "orderByAsc": True, "selectedColumns": columns}
    return {TAG: json.dumps(said, ensure_ascii=False)}
