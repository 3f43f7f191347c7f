"""Look at this machine alone, without Ray; and what nodes of a cluster are compared with."""

from __future__ import annotations

import platform
import secrets
from dataclasses import replace
from pathlib import Path

from cluster.check import files, gpus, machine
from cluster.check.facts import Asked, Facts, Files, Node

MARK = "here"
PORTS = {"gcs": 6379, "dashboard": 8265, "client": 10001, "agent": 52365}
"""Where Ray's services listen unless they are told otherwise."""


def look_here(asked: Asked, patience: float = 60.0) -> Facts:
    """The facts of this machine."""
    asked, made, unwritable = plant(asked)
    try:
        said = machine.look(asked.values(), mark=MARK, ports=PORTS, patience=patience)
        node = Node.of(said, name=platform.node(), driver=True)
        if node.files != Files():
            returned = MARK in files.gather(asked.storage or "", asked.nonce, [MARK], patience=0)
            node = replace(node, files=replace(node.files, returned=returned))
    finally:
        clear(asked, made)
    return Facts(asked=asked, here=node, nodes=(node,), unwritable=unwritable)


def this_process() -> Node:
    """What nodes are compared with, found without importing anything heavy."""
    said = machine.versions()
    torch = gpus.written_version("torch", "version.py")
    return Node(
        name="this process",
        python=said["python"],
        ray=said["ray"],
        teasel=said["teasel"],
        code=said["code"],
        torch=torch,
    )


def plant(asked: Asked) -> tuple[Asked, list[Path], str]:
    """Write to the storage what nodes will read: what is asked of them, the folders made, and why it failed if so."""
    if not asked.storage:
        return asked, [], ""
    nonce = f".teasel-check-{secrets.token_hex(6)}"
    try:
        return replace(asked, nonce=nonce), files.plant(asked.storage, nonce), ""
    except OSError as error:
        return asked, [], files.sentence(error)


def clear(asked: Asked, made: list[Path]) -> None:
    """Remove what ``plant`` wrote."""
    if asked.storage and asked.nonce:
        files.clear(asked.storage, asked.nonce, made)
