"""A file of learning curves: Parquet, a row for each trial, a column of lists for each metric.

Numbers are kept in single precision. The schema's metadata hold the layout's version, the specifications of the sweeps
that the curves come from, and a checksum of it all: Parquet's own cover the inside of its pages alone. A file that is
damaged, of another layout or of somebody else's making is refused. Knows nothing of what curves are used for.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import search
from search.curves import Curve, Curves, fault
from search.output_file import write_whole
from search.row_check import NAME, SWEEP, mapping

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
"""Version of the file's layout; another version is refused."""
KEY, CHECKSUM = b"teasel.curves", b"teasel.sha256"
METRIC = "metric "
"""What the name of a metric's column begins with."""
LARGEST, MOST = 256 * 2**20, 10**7
"""Bytes of a file, and values in it, that are read at most."""


class CurvesError(ValueError):
    """A file that holds no curves, or damaged ones."""


def write(curves: Curves, path: Path) -> None:
    """Write a file of curves, whole or not at all.  Raises ``OSError``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    said = json.dumps({"format": FORMAT, "teasel": search.__version__, "sweeps": dict(curves.sweeps)}, sort_keys=True)
    each = curves.curves
    columns: dict[str, Any] = {
        "sweep": pa.array([c.sweep for c in each]),
        "trial": pa.array([c.trial for c in each], pa.int64()),
        "method": pa.array([c.method for c in each]),
        "config": pa.array([json.dumps(dict(c.config)) for c in each]),
        "params": pa.array([json.dumps(dict(c.params)) for c in each]),
        "seed": pa.array([c.seed for c in each], pa.int64()),
        "state": pa.array([c.state for c in each]),
        "step": pa.array([c.steps for c in each], pa.list_(pa.int64())),
        "training": pa.array([c.training for c in each], _floats(pa)),
        "reporting": pa.array([c.reporting for c in each], _floats(pa)),
        "rest": pa.array([c.rest for c in each], pa.float32()),
    }
    for name in curves.metrics:
        columns[METRIC + name] = pa.array([c.metrics.get(name) for c in each], _floats(pa))
    table = pa.table(columns)
    checksum = _checksum(said.encode(), table.to_pylist())
    table = table.replace_schema_metadata({KEY: said.encode(), CHECKSUM: checksum})
    write_whole(
        path,
        lambda unfinished: pq.write_table(
            table,
            unfinished,
            compression="zstd",
            compression_level=19,
            write_statistics=False,
        ),
    )


def read(path: Path) -> Curves:
    """The curves in a file.  Raises ``CurvesError``, which says what is wrong."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        size = os.stat(path).st_size
        if not path.is_file() or size > LARGEST:
            raise CurvesError(f"{path} is no file of at most {LARGEST >> 20} MB.")
        with pq.ParquetFile(path) as file:
            metadata, schema = file.schema_arrow.metadata or {}, file.schema_arrow
            if KEY not in metadata:
                raise CurvesError(
                    f"{path} is a Parquet file, but not one of curves; `teasel record` writes such files."
                )
            _require_columns(path, schema)
            leaves = sum(file.metadata.row_group(i).column(j).num_values for i, j in _chunks(file.metadata))
            if leaves > MOST:
                raise CurvesError(f"{path} has more than {MOST:,} values, which no recording needs.")
            rows = file.read().to_pylist()
        if _checksum(metadata[KEY], rows) != metadata.get(CHECKSUM):
            raise CurvesError(f"{path} is damaged: its content does not match its checksum.")
        sweeps = _sweeps(path, metadata)
    except FileNotFoundError:
        raise CurvesError(f"There is no file {path}; `teasel record` writes files of curves.") from None
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CurvesError(f"{path} is damaged, or no file of curves: {said}") from None
    return Curves(sweeps=sweeps, curves=tuple(_curve(path, i, row, sweeps) for i, row in enumerate(rows)))


