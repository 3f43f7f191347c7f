"""The files that a sweep's own run holds.  The same history gives the same bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

from search.folder import Folder
from search.history import FAIL, History, replay
from search.ledger import read
from search.report import contact_sheet, description, html
from search.results import csv_text, records, title
from search.standings import ranking
from search.tracking.store import picture_file
from trainables.core.redaction import redacted, redacted_values
from trainables.core.storage import Place

SHEET = 9
"""Trials on the contact sheet at most."""


def files(history: History, folder: Folder) -> dict[str, bytes]:
    """The sweep, its ranking, its description, its report and a contact sheet of its best trials, by file name."""
    order = ranking(history)
    written = {
        "sweep.yaml": _yaml(history.sweep),
        "ranking.csv": csv_text(history),
        "ranking.json": json.dumps(redacted_values(records(history)), indent=1, ensure_ascii=False),
        "description.md": description(history, order),
    }
    found = {name: redacted(page).encode("utf-8", "replace") for name, page in written.items()}
    if not history.sweep.get("picked"):
        found["report.html"] = _report(folder).encode("utf-8", "replace")
    shown: list[tuple[str, Place]] = []
    for rank, trial in enumerate(order, 1):
        path = picture_file(folder.files, trial.pictures[0]) if trial.pictures else None
        if path is not None and trial.state != FAIL and len(shown) < SHEET:
            shown.append((f"{rank}. {title(trial)}", path))
    if shown:
        sheet = io.BytesIO()
        contact_sheet(shown).save(sheet, "PNG")
        found["contact_sheet.png"] = sheet.getvalue()
    return found


def _report(folder: Folder) -> str:
    """The report, of rows without passwords and tokens: in the page itself a chart's code would be blotted out too."""
    rows = [redacted_values(row) for row in read(folder.ledger)]
    return html(folder.files, rows, replay(rows))


def _yaml(said: Mapping[str, Any]) -> str:
    """The specification as a sweep file; one that this Teasel would refuse is written as JSON, which YAML includes."""
    from search.sweep import Sweep
    from search.sweep_file import dump

    try:
        return dump(Sweep.model_validate(said))
    except ValueError:
        return json.dumps(said, indent=1, ensure_ascii=False) + "\n"
