"""Sections of RESULTS.md: each benchmark writes its own, by its heading, and leaves the others as they are.

``put("## Search quality", text)`` replaces that section, or adds it at its place. Needs the standard library alone.
"""

from __future__ import annotations

import re
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
TITLE = "# Benchmarks"
SPEED, LONG, QUALITY = "## Speed", "## Long runs", "## Search quality"
ORDER = (SPEED, QUALITY, LONG)
"""Sections in the order of the page; others come after them, in the order in which they were written."""


def split(text: str) -> dict[str, str]:
    """Each section's text without its heading, by heading; what stands before the first is dropped."""
    pieces = re.split(r"^(## .*)$", text, flags=re.MULTILINE)
    return {pieces[i].strip(): pieces[i + 1].strip() for i in range(1, len(pieces), 2)}


def put(heading: str, text: str, path: Path = RESULTS) -> None:
    """Write the section under ``heading`` (with its ``##``); ``text`` may begin with the heading or not."""
    assert heading.startswith("## "), heading
    found = split(path.read_text()) if path.exists() else {}
    found[heading] = text.strip().removeprefix(heading).strip()
    names = [*(name for name in ORDER if name in found), *(name for name in found if name not in ORDER)]
    body = "\n\n".join(f"{name}\n\n{found[name]}" for name in names)
    path.write_text(f"{TITLE}\n\n{body}\n")
