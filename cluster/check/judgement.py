"""What is wrong with what was found: facts in, problems out.  Knows neither Ray nor how facts are found.

Each problem is one sentence about all the nodes that have it, and ends with what mends it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from cluster.check.facts import Facts, Node, Problem
from cluster.check.judgement_versions import versions
from cluster.check.naming import counted, grouped, joined, listed

CLOCK_WARNS, CLOCK_FAILS = 2.0, 60.0
"""Seconds: beyond the first, times in logs mislead; beyond the second, tokens and signed requests are refused."""
ROOM = 2 * 10**9
"""Bytes free below which a node is named."""


def judge(facts: Facts) -> tuple[Problem, ...]:
    """Everything that is wrong, errors first."""
    answering = [node for node in facts.nodes if not node.silent]
    found = [
        *_silent(facts.nodes),
        *versions(facts, answering),
        *_storage(facts, answering),
        *_gpus(answering, facts.cluster),
        *_resources(facts),
        *_speed(answering),
        *_images(facts, answering),
        *_clocks(answering),
        *_room(facts, answering),
        *_doors(answering),
        *_token(answering),
    ]
    return tuple(sorted(found, key=lambda problem: not problem.error))


def _silent(nodes: Iterable[Node]) -> Iterator[Problem]:
    if left := [node for node in nodes if node.gone]:
        yield Problem(
            what=f"{listed(left)} left the cluster during the check", mend="`ray status` shows the nodes", error=False
        )
    for why, those in grouped(nodes, lambda node: "" if node.gone else node.silent):
        restart = (
            "`ray stop` there and `ray up CLUSTER.yaml` start it again; `ray list nodes` shows what Ray thinks of it"
        )
        yield Problem(what=f"{listed(those)} did not answer the check ({why})", mend=restart)


def _storage(facts: Facts, nodes: Sequence[Node]) -> Iterator[Problem]:
    storage = facts.asked.storage
    if facts.unwritable:
        mend = f"`ls -ld {storage}` shows whose it is; give `--storage` a folder of yours, or s3://BUCKET/PREFIX"
        yield Problem(what=f"this machine cannot write to {storage} ({facts.unwritable})", mend=mend)
        return
    tried = [node for node in nodes if node.files.reads is not None]
    for why, those in grouped(nodes, lambda node: node.files.fault if node.files.reads is None else ""):
        yield Problem(
            what=f"{storage} was not tried on {listed(those)}: {why}",
            mend="mend that first, then run the check again",
            error=False,
        )
    apart = [node for node in tried if not node.files.reads and node.files.writes]
    if apart:
        yield Problem(
            what=f"{storage} is not shared: what this machine writes there is not seen on {listed(apart)}, "
            "which would keep results in a folder of its own",
            mend="mount the same folder there on every node, or give `--storage` a shared folder or s3://BUCKET/PREFIX",
        )
    for why, those in grouped(
        tried, lambda node: "" if node.files.writes else node.files.fault or "it cannot be written"
    ):
        what = "neither read nor written" if not any(node.files.reads for node in those) else "read but not written"
        mend = (
            f"`sudo chown -R $USER {storage}` there, or mount it for writing"
            if storage and storage.startswith("/")
            else "set the credentials of the store in the environment of Ray there (AWS_ACCESS_KEY_ID and so on)"
        )
        yield Problem(what=f"{storage} can be {what} on {listed(those)} ({why})", mend=mend)
    lost = [node for node in tried if node.files.reads and node.files.writes and node.files.returned is False]
    if lost:
        yield Problem(
            what=f"{storage} is not shared both ways: what {listed(lost)} writes there is not seen on this machine",
            mend="mount the same folder there on every node, or give `--storage` a shared folder or s3://BUCKET/PREFIX",
        )


def _gpus(nodes: Sequence[Node], cluster: bool) -> Iterator[Problem]:
    def blind(node: Node) -> str:
        if not node.gpu_fault and len(node.gpus) >= node.offered:
            return ""
        what = f"Ray gives out {counted(node.offered, 'GPU')} and torch sees {len(node.gpus)}"
        return f"{what if cluster else 'torch sees no GPU'} ({node.gpu_fault.partition('. ')[0] or 'no reason given'})"

    for why, those in grouped(nodes, blind):
        mend = "`nvidia-smi` there shows the driver"
        if "without CUDA" in why:
            mend = f"`{those[0].executable} -m pip install --force-reinstall torch` there brings one with CUDA"
        less = ", and `ray start --num-gpus=N` says how many there are" if cluster else ""
        yield Problem(what=f"on {listed(those)} {why}", mend=mend + less)
    for node in nodes:
        for fault in dict.fromkeys(gpu.fault for gpu in node.gpus if gpu.fault):
            which = joined([f"{i} ({gpu.name})" for i, gpu in enumerate(node.gpus) if gpu.fault == fault])
            # Others use it: in a mode of its own a GPU takes one process at a time.
            full = "out of memory" in fault or "busy or unavailable" in fault
            mend = "`nvidia-smi` there shows who uses it" if full else "`nvidia-smi` there shows its state"
            what = f"a kernel did not run on GPU {which} of {node.name}: {fault.rstrip('.')}"
            yield Problem(what=what, mend=mend, error=not full)
    unused = [node for node in nodes if cluster and len(node.gpus) > node.offered]
    if unused:
        yield Problem(
            what=f"torch sees more GPUs than Ray gives out on {listed(unused)}",
            mend="`ray start --num-gpus=N` there gives out N of them",
            error=False,
        )


def _resources(facts: Facts) -> Iterator[Problem]:
    """A trial runs on one node, so it is the largest node that counts."""
    asked, nodes = facts.asked, [node for node in facts.nodes if not node.silent]
    kinds: tuple[tuple[str, float, Callable[[Node], float], list[float]], ...] = (
        ("CPU", asked.cpu, lambda n: n.cpus if facts.cluster else n.cores, [cpu for cpu, _ in facts.to_come]),
        ("GPU", asked.gpu, lambda n: n.offered if facts.cluster else len(n.gpus), [gpu for _, gpu in facts.to_come]),
    )
    for name, wanted, has, to_come in kinds:
        most = max([*map(has, nodes), *to_come], default=0)
        if wanted <= most or not nodes:
            continue
        there = f"this machine has {most:g}"
        if facts.cluster:
            grows = ", those that the autoscaler may add included" if to_come else ""
            together = f"{counted(len(nodes), 'node')} together {sum(map(has, nodes)):g}"
            there = f"the largest node has {most:g}{grows} ({together})"
        less = f"`teasel run … --{name.lower()} {most:g}` asks for what exists"
        yield Problem(
            what=f"a trial asks for {wanted:g} {name}, and {there}",
            mend=less if facts.cluster else f"{less}, `--address` joins a larger cluster",
        )
    for node in nodes:
        if facts.cluster and node.cores and node.cpus > node.cores:
            yield Problem(
                what=f"Ray gives out {node.cpus:g} CPUs on {node.name}, which has {node.cores}",
                mend=f"`ray start --num-cpus={node.cores}` there, or trials will slow each other down",
                error=False,
            )


def _speed(nodes: Sequence[Node]) -> Iterator[Problem]:
    """What networks compute in is a trial's first digits on every node, and not its last ones."""
    found = list(grouped(nodes, lambda node: node.speed[0].partition(":")[0] if node.speed else ""))
    if len(found) > 1:
        yield Problem(
            what="; ".join(f"{said} on {listed(those)}" for said, those in found) + ", so scores differ a little",
            mend="`--precision float32` has them computed alike everywhere",
            error=False,
        )


