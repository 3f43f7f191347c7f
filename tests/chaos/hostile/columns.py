"""Prepared files of datasets that somebody else put into the cache: compressed columns, descriptions that lie."""

from __future__ import annotations

import io
import json
import lzma
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
from tests_chaos.hostile.arrays import _cases
from tests_chaos.hostile.case import Call
from tests_chaos.hostile.models import Owned

NEEDS = ("pyarrow.ipc", "trainables.core.dataset")


def arrow(compression: str | None = None, rows: int = 6, width: int = 8, **changes: Any) -> bytes:
    """A prepared file with other columns, or another description."""
    import pyarrow as pa

    described = {
        "format": 1, "name": "digits", "options": {}, "shape": [1, 8, 8], "bits": 1, "images": 6, "factors": {},
        "classes": [], "summary": "", "source": "", "sha256": {},
    }  # fmt: skip
    columns = {"image": pa.array([bytes(width)] * rows, pa.binary(width)), "split": pa.array([0] * rows, pa.uint8())}
    columns |= {name: value for name, value in changes.items() if isinstance(value, pa.Array)}
    described |= {name: value for name, value in changes.items() if not isinstance(value, pa.Array)}
    raw = changes.get("raw") or json.dumps(described).encode()
    batch = pa.record_batch(columns).replace_schema_metadata({b"teasel.dataset": raw})
    file = io.BytesIO()
    with pa.ipc.new_file(file, batch.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_batch(batch)
    return file.getvalue()


def _worded() -> Any:
    import pyarrow as pa

    return pa.array(["a"] * 6).dictionary_encode()


def _floats() -> Any:
    import pyarrow as pa

    return pa.array([0.5] * 6)


def _missing() -> Any:
    import pyarrow as pa

    return pa.array([None] * 6, pa.uint8())


ARROW = {
    "Arrow: compressed": lambda: arrow("zstd"),
    "Arrow: a bomb of 32 MB": lambda: arrow("zstd", rows=2**16, width=512),
    "Arrow: a dictionary": lambda: arrow(split=_worded()),
    "Arrow: floats for marks": lambda: arrow(split=_floats()),
    "Arrow: nothing for marks": lambda: arrow(split=_missing()),
    "Arrow: fewer rows than it says": lambda: arrow(images=10**9),
    "Arrow: images of terabytes": lambda: arrow(shape=[1, 2**20, 2**20], images=1),
    "Arrow: images below 0": lambda: arrow(images=-6),
    "Arrow: images of 400 digits": lambda: arrow(images=10**400),
    "Arrow: images of text": lambda: arrow(images="6"),
    "Arrow: a shape of text": lambda: arrow(shape="abc"),
    "Arrow: no bits": lambda: arrow(bits=0),
    "Arrow: bits that are a list": lambda: arrow(bits=[1]),
    "Arrow: factors of lists": lambda: arrow(factors={"a": [1]}),
    "Arrow: a factor named like a column": lambda: arrow(factors={"image": 3}),
    "Arrow: factors that are a list": lambda: arrow(factors=[1]),
    "Arrow: classes that are a number": lambda: arrow(classes=7),
    "Arrow: a description that is deep": lambda: arrow(raw=b"[" * 100_000),
    "Arrow: a description that is a list": lambda: arrow(raw=b"[1]"),
    "Arrow: a description that is a pickle": lambda: arrow(raw=pickle.dumps(Owned())),
    "Arrow: another format": lambda: arrow(format="os"),
    "Arrow: cut": lambda: arrow()[:-30],
    "Arrow: a footer that claims 2 GB": lambda: arrow()[:-10] + struct.pack("<i", 2**31 - 1) + b"ARROW1",
    "Arrow: a footer below 0": lambda: arrow()[:-10] + struct.pack("<i", -5) + b"ARROW1",
    "Arrow: noise for a footer": lambda: (
        arrow() + np.random.RandomState(0).bytes(200) + struct.pack("<i", 200) + b"ARROW1"
    ),
    "Arrow: a stream of Parquet": lambda: b"PAR1" + bytes(100) + b"PAR1",
    "Arrow: LZMA": lambda: lzma.compress(bytes(1000)),
    "Arrow: a pickle": lambda: pickle.dumps(Owned()),
}


def _arrow(folder: Path, content: bytes) -> Call:
    from trainables.core.dataset import open_dataset, prepared_path

    path = prepared_path("digits", {}, cache=folder / "cache")
    path.parent.mkdir()
    path.write_bytes(content)
    return lambda: open_dataset("digits", {}, cache=folder / "cache")


CASES = _cases(ARROW, _arrow)
