"""RESULTS.md: one section a table, replaced when its table is run again; other sections stay as they are."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from search.reproduction.core.claims import Page, Results
from search.reproduction.core.experiment import Plan

HEAD = """# The reports' tables, run again

Written by `make reproduce`; a single table by `teasel reproduce TABLE`. Ours are means over seeds with 95 % intervals
(Student's t); differences are paired by seed. A claim **holds** when the whole interval agrees with it, **does not
hold** when none of it does, and otherwise **cannot be told at this size**. Models are measured on test data once.
"""


def section(name: str, table: ModuleType, page: Page, results: Results, plan: Plan, machine: str) -> str:
    """A table as Markdown, between its two marks."""
    seeds = f"{len(plan.seeds)} seeds ({', '.join(map(str, plan.seeds))})"
    lines = [
        _mark(name, "begin"),
        f"## {table.TITLE}",
        "",
        f"`teasel reproduce {name}{' --full' if plan.full else ''}` · {seeds} · "
        f"{results.core_minutes:.0f} core-minutes on {machine}",
        "",
        f"**Report.** {table.REPORT}",
        "",
        f"**Protocol difference.** {table.DIFFERENCE}",
        "",
        *_table(page.columns, page.rows),
        "",
        *_table(
            ("claim", "reported", "ours", "verdict"),
            [(c.text, c.reported, c.ours, f"**{c.verdict}**") for c in page.claims],
        ),
        *(f"\n{note}" for note in page.notes),
        _mark(name, "end"),
    ]
    return "\n".join(lines)


def written(existing: str, order: Sequence[str], name: str, text: str) -> str:
    """The whole file with the section ``name`` put in, sections in ``order``."""
    found = {n: body for n in order if (body := _found(existing, n)) is not None}
    found[name] = text
    return "\n\n".join([HEAD.strip(), *(found[n] for n in order if n in found)]) + "\n"


def write(path: Path, text: str) -> None:
    """Replace the file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_text(text)
    os.replace(partial, path)


def _found(text: str, name: str) -> str | None:
    pattern = re.escape(_mark(name, "begin")) + ".*?" + re.escape(_mark(name, "end"))
    match = re.search(pattern, text, re.DOTALL)
    return match.group() if match else None


def _mark(name: str, end: str) -> str:
    return f"<!-- {end} {name} -->"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    shown = [[cell.replace("|", "\\|") for cell in row] for row in (columns, *rows)]
    head, *body = ["| " + " | ".join(row) + " |" for row in shown]
    return [head, "|" + "---|" * len(columns), *body]
