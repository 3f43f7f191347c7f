"""Look at every living node of the cluster that this process has joined.

One task is pinned to each node, so that a sick node is named and holds up nobody. Tasks ask for no CPU and no GPU:
they run beside sweeps. Knows nothing of what is right or wrong.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import ray
from ray import cloudpickle
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import cluster.check
from cluster.capacity import groups
from cluster.check import files, machine
from cluster.check.facts import Asked, Facts, Files, Node
from cluster.check.here import clear, plant, this_process

PATIENCE = 120.0
"""Seconds for a node to answer; importing torch from a slow disk takes most of them."""
PINGS = 5
HEAD = "node:__internal_head__"


def alone() -> bool:
    """This machine is the only node that there is, so that nothing can differ between nodes."""
    mine = ray.get_runtime_context().get_node_id()
    return all(node["NodeID"] == mine for node in _living())


def look(asked: Asked, patience: float = PATIENCE) -> Facts:
    """The facts of all nodes."""
    here = this_process()
    asked, made, unwritable = plant(asked)
    try:
        living = _living()
        names = _names(living)
        with _by_value():
            answers = _answers(asked, living, patience)
            clocks = _clocks([node for node in living if isinstance(answers[node["NodeID"]], Mapping)])
        marks = [key for key, said in answers.items() if isinstance(said, Mapping) and said["files"].get("writes")]
        returned = files.gather(asked.storage or "", asked.nonce, marks) if asked.nonce else set()
    finally:
        clear(asked, made)
    still = {node["NodeID"] for node in _living()}
    mine = ray.get_runtime_context().get_node_id()
    nodes = []
    for node in living:
        key = node["NodeID"]
        known = {
            "id": key,
            "name": names[key],
            "address": node["NodeManagerAddress"],
            "driver": key == mine,
            "cpus": node["Resources"].get("CPU", 0.0),
            "offered": node["Resources"].get("GPU", 0.0),
        }
        said = answers[key]
        if isinstance(said, str):
            nodes.append(Node(silent=said, gone=key not in still, **known))
            continue
        clock, doubt = clocks.get(key, (None, 0.0))
        found = Node.of(said, clock=clock, clock_doubt=doubt, **known)
        if found.files != Files():
            found = replace(found, files=replace(found.files, returned=key in returned))
        nodes.append(found)
    order = sorted(nodes, key=lambda node: (not node.driver, node.name))
    to_come = tuple((group.resources.get("CPU", 0.0), group.resources.get("GPU", 0.0)) for group in groups())
    return Facts(asked=asked, here=here, nodes=tuple(order), cluster=True, unwritable=unwritable, to_come=to_come)


def _living() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _names(living: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Host names, or addresses, or both with a piece of the id: what tells the nodes apart."""
    for said in (
        {n["NodeID"]: n["NodeManagerHostname"] for n in living},
        {n["NodeID"]: n["NodeManagerAddress"] for n in living},
    ):
        if len(set(said.values())) == len(living):
            return said
    return {n["NodeID"]: f"{n['NodeManagerHostname']}-{n['NodeID'][:6]}" for n in living}


@contextmanager
def _by_value() -> Iterator[None]:
    """Send this package's functions whole: a node that lacks Teasel, or has another one, must be able to say so."""
    cloudpickle.register_pickle_by_value(cluster.check)
    try:
        yield
    finally:
        cloudpickle.unregister_pickle_by_value(cluster.check)


def _pinned(task: Any, node: Mapping[str, Any]) -> Any:
    strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    return task.options(num_cpus=0, num_gpus=0, max_retries=0, scheduling_strategy=strategy)


def _answers(asked: Asked, living: Sequence[Mapping[str, Any]], patience: float) -> dict[str, Any]:
    """What each node says: the mapping that ``machine.look`` returns, or why there is none."""
    look: Any = machine.look
    task = ray.remote(look)
    sent = {
        node["NodeID"]: _pinned(task, node).remote(
            asked.values(),
            mark=node["NodeID"],
            offered=node["Resources"].get("GPU", 0.0),
            ports=_ports(node),
            address=node["NodeManagerAddress"],
            # A torch that hangs is named by the node itself, before the node is given up.
            patience=patience * 0.7,
        )
        for node in living
    }
    ready, _ = ray.wait(list(sent.values()), num_returns=len(sent), timeout=patience) if sent else ([], [])
    done = set(ready)
    return {key: _answer(reference, reference in done, patience) for key, reference in sent.items()}


def _answer(reference: Any, ready: bool, patience: float) -> Any:
    if not ready:
        with suppress(Exception):
            ray.cancel(reference, force=True)
        return f"no answer within {patience:g} s"
    try:
        return ray.get(reference)
    except Exception as error:
        # Whatever a node answers with, it is the node that is reported.
        lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
        return (lines[-1] if lines else type(error).__name__)[:300]


def _ports(node: Mapping[str, Any]) -> dict[str, int]:
    """Ray's services on a node, by the names that ``doors`` gives them."""
    found = {"manager": node["NodeManagerPort"], "agent": node.get("DashboardAgentListenPort", 0)}
    if HEAD in node["Resources"]:
        context = ray.get_runtime_context()
        found["gcs"] = _port(context.gcs_address)
        mine = ray._private.worker.global_worker.node
        # A driver that speaks through Ray's client server has no node of its own.
        found["dashboard"] = _port(mine.webui_url) if mine else 0
        found["client"] = 10001
    return {name: port for name, port in found.items() if port > 0}


def _port(address: str | None) -> int:
    digits = (address or "").rpartition(":")[2]
    return int(digits) if digits.isdigit() else 0


def _clocks(living: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """How far each node's clock is ahead of this one, and the doubt: half of the shortest round trip of a few."""
    task: Any = ray.remote(machine.now)
    found: dict[str, tuple[float, float]] = {}
    for node in living:
        best: tuple[float, float] | None = None
        for _ in range(PINGS):
            sent = time.time()
            try:
                there = ray.get(_pinned(task, node).remote(), timeout=5)
            except Exception:
                # It answered a moment ago; if it is gone now, the sweep will see.
                break
            back = time.time()
            doubt = (back - sent) / 2
            if best is None or doubt < best[1]:
                best = (there - (sent + back) / 2, doubt)
            if doubt < 0.01:
                break
        if best is not None:
            found[node["NodeID"]] = best
    return found
