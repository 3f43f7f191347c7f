"""A sweep as somebody sees it who has its files and commands, and none of Teasel's readers.

The ledger is parsed here anew, checksums included; the table is what ``teasel top`` prints and writes; MLflow is read
from its database, or asked over its API.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sqlite3
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PARENT = -1
"""Stands for the sweep's own run in MLflow."""


class Damaged(ValueError):
    """A row of the ledger is not what its checksum says."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise Damaged(f"a row says something twice: {pairs}")
    return dict(pairs)


def ledger_of(storage: Path, name: str) -> Path:
    """The ledger of a sweep on a disk."""
    return Path(storage) / name / "ledger.jsonl"


def rows(content: bytes) -> list[dict[str, Any]]:
    """The rows of a ledger; what stands after the last line break is not one.  Raises ``Damaged``."""
    found, checksum = [], 0
    *lines, _ = content.split(b"\n")
    for number, line in enumerate(lines, 1):
        body = line[9:]
        checksum = zlib.crc32(body, checksum)
        if line[:9] != b"%08x " % checksum:
            raise Damaged(f"row {number} does not match its checksum")
        found.append(json.loads(body, object_pairs_hook=_once))
    return found


def values(metrics: Mapping[str, Any]) -> dict[str, float]:
    """A row's metrics, whose infinities and NaN are words."""
    return {key: float(value) for key, value in metrics.items()}


# -- what `teasel top` gives ----------------------------------------------------------------------------------------


def _top(storage: Path, name: str, *words: str) -> str:
    """What the command prints; called in this process, for a start takes a second."""
    from search.__main__ import app

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        app(["top", name, "--storage", str(storage), *words], standalone_mode=False)
    return said.getvalue()


def table(storage: Path, name: str) -> list[dict[str, Any]]:
    """``teasel top --json``."""
    found: list[dict[str, Any]] = json.loads(_top(storage, name, "--json"))
    return found


def comma_table(storage: Path, name: str) -> list[dict[str, str]]:
    """``teasel top --csv``."""
    return list(csv.DictReader(io.StringIO(_top(storage, name, "--csv"))))


def arrow_table(storage: Path, name: str) -> list[dict[str, Any]]:
    """``teasel top --parquet``."""
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory(prefix="teasel-chaos-") as folder:
        path = Path(folder) / "trials.parquet"
        _top(storage, name, "--parquet", str(path))
        found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


# -- MLflow ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a sweep in MLflow; ``trial`` is ``PARENT`` for the sweep's own."""

    id: str
    trial: int
    status: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    points: tuple[tuple[str, int, int, float], ...]
    """Metric, step, time in milliseconds, value."""


def runs(uri: str | Path, name: str, begun: int) -> list[Run]:
    """The runs that are not deleted of the sweep ``name`` whose ledger began at ``begun`` (milliseconds).

    ``uri`` is an SQLite file, as a path or ``sqlite:///…``, or a server's address.
    """
    if str(uri).startswith("http"):
        found = _asked(str(uri), name)
    else:
        found = _read(Path(str(uri).removeprefix("sqlite:///")), name)
    return [run for run in found if run.tags.get("teasel.begun") == str(begun)]


def _read(path: Path, name: str) -> list[Run]:
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=60)) as base:
        if not base.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchone():
            return []
        query = (
            "SELECT run_uuid, status FROM runs JOIN experiments USING (experiment_id) "
            "WHERE experiments.name = ? AND runs.lifecycle_stage = 'active'"
        )
        found = base.execute(query, [name]).fetchall()
        return [_run(run, status, *(base.execute(q, [run]).fetchall() for q in DETAILS)) for run, status in found]


DETAILS = (
    "SELECT key, value FROM tags WHERE run_uuid = ?",
    "SELECT key, value FROM params WHERE run_uuid = ?",
    "SELECT key, step, timestamp, value FROM metrics WHERE run_uuid = ? ORDER BY key, step, timestamp",
)


def _asked(uri: str, name: str) -> list[Run]:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    if (experiment := client.get_experiment_by_name(name)) is None:
        return []
    found, token = [], None
    while True:
        page = client.search_runs([experiment.experiment_id], max_results=500, page_token=token)
        for run in page:
            points = [
                (point.key, point.step, point.timestamp, point.value)
                for key in sorted(run.data.metrics)
                for point in client.get_metric_history(run.info.run_id, key)
            ]
            found.append(_run(run.info.run_id, run.info.status, run.data.tags.items(), run.data.params.items(), points))
        if not (token := page.token):
            return found


def _run(id: str, status: str, tags: Any, params: Any, points: Any) -> Run:
    known = dict(tags)
    trial = int(known.get("teasel.trial", PARENT))
    return Run(id=id, trial=trial, status=status, tags=known, params=dict(params), points=tuple(map(tuple, points)))
