"""What only the data and the networks can tell, asked before a sweep's ledger begins.

The quick checks (``sweep_data``) know descriptions alone; here each method is rehearsed on the prepared data.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import trainables
import trainables.scores
from search.problems import SweepError
from search.sweep import Sweep
from spaces import Choice, Space
from trainables.core.contract import hyperparameters

if TYPE_CHECKING:
    from trainables.core.dataset import Dataset

NETWORK = "network"
"""How the hyperparameters that choose a network end: these decide which images can be taken."""


def check(sweep: Sweep, dataset: Dataset) -> None:
    """Raises ``SweepError`` with a line for each method, and each network it may try, that cannot take the data."""
    from trainables.core.rehearsal import rehearse

    each: Dataset | None = dataset
    while each is not None:
        try:
            len(each.split("train"))
        except ValueError as error:
            raise SweepError([f"data {each.name}: {error}"]) from None
        each = each.secondary
    found: dict[str, None] = dict.fromkeys(_too_few(sweep, dataset))
    for name, space in sweep.spaces().items():
        method = trainables.method(name)
        for config in configurations(space, method.Hyperparameters()):
            try:
                rehearse(method, hyperparameters(method, config, sweep.budget.steps), dataset)
            except ValueError as error:
                found[f"{name} on {dataset.name}: {error}"] = None
    if found:
        raise SweepError(list(found))


def _too_few(sweep: Sweep, dataset: Dataset) -> Iterator[str]:
    """Objectives that need more images than the split that they are measured on has."""
    part = "validation" if sweep.picked is None else "test"
    count = len(dataset.split(part))
    for objective in sweep.objectives:
        needed = trainables.scores.metrics()[objective.metric].points
        if count < needed:
            yield (
                f"objective {objective.metric} needs {needed} images, and {dataset.name} has {count} to measure on "
                f"({part}); use a larger dataset or subset, or an objective that needs fewer."
            )


def configurations(space: Space, defaults: Any) -> Iterator[Mapping[str, Any]]:
    """Configurations with each combination of networks that may be tried, and with each other choice once.

    All else is fixed or at its default.
    """
    config: dict[str, Any] = {}
    networks: dict[str, tuple[Any, ...]] = {}
    others: dict[str, tuple[Any, ...]] = {}
    for key, domain in space.domains.items():
        if domain.fixed is not None:
            config[key] = domain.fixed
        elif isinstance(domain, Choice) and not space.dormant(key):
            default = getattr(defaults, key)
            config[key] = default if default in domain.options else domain.options[0]
            (networks if key.endswith(NETWORK) else others)[key] = domain.options
    for chosen in itertools.product(*networks.values()):
        yield config | dict(zip(networks, chosen, strict=True))
    for key, options in others.items():
        for option in options:
            if option != config[key]:
                yield config | {key: option}
