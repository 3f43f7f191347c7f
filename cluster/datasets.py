"""Every node of a cluster prepares a sweep's dataset once, and trials prefer the nodes that have it.

The preference is a hint for Ray's placement: where the prepared nodes are full, a trial goes elsewhere and waits there
for the dataset. This module knows nothing of what a dataset is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.capacity import Resources, fits


class Datasets:
    """Starts ``prepare`` on each node as it appears, and knows where it is done; this node's own dataset is there."""

    def __init__(self, prepare: Callable[[], None], want: Resources) -> None:
        self._prepare = prepare
        self._want = want
        self._begun: dict[str, ray.ObjectRef[None]] = {}
        self._ready = {ray.get_runtime_context().get_node_id()}
        self._placed: dict[str, str] = {}

    def prefer(self, trial: str) -> str | None:
        """The node on which ``trial`` should be placed: a prepared one with room; ``None`` when it does not matter."""
        there = {node["NodeID"]: fits([node["Resources"]], self._want) for node in ray.nodes() if node["Alive"]}
        there = {name: places for name, places in there.items() if places}
        if len(there) < 2:
            return None
        self._begin(there)
        self._take()
        ready = self._ready & set(there)
        if len(ready) == len(there):
            return None
        placed = Counter(self._placed.values())
        free = {name: there[name] - placed[name] for name in ready if there[name] > placed[name]}
        if not free:
            return None
        self._placed[trial] = max(free, key=lambda name: (free[name], name))
        return self._placed[trial]

    def leave(self, trial: str) -> None:
        """``trial`` has ended and its place is free."""
        self._placed.pop(trial, None)

    def _begin(self, nodes: Iterable[str]) -> None:
        task = ray.remote(num_cpus=0, max_retries=0)(_called)
        for name in nodes:
            if name not in self._ready and name not in self._begun:
                pinned = NodeAffinitySchedulingStrategy(name, soft=False)
                self._begun[name] = task.options(scheduling_strategy=pinned).remote(self._prepare)

    def _take(self) -> None:
        """Note which nodes are done; one that failed is not preferred, and its trials say why."""
        for name in [name for name in self._begun if name not in self._ready]:
            done, _ = ray.wait([self._begun[name]], timeout=0)
            if done:
                try:
                    ray.get(done)
                    self._ready.add(name)
                except ray.exceptions.RayError:
                    pass


def _called(prepare: Callable[[], None]) -> None:
    prepare()