def _images(facts: Facts, nodes: Sequence[Node]) -> Iterator[Problem]:
    root = facts.asked.data_root or "FOLDER"
    for name in dict.fromkeys(images.name for node in nodes for images in node.images):
        having = {node.name: images for node in nodes for images in node.images if images.name == name}
        those_with = [node for node in nodes if node.name in having]
        # What follows the first sentence is a remedy, and so is what follows here.
        reasons = {
            key: images.reason.partition(". ")[0].rstrip(".")
            for key, images in having.items()
            if images.state == "missing"
        }
        for why, those in grouped(those_with, _said(reasons)):
            yield Problem(
                what=f"dataset {name} is missing on {listed(those)} and cannot be prepared there ({why})",
                mend=f"`{having[those[0].name].command} --data-root {root}` there, with the originals in that folder, "
                "prepares it",
            )
        copies = {key: images.identity for key, images in having.items() if images.identity}
        if len(set(copies.values())) > 1:
            same = ", ".join(f"{copy} on {listed(those)}" for copy, those in grouped(those_with, _said(copies)))
            yield Problem(
                what=f"the prepared {name} differs between nodes: {same}",
                mend=f"delete {name}-*.arrow in ~/.cache/teasel (TEASEL_CACHE) where it is wrong, and "
                f"`{having[next(iter(copies))].command}` makes it anew",
            )