def _checksum(said: bytes, rows: list[dict[str, Any]]) -> bytes:
    """Of a file's content, however Parquet lays it out."""
    return hashlib.sha256(said + json.dumps(rows, sort_keys=True).encode()).hexdigest().encode()


def _floats(pa: Any) -> Any:
    return pa.list_(pa.float32())


def _chunks(metadata: Any) -> Iterator[tuple[int, int]]:
    return ((i, j) for i in range(metadata.num_row_groups) for j in range(metadata.num_columns))


def _sweeps(path: Path, metadata: Mapping[bytes, bytes]) -> Mapping[str, Mapping[str, Any]]:
    try:
        said = json.loads(metadata[KEY])
    except (ValueError, RecursionError):
        raise CurvesError(f"{path} is damaged: what it says of its sweeps is not JSON.") from None
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        found = said.get("format") if isinstance(said, dict) else None
        raise CurvesError(f"{path} has layout {found!r:.40}; this Teasel reads layout {FORMAT}.")
    sweeps = said.get("sweeps")
    if not isinstance(sweeps, dict) or not all(
        NAME.fullmatch(k) and mapping(v) and SWEEP(v) and v.get("name") == k for k, v in sweeps.items()
    ):
        raise CurvesError(f"{path} does not say which sweeps its curves come from.")
    return sweeps


def _require_columns(path: Path, schema: pa.Schema) -> None:
    import pyarrow as pa

    wanted = {
        **dict.fromkeys(("sweep", "method", "config", "params", "state"), pa.string()),
        **dict.fromkeys(("trial", "seed"), pa.int64()),
        "step": pa.list_(pa.int64()),
        **dict.fromkeys(("training", "reporting"), _floats(pa)),
        "rest": pa.float32(),
    }
    missing = [name for name in wanted if schema.get_field_index(name) < 0]
    if missing:
        raise CurvesError(f"{path} has no column {missing[0]}, or two of them; a file of curves has one.")
    for field in schema:
        expected = _floats(pa) if field.name.startswith(METRIC) else wanted.get(field.name)
        if expected is None:
            raise CurvesError(f"{path} has a column {field.name!r:.60}, and no file of curves has.")
        if not field.type.equals(expected):
            raise CurvesError(f"{path}: column {field.name!r:.60} holds {field.type}; it must hold {expected}.")


def _curve(path: Path, number: int, row: Mapping[str, Any], sweeps: Mapping[str, Any]) -> Curve:
    where = f"{path} is damaged: its row {number}"
    if any(value is None for name, value in row.items() if not name.startswith(METRIC)):
        raise CurvesError(f"{where} lacks a value.")
    if any(None in row[name] for name in ("step", "training", "reporting")):
        raise CurvesError(f"{where} lacks a step or its seconds.")
    if row["sweep"] not in sweeps:
        raise CurvesError(f"{where} is of a sweep that the file says nothing of.")
    try:
        config, params = json.loads(row["config"]), json.loads(row["params"])
    except (ValueError, RecursionError):
        raise CurvesError(f"{where} has a configuration that is not JSON.") from None
    if not all(_flat(said) for said in (config, params)):
        raise CurvesError(f"{where} has a configuration that is no mapping of plain values.")
    curve = Curve(
        sweep=row["sweep"],
        trial=row["trial"],
        method=row["method"],
        config=config,
        params=params,
        seed=row["seed"],
        state=row["state"],
        steps=tuple(row["step"]),
        training=tuple(row["training"]),
        reporting=tuple(row["reporting"]),
        rest=row["rest"],
        metrics={
            name.removeprefix(METRIC): tuple(values)
            for name, values in row.items()
            if name.startswith(METRIC) and values is not None
        },
    )
    if wrong := fault(curve):
        raise CurvesError(f"{where} {wrong}")
    return curve


def _flat(said: Any) -> bool:
    return mapping(said) and not any(isinstance(value, (dict, list)) for value in said.values())
