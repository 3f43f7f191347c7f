"""Clusters of several nodes on this machine, each a ``ray start`` of its own, which can be lost or stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from tests_chaos import heads

SMALL = "--object-store-memory=80000000"


class Node:
    """All processes of one ``ray start``: of a node, or of the head."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def signal(self, number: int, *, alone: bool = False) -> None:
        """To all its processes; ``alone`` to its raylet, so that its trials go on."""
        for pid in _session(self._process.pid):
            with suppress(OSError):
                if not alone or b"raylet/raylet" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, number)

    def kill(self) -> None:
        """Power off."""
        while _session(self._process.pid):
            self.signal(signal.SIGKILL)
            self._process.poll()
            time.sleep(0.02)


def _session(id: int) -> list[int]:
    """Its living processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, _, session, *_ = path.read_text().rpartition(")")[2].split()
            if int(session) == id and state != "Z":
                found.append(int(path.parent.name))
    return found


class Cluster:
    """A head, on which the driver is, and nodes of one CPU each that may come and go."""

    def __init__(self, nodes: int, *, cpus: int = 0, **environment: str) -> None:
        self.head = heads.started(f"--num-cpus={cpus}", SMALL, **environment)
        self._head = Node(self.head.process)
        self.nodes: list[Node] = []
        self._joined = 1
        self.complete(nodes)

    def complete(self, count: int) -> None:
        """Start nodes until there are so many."""
        missing = count - len(self.nodes)
        with ThreadPoolExecutor(max_workers=max(1, missing)) as several:
            self.nodes += several.map(self._join, range(self._joined + 1, self._joined + 1 + missing))
        self._joined += missing

    def _join(self, number: int) -> Node:
        words = (f"--address={self.head.address}", f"--node-ip-address=127.0.0.{number}", "--num-cpus=1", SMALL)
        # In one folder, nodes that start at once take each other's sockets.
        scratch = heads.scratch()
        return Node(
            heads.ray_start({**self.head.environment, "RAY_TMPDIR": scratch}, *words, f"--temp-dir={scratch}/ray")
        )

    def lose(self, node: Node) -> None:
        """One of ``nodes`` is gone."""
        self.nodes.remove(node)
        node.kill()

    def lose_head(self) -> None:
        """The nodes are still there, and nobody leads them."""
        self._head.kill()

    def end(self) -> None:
        """Everything that is left."""
        for node in (*self.nodes, self._head):
            node.kill()
        self.nodes.clear()