def _said(of: Mapping[str, str]) -> Callable[[Node], str]:
    return lambda node: of.get(node.name, "")


def _clocks(nodes: Iterable[Node]) -> Iterator[Problem]:
    off = {node.name: node.clock for node in nodes if node.clock is not None and _off(node) > CLOCK_WARNS}
    far = {node.name for node in nodes if _off(node) > CLOCK_FAILS}
    for error in (True, False):
        if those := [f"{name} ({clock:+.1f} s)" for name, clock in off.items() if (name in far) == error]:
            yield Problem(
                what=f"the clock differs from this machine's on {joined(those)}",
                mend="`sudo timedatectl set-ntp true` there sets it",
                error=error,
            )


def _off(node: Node) -> float:
    """Seconds by which a clock is wrong at least."""
    return 0.0 if node.clock is None else abs(node.clock) - node.clock_doubt


def _room(facts: Facts, nodes: Iterable[Node]) -> Iterator[Problem]:
    unusable = facts.asked.storage if facts.unwritable else None
    little = [
        (folder, f"{node.name} ({free / 1e9:.1f} GB)")
        for node in nodes
        for folder, free in node.disk.items()
        if free < ROOM and folder != unusable
    ]
    for folder in dict.fromkeys(folder for folder, _ in little):
        yield Problem(
            what=f"little is free for {folder} on {joined([said for where, said in little if where == folder])}",
            mend=f"`du -sh {folder}` there shows what fills it; TEASEL_CACHE names another place for datasets",
            error=False,
        )


def _doors(nodes: Iterable[Node]) -> Iterator[Problem]:
    having = [node for node in nodes if node.doors]
    if having:
        open_ = "; ".join(f"{door.name} at {door.address}" for node in having[:3] for door in node.doors)
        yield Problem(
            what=f"Ray answers without a token on {listed(having)} ({open_}), and whoever reaches it can run programs",
            mend="`ray get-auth-token --generate`, the same ~/.ray/auth_token (mode 600) on every node, and "
            "`RAY_AUTH_MODE=token ray start …`; or a firewall",
            error=any(public(door.address) for node in having for door in node.doors),
        )


def _token(nodes: Iterable[Node]) -> Iterator[Problem]:
    for path, those in grouped(nodes, lambda node: node.exposed):
        yield Problem(
            what=f"everybody on {listed(those)} can read Ray's token in {path}",
            mend=f"`chmod 600 {path}` there",
            error=False,
        )


def public(address: str) -> bool:
    """Whether ``HOST:PORT`` can be reached from the whole internet, as far as the address tells."""
    try:
        return ipaddress.ip_address(address.rpartition(":")[0].strip("[]")).is_global
    except ValueError:
        return False
