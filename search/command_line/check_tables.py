"""What a check found, for the terminal: this machine as a list, a cluster as a table, then what is wrong.

Values in, text out; knows neither Ray nor MLflow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cluster.check.facts import Facts, Files, Node, Problem
from cluster.check.naming import counted
from search.tracking.check import Tracking

NOTHING = "–"
NARROW = 110
"""Columns of a terminal below which a node's address, memory and free space are left to ``--json``."""
WRAPPED = ("versions", "GPUs", "storage", "data")


def show(facts: Facts, problems: Sequence[Problem], tracking: Tracking | None, console: Console) -> None:
    """Print everything."""
    console.print(_nodes(facts, narrow=console.width < NARROW) if facts.cluster else _machine(facts))
    if facts.cluster:
        console.print(f"here: {_versions(facts.here)}", style="dim", highlight=False, markup=False, soft_wrap=True)
    if facts.cluster and facts.asked.storage:
        console.print(f"storage: {facts.asked.storage}", style="dim", highlight=False, markup=False, soft_wrap=True)
    if tracking is not None:
        well = not tracking.fault and not tracking.artifact
        said = "a run was recorded and an artifact came back" if well else "see below"
        console.print(f"MLflow: {tracking.uri}: {said}", style="dim", highlight=False, markup=False, soft_wrap=True)
    console.print()
    for problem in problems:
        sign, style = ("✗", "red") if problem.error else ("!", "yellow")
        console.print(Text(f"{sign} {problem}", style=style), soft_wrap=True)
    console.print(_verdict(facts, problems), highlight=False)


def _verdict(facts: Facts, problems: Sequence[Problem]) -> str:
    errors = sum(problem.error for problem in problems)
    warnings = len(problems) - errors
    counts = [counted(number, word) for number, word in ((errors, "error"), (warnings, "warning")) if number]
    if errors:
        return f"Not ready: {', '.join(counts)}."
    what = "This machine is ready"
    if facts.cluster:
        cpus, gpus = sum(node.cpus for node in facts.nodes), sum(node.offered for node in facts.nodes)
        have = ((len(facts.nodes), "node"), (cpus, "CPU"), (gpus, "GPU"))
        what = f"The cluster is ready: {', '.join(counted(number, thing) for number, thing in have)}"
    return f"{what}{f' ({counts[0]})' if counts else ''}."


def _machine(facts: Facts) -> Table:
    (node,) = facts.nodes
    made = Table(box=None, pad_edge=False, show_header=False)
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    rows = {
        "machine": node.name,
        "versions": _versions(node),
        "processor": f"{node.cores} cores ({' '.join(node.features) or 'no wide instructions'})",
        "memory": _size(node.memory),
        "GPUs": _gpus(node),
        "speed": "\n".join(node.speed) or NOTHING,
        "free": ", ".join(f"{_size(free)} for {folder}" for folder, free in node.disk.items()),
        "storage": f"{facts.asked.storage}: {_storage(node)}",
    }
    if node.images:
        rows["data"] = _images(node)
    for head, said in rows.items():
        made.add_row(head, Text(said))
    return made


def _nodes(facts: Facts, *, narrow: bool) -> Table:
    columns = ["node", "address", "versions", "CPUs", "memory", "GPUs", "storage", "data", "clock", "free"]
    left_out = {"data"} if facts.asked.data is None else set()
    left_out |= {"address", "memory", "free"} if narrow else set()
    columns = [column for column in columns if column not in left_out]
    made = Table(box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column not in WRAPPED)
    for node in facts.nodes:
        cells = {
            "node": node.name + (" (here)" if node.driver else ""),
            "address": node.address,
            "CPUs": f"{node.cpus:g}",
        }
        if node.silent:
            made.add_row(
                *(Text(cells.get(c, "no answer" if c == "versions" else NOTHING)) for c in columns), style="red"
            )
            continue
        cells |= {
            "versions": "; ".join(_differing(facts.here, node)) or "as here",
            "memory": _size(node.memory),
            "GPUs": _gpus(node),
            "storage": _storage(node),
            "data": _images(node),
            "clock": NOTHING if node.clock is None else f"{node.clock:+.2f} s",
            "free": _size(min(node.disk.values(), default=0)),
        }
        made.add_row(*(Text(cells[column]) for column in columns))
    return made


def _versions(node: Node) -> str:
    parts = (
        f"Teasel {node.teasel} ({node.code})" if node.teasel else "no Teasel",
        f"Python {node.python}",
        f"Ray {node.ray}" if node.ray else "no Ray",
        f"torch {node.torch}" if node.torch else "no torch",
    )
    return ", ".join(parts)


def _differing(here: Node, node: Node) -> Iterator[str]:
    for name in ("teasel", "python", "ray", "torch"):
        there = getattr(node, name)
        if there != getattr(here, name):
            yield f"{name} {there or 'missing'}"
    if node.faults:
        yield "cannot import " + ", ".join(fault.partition(":")[0] for fault in node.faults)
    if node.teasel and node.teasel == here.teasel and node.code != here.code:
        yield f"teasel {node.code}"


def _gpus(node: Node) -> str:
    kinds = Counter(
        f"{gpu.name.removeprefix('NVIDIA ')} ({gpu.capability}, {_size(gpu.memory)})"
        + (", kernel failed" if gpu.fault else "")
        for gpu in node.gpus
    )
    return ", ".join(f"{count} × {kind}" for kind, count in kinds.items()) or node.gpu_fault or "none"


def _storage(node: Node) -> str:
    files = node.files
    if files == Files() or files.reads is None:
        return "not tried"
    if files.reads and files.writes:
        return "reads, writes" if files.returned is not False else "writes, unseen here"
    if files.reads:
        return "reads only"
    return "a folder of its own" if files.writes else "neither"


def _images(node: Node) -> str:
    words = {"prepared": "prepared", "possible": "can be prepared", "missing": "missing", "unknown": "unknown"}
    return ", ".join(f"{images.name} {words[images.state]}" for images in node.images) or NOTHING


def _size(count: int) -> str:
    return f"{count / 1e9:.0f} GB" if count >= 1e10 else f"{count / 1e9:.1f} GB"
