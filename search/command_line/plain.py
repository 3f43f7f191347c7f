"""Text from elsewhere on a terminal: nothing in it moves the cursor, changes colours, hides, or turns what follows.

Ledgers, tags, names of files and answers of servers may have been written by somebody else. Knows nothing of sweeps.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
KEPT = "\n\t"
LONGEST = 20_000
"""Characters of one message at most."""


def plain(text: str) -> str:
    """``text`` with control characters, and those that turn or hide text, shown as escapes; colours are dropped."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(letter) for letter in COLOURS.sub("", text))


def message(text: str) -> str:
    """``plain``, cut where it would fill the screen again and again."""
    said = plain(text)
    return said if len(said) <= LONGEST else f"{said[:LONGEST]}… ({len(said) - LONGEST:,} more characters)"


def _shown(letter: str) -> str:
    if letter in KEPT or letter.isprintable() or unicodedata.category(letter) == "Zs":
        return letter
    return letter.encode("unicode_escape").decode()


class PlainConsole(Console):
    """A console that prints all text as ``plain``, without markup; its own colours and movements are what they were."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control or text.isprintable() else Segment(plain(text), style)
