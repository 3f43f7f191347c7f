"""A prepared dataset on disk: one Arrow IPC file, memory-mapped and shared by all processes.

Columns: ``image`` (fixed-size binary, packed bits or one byte a pixel), ``split``, ``label`` where
there are labels, and one per factor. Everything else, with a sha256 of each column's buffer, is
JSON in the schema's metadata. Writing is all or nothing. This module knows nothing about torch or
about any particular dataset.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trainables.core.arrays import PARTS, Arrays, DatasetError, Description
from trainables.core.arrow_message import require_plain

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
"""Version of the file's layout; another version is refused."""
KEY = b"teasel.dataset"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """An open prepared file; the arrays are read-only views of the memory map."""

    path: Path
    metadata: Mapping[str, Any]
    description: Description
    columns: Mapping[str, np.ndarray]
    """``image`` uint8 (N, row_bytes), ``split`` uint8 (N,), ``label`` and each factor (N,)."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of the file ``path``; a second process waits here. The lock file stays."""
    with open(path.with_name(path.name + ".lock"), "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def require_space(path: Path, name: str, needed: int) -> None:
    """Raise ``DatasetError`` if the folder of ``path`` has less than ``needed`` bytes free."""
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise _full(path, name, needed, f"{_size(free)} are free")


def write(path: Path, name: str, options: Mapping[str, Any], description: Description, arrays: Arrays) -> None:
    """Store ``arrays`` at ``path``: written beside it, flushed, verified, then renamed.

    Call it under ``locked(path)``. Raises ``DatasetError`` if the disk is full; nothing is then
    left behind.
    """
    import pyarrow as pa

    columns = _columns(description, arrays)
    counts = {part: int((arrays.split == mark).sum()) for part, mark in PARTS.items()}
    metadata = {
        "format": FORMAT,
        "name": name,
        "options": dict(options),
        "shape": list(description.shape),
        "bits": description.bits,
        "images": description.images,
        "factors": dict(description.factors),
        "classes": list(description.classes),
        "summary": description.summary,
        "source": description.source,
        "split": {**arrays.rule, "counts": counts},
        "sha256": {column: _digest(values) for column, values in columns.items()},
    }
    schema, batch = _batch(columns, metadata)
    partial = path.with_name(path.name + ".part")
    try:
        with pa.OSFile(str(partial), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            writer.write_batch(batch)
        with open(partial, "rb") as written:
            os.fsync(written.fileno())
        verify(partial)
        os.replace(partial, path)
        _sync(path.parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            reason = f"writing stopped with: {os.strerror(error.errno)}"
            raise _full(path, name, description.bytes, reason) from error
        raise
    finally:
        partial.unlink(missing_ok=True)


def read(path: Path) -> Prepared:
    """Memory-map a prepared file, after cheap checks of version, columns, rows and buffer sizes.

    Raises ``DatasetError`` for a file that is cut short or is not one of ours.
    """
    import pyarrow as pa

    try:
        require_plain(path)
        with pa.memory_map(str(path)) as source:
            reader = pa.ipc.open_file(source)
            metadata = json.loads((reader.schema.metadata or {})[KEY])
            if metadata["format"] != FORMAT:
                raise ValueError(f"its format is {metadata['format']}, this version reads {FORMAT}")
            if reader.num_record_batches != 1:
                raise ValueError(f"it has {reader.num_record_batches} record batches, not 1")
            batch = reader.get_batch(0)
            description = _description(metadata)
            columns = {n: _view(batch, n, t, description) for n, t in _types(description).items()}
    except KeyError as error:
        missing = "the dataset's description" if error.args == (KEY,) else f"{error.args[0]!r}"
        raise _damaged(path, f"it lacks {missing}") from error
    except (
        *(pa.ArrowException, OSError, TypeError, ValueError, AttributeError),
        *(AssertionError, OverflowError, RecursionError, MemoryError),
    ) as error:
        raise _damaged(path, str(error)) from error
    return Prepared(path=path, metadata=metadata, description=description, columns=columns)


def verify(path: Path) -> None:
    """Compare the sha256 of every column with the one in the file.

    Raises ``DatasetError`` if one differs.
    """
    prepared = read(path)
    for column, values in prepared.columns.items():
        if _digest(values) != prepared.metadata["sha256"].get(column):
            raise _damaged(path, f"the checksum of its column {column!r} is wrong")


def _columns(description: Description, arrays: Arrays) -> dict[str, np.ndarray]:
    values: dict[str, Any] = {"image": arrays.images, "split": arrays.split, "label": arrays.labels}
    for i, factor in enumerate(description.factors):
        values[factor] = None if arrays.factors is None else arrays.factors[:, i]
    assert arrays.bits == description.bits, "bits differ from the description"
    assert arrays.images.shape == (description.images, description.row_bytes), arrays.images.shape
    columns = {}
    for column, kind in _types(description).items():
        assert values[column] is not None and len(values[column]) == description.images, column
        columns[column] = np.ascontiguousarray(values[column], dtype=kind)
    return columns


def _types(description: Description) -> dict[str, np.dtype]:
    """Every column and the type of its numbers."""
    types = {"image": np.dtype(np.uint8), "split": np.dtype(np.uint8)}
    if description.classes:
        types["label"] = np.min_scalar_type(max(len(description.classes) - 1, 1))
    for factor, size in description.factors.items():
        assert factor not in types, f"a factor must not be called {factor!r}"
        types[factor] = np.min_scalar_type(size - 1)
    return types


def _batch(columns: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> tuple[pa.Schema, pa.RecordBatch]:
    import pyarrow as pa

    arrays = {}
    for column, values in columns.items():
        kind = pa.binary(values.shape[1]) if values.ndim == 2 else pa.from_numpy_dtype(values.dtype)
        buffer = pa.py_buffer(values)
        arrays[column] = pa.Array.from_buffers(kind, len(values), [None, buffer])
    schema = pa.schema(
        [pa.field(column, array.type, nullable=False) for column, array in arrays.items()],
        metadata={KEY: json.dumps(metadata).encode()},
    )
    return schema, pa.RecordBatch.from_arrays(list(arrays.values()), schema=schema)


def _view(batch: pa.RecordBatch, column: str, kind: np.dtype, description: Description) -> np.ndarray:
    """The column's buffer as numpy, without a copy."""
    import pyarrow as pa

    array = batch.column(batch.schema.get_field_index(column)) if column in batch.schema.names else None
    if array is None:
        raise KeyError(column)
    width = description.row_bytes if column == "image" else kind.itemsize
    stored = pa.binary(width) if column == "image" else pa.from_numpy_dtype(kind)
    buffer = array.buffers()[1]
    if array.type != stored or array.null_count:
        raise ValueError(f"its column {column!r} holds {array.type}, not {stored}")
    if len(array) != description.images or buffer is None or buffer.size < len(array) * width:
        raise ValueError(f"its column {column!r} has not {description.images} whole rows")
    count = description.images * width // kind.itemsize
    values = np.frombuffer(buffer, dtype=kind, count=count)
    return values.reshape(-1, width) if column == "image" else values


def _description(metadata: Mapping[str, Any]) -> Description:
    channels, height, width = metadata["shape"]
    numbers = [channels, height, width, metadata["images"], *metadata["factors"].values()]
    if not all(isinstance(n, int) and 0 < n < 2**31 for n in numbers) or metadata["bits"] not in (1, 8):
        raise ValueError("its description has sizes that cannot be")
    return Description(
        shape=(channels, height, width),
        images=metadata["images"],
        bits=metadata["bits"],
        factors=metadata["factors"],
        classes=tuple(metadata["classes"]),
        summary=metadata["summary"],
        source=metadata["source"],
    )


def _digest(values: np.ndarray) -> str:
    return hashlib.sha256(values.data).hexdigest()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


def _full(path: Path, name: str, needed: int, reason: str) -> DatasetError:
    return DatasetError(
        f"No room to prepare {name}: it needs {_size(needed)} in {path.parent}, and {reason}. "
        "Free some space, or name another folder in the environment variable TEASEL_CACHE."
    )


def _damaged(path: Path, reason: str) -> DatasetError:
    return DatasetError(f"{path} is not a whole prepared dataset: {reason}.")
