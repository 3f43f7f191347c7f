"""How many trials a cluster holds: on the nodes that are there, and on those that its autoscaler may add.

Ray says what is there. What may come is in the cluster file that ``ray up`` left on the head, or, where another
program starts the nodes (KubeRay), in ``TEASEL_NODE_GROUPS``. This module knows nothing of sweeps.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import yaml

BOOTSTRAP = Path("~/ray_bootstrap_config.yaml")
"""Where ``ray up`` leaves the cluster file on the head."""

NODE_GROUPS = "TEASEL_NODE_GROUPS"
"""Variable with the nodes that may be added, as JSON: ``[{"nodes": 8, "CPU": 16, "GPU": 1}]``."""

MOST = 1_000_000
"""Of nodes of a kind, and of what one has."""

Resources = Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Nodes of one kind that may be there at most."""

    nodes: int
    resources: Resources


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """Room for trials of one size."""

    now: int
    """Trials that the living nodes hold at once."""
    most: int
    """With every node that the autoscaler may add; ``now`` where there is none."""
    there: tuple[Resources, ...]
    """What each living node has."""


def capacity(want: Resources) -> Capacity:
    """The room of the connected cluster for trials that take ``want`` each, such as ``{"CPU": 1, "GPU": 0.25}``.

    Raises ``ValueError`` for a ``TEASEL_NODE_GROUPS`` that cannot be read.
    """
    there = tuple(node["Resources"] for node in ray.nodes() if node["Alive"])
    now = fits(there, want)
    return Capacity(now=now, most=max(now, room(groups(), want)), there=there)


def fits(nodes: Iterable[Resources], want: Resources) -> int:
    """How many trials ``nodes`` hold at once; a trial lies on one node."""
    return sum(_on_one(node, want) for node in nodes)


def room(groups: Sequence[Group], want: Resources) -> int:
    """How many trials ``groups`` hold when all their nodes are there."""
    return sum(group.nodes * _on_one(group.resources, want) for group in groups)


def groups() -> tuple[Group, ...]:
    """What the cluster may grow to; empty where nothing is known of that."""
    if NODE_GROUPS in os.environ:
        return declared(os.environ[NODE_GROUPS])
    try:
        return from_cluster_file(yaml.safe_load(BOOTSTRAP.expanduser().read_text()))
    except (OSError, yaml.YAMLError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        # It is for `ray up` to say what is wrong with its file.
        return ()


def declared(text: str) -> tuple[Group, ...]:
    """The groups of ``TEASEL_NODE_GROUPS``.  Raises ``ValueError`` with what it must be."""
    try:
        if not isinstance(found := json.loads(text), list):
            raise ValueError(found)
        return tuple(_declared(each) for each in found)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise ValueError(
            f"{NODE_GROUPS} is {text[:80]!r}; it must be JSON such as "
            '[{"nodes": 8, "CPU": 16, "GPU": 1}]: how many nodes of each kind there may be, and what one has.'
        ) from None


def _declared(each: Mapping[str, Any]) -> Group:
    """Raises whatever it stumbles over."""
    resources = {str(name): float(amount) for name, amount in each.items() if name != "nodes"}
    nodes = each["nodes"]
    if int(nodes) != nodes or not 0 <= nodes <= MOST or not all(0 <= amount <= MOST for amount in resources.values()):
        raise ValueError(each)
    return Group(nodes=int(nodes), resources=resources)


def from_cluster_file(config: object) -> tuple[Group, ...]:
    """The groups of a file of ``ray up``, the head's and its workers'; kinds of unknown size are left out.

    Together the workers are no more than the file's ``max_workers``: those of the largest kinds are counted first.
    """
    if not isinstance(config, Mapping) or not isinstance(kinds := config.get("available_node_types"), Mapping):
        return ()
    left = int(config.get("max_workers", 0))
    head = config.get("head_node_type")
    found = []
    by_size = sorted(kinds.items(), key=lambda kind: [_amount(kind[1], name) for name in ("GPU", "CPU")], reverse=True)
    for name, kind in by_size:
        nodes = min(left, int(kind.get("max_workers", 0)))
        left -= nodes
        resources = {key: float(value) for key, value in (kind.get("resources") or {}).items()}
        if resources and nodes + (name == head):
            found.append(Group(nodes=nodes + (name == head), resources=resources))
    return tuple(found)


def _amount(kind: Mapping[str, Resources], name: str) -> float:
    return float((kind.get("resources") or {}).get(name, 0))


def _on_one(node: Resources, want: Resources) -> int:
    asked = {name: amount for name, amount in want.items() if amount}
    if not asked:
        return int(node.get("CPU", 0))
    return min(int(node.get(name, 0) / amount + 1e-9) for name, amount in asked.items())
