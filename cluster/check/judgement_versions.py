"""Are Teasel, Python, Ray and torch the same everywhere?  Facts in, problems out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cluster.check.facts import Facts, Node, Problem
from cluster.check.gpus import SLOW
from cluster.check.naming import grouped, listed

AGAIN = "`ray up CLUSTER.yaml` installs what its setup says on every node"


def versions(facts: Facts, nodes: Sequence[Node]) -> Iterator[Problem]:
    """Against the process that asks; libraries that are there and cannot be imported are named too."""
    yield from _teasel(facts, nodes)
    yield from _python(facts, nodes)
    for there, those in grouped(nodes, lambda node: node.ray if node.ray != facts.here.ray else ""):
        mend = (
            f"`{those[0].executable} -m pip install 'ray[default,tune]=={facts.here.ray}'` there, then start Ray anew"
        )
        yield Problem(what=f"Ray is {there} on {listed(those)} and {facts.here.ray} here", mend=mend)
    yield from _torch(facts, nodes)
    for fault, those in grouped(nodes, lambda node: "; ".join(node.faults) if node.torch else ""):
        library = fault.partition(":")[0]
        mend = f"`{those[0].executable} -m pip install --force-reinstall {library}=={_base(facts.here.torch)}` there"
        if SLOW in fault:
            mend = "`teasel check --timeout 300` waits longer; a slow disk or a GPU that hangs makes every trial wait"
        yield Problem(what=f"a library cannot be used on {listed(those)} ({fault.rstrip('.')})", mend=mend)


def _teasel(facts: Facts, nodes: Sequence[Node]) -> Iterator[Problem]:
    here = facts.here
    if missing := [node for node in nodes if not node.teasel]:
        yield Problem(what=f"Teasel is not installed on {listed(missing)} (for {missing[0].executable})", mend=AGAIN)
    for there, those in grouped(nodes, lambda node: node.teasel if node.teasel != here.teasel else ""):
        yield Problem(what=f"Teasel is {there} on {listed(those)} and {here.teasel} here", mend=AGAIN)
    other = [node for node in nodes if node.teasel == here.teasel and node.code != here.code]
    if other:
        codes = " and ".join(dict.fromkeys(node.code for node in other))
        yield Problem(
            what=f"Teasel {here.teasel} on {listed(other)} is another copy than the one here: the digest of its files "
            f"is {codes}, here {here.code}",
            mend=AGAIN,
        )


def _python(facts: Facts, nodes: Sequence[Node]) -> Iterator[Problem]:
    here = facts.here.python
    for there, those in grouped(nodes, lambda node: node.python if node.python != here else ""):
        yield Problem(
            what=f"Python is {there} on {listed(those)} and {here} here",
            mend=f"name {here} in the cluster file's setup, and {AGAIN}",
            error=there.split(".")[:2] != here.split(".")[:2],
        )


def _torch(facts: Facts, nodes: Sequence[Node]) -> Iterator[Problem]:
    here = facts.here.torch
    if not here:
        for why, those in grouped(nodes, lambda node: "; ".join(node.faults)):
            mend = f"`{those[0].executable} -m pip install torch` there"
            yield Problem(what=f"torch is not installed on {listed(those)} ({why})", mend=mend)
        return
    for there, those in grouped(nodes, lambda node: (node.torch or "missing") if node.torch != here else ""):
        # Another build of one version (with CUDA, without) trains the same.
        same = _base(there) == _base(here)
        yield Problem(
            what=f"torch is {there} on {listed(those)} and {here} here",
            mend=f"`{those[0].executable} -m pip install torch=={_base(here)}` there",
            error=not same,
        )


def _base(version: str) -> str:
    return version.partition("+")[0]
