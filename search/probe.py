"""What a trial of a sweep needs of a GPU's memory, measured on the largest configurations that it may try.

This module knows no Ray: whoever can reach a GPU calls ``trainables.core.memory.peak`` on ``attempts``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import trainables
from search.preflight import NETWORK
from search.run import described
from search.sweep import Sweep
from spaces import Choice, Int, Space
from spaces.core.domains import Domain

SPARE = 1.1
"""How much more than was measured a trial is given: other shapes fragment the allocator's memory otherwise."""

MOST = 10
"""Trials that a GPU is shared by at most: their steps would only take turns."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """What one configuration took, and what the device has, in bytes."""

    method: str
    config: Mapping[str, Any]
    taken: int
    total: int
    device: str


def attempts(sweep: Sweep, data_root: str | None, device: str) -> list[dict[str, Any]]:
    """The attempts to measure: each method's largest configuration, for every combination of its networks."""
    return [
        {**described(sweep, data_root), "method": name, "config": config, "seed": 0, "device": device}
        for name, space in sweep.spaces().items()
        for config in largest(space, trainables.method(name).Hyperparameters())
    ]


def largest(space: Space, defaults: Any) -> Iterator[dict[str, Any]]:
    """Every combination of networks with all sizes at their largest; what is no size is at its default."""
    networks = {
        key: domain.options
        for key, domain in space.domains.items()
        if isinstance(domain, Choice) and domain.fixed is None and key.endswith(NETWORK)
    }
    for chosen in itertools.product(*networks.values()):
        config: dict[str, Any] = {}
        given = dict(zip(networks, chosen, strict=True))
        for key, domain in space.domains.items():
            value = domain.fixed if domain.fixed is not None else given.get(key, _large(domain, key, defaults))
            if value is not None and all(config.get(other) in values for other, values in (domain.when or {}).items()):
                config[key] = value
        yield config


def _large(domain: Domain, key: str, defaults: Any) -> Any:
    if isinstance(domain, Int):
        return max(domain.options or (domain.high,))
    if not isinstance(domain, Choice):
        return None
    if all(isinstance(option, (int, float)) and not isinstance(option, bool) for option in domain.options):
        return max(domain.options)
    default = getattr(defaults, key, None)
    return default if default in domain.options else domain.options[0]


def share(needs: Iterable[Need]) -> float:
    """The part of a GPU that the largest of ``needs`` takes: 1, 1/2, 1/3, … in Ray's four decimals.

    Raises ``ValueError`` when a whole GPU is too small.
    """
    worst = max(needs, key=lambda need: need.taken / need.total)
    fit = min(MOST, int(worst.total / (SPARE * worst.taken)))
    if not fit:
        raise ValueError(
            f"{worst.method} took {worst.taken / 2**30:.1f} GiB of the {worst.total / 2**30:.1f} GiB of a "
            f"{worst.device}, which leaves too little to spare. Search smaller networks or batches, or use larger GPUs."
        )
    return int(10_000 / fit) / 10_000
