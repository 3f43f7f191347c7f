"""Nodes in sentences: those that share something, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from cluster.check.facts import Node

SHOWN = 4
"""Names in a sentence at most."""


def grouped(nodes: Iterable[Node], key: Callable[[Node], str]) -> Iterator[tuple[str, list[Node]]]:
    """The nodes by what ``key`` says of them, without those of which it says nothing."""
    found: dict[str, list[Node]] = {}
    for node in nodes:
        if said := key(node):
            found.setdefault(said, []).append(node)
    yield from found.items()


def listed(nodes: Sequence[Node]) -> str:
    """``w1, w2 and w3``; ``w1, w2, w3 and 12 others``."""
    return joined([node.name for node in nodes])


def joined(names: Sequence[str]) -> str:
    """The same for any texts."""
    if len(names) > SHOWN + 1:
        names = [*names[:SHOWN], f"{len(names) - SHOWN} others"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def counted(number: float, thing: str) -> str:
    """``1 node``, ``2 nodes``."""
    return f"{number:g} {thing}{'' if number == 1 else 's'}"
