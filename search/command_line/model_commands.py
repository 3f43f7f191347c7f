"""The commands that use a trained model: ``encode`` and ``traverse``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from search.command_line.data_commands import refusing
from search.output_file import require_place, write_whole

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from trainables.core.model import Model


def encode(
    model: str,
    images: Sequence[Path],
    output: Path,
    *,
    label: str | None,
    batch: int,
    resize: bool,
    mlflow: str | None,
    storage: str,
) -> None:
    """``teasel encode``."""
    with refusing():
        from trainables.core.image_files import find

        require_place(output)
        found = find(images)
        loaded = opened(model, mlflow, storage)
        number = _class_to_encode(loaded, label)
        table = codes_of(loaded, found.files, number, batch=batch, resize=resize)
        import pyarrow as pa
        import pyarrow.parquet as pq

        written = pa.BufferOutputStream()
        pq.write_table(table, written)
        write_whole(output, memoryview(written.getvalue()))
    skipped = f"; {found.skipped} other files skipped" if found.skipped else ""
    latents = sum(loaded.groups.values())
    typer.echo(f"{output}: {len(found.files)} images, {latents} latents of {loaded.name}{skipped}")


def traverse(
    model: str,
    image: Path,
    output: Path,
    *,
    label: str | None,
    resize: bool,
    mlflow: str | None,
    storage: str,
) -> None:
    """``teasel traverse``."""
    with refusing():
        from trainables.core.image_files import ImageError, read
        from trainables.core.traversals import png

        require_place(output)
        if image.is_dir():
            raise ImageError(f"{image} is a folder; `teasel traverse` draws one image.")
        loaded = opened(model, mlflow, storage)
        loaded.require_decoder()
        number = None if label is None else loaded.label(label)
        pixels = read(image, loaded.shape, resize=resize)
        write_whole(output, png(loaded.traversal(pixels, number)))
    typer.echo(f"{output}: what each latent of {loaded.name} does to {image}")


def opened(model: str, mlflow: str | None, storage: str) -> Model:
    """The model in a folder, or registered under ``models:/NAME@ALIAS``.  Raises ``ValueError``."""
    if model.startswith("models:"):
        from search.folder import beside
        from search.tracking import load_model

        return load_model(model, uri=mlflow, storage=beside(storage))
    from trainables.core import model_file

    return model_file.load(model)


def codes_of(model: Model, files: Sequence[Path], label: int | None, *, batch: int, resize: bool) -> pa.Table:
    """A row for each file: its name, a column for each latent (``z_00``), and ``y_NAME`` for each class's probability.

    The schema's metadata say which model, by the sha256 of its weights, and which Teasel encoded. Raises ``ModelError``
    and ``ImageError``.
    """
    import numpy as np
    import pyarrow as pa

    import search
    from trainables.core.contract import CLASSES

    parts: dict[str, list[np.ndarray]] = {}
    for images in _batches(files, model, batch, resize):
        for group, code in model.encode(images, label, batch=batch).items():
            parts.setdefault(group, []).append(code.numpy())
    # A file's name is bytes, and need not be text.
    columns = {"file": pa.array([os.fsencode(file).decode("utf-8", "backslashreplace") for file in files])}
    for group, names in column_names(model, CLASSES in parts).items():
        for name, column in zip(names, np.concatenate(parts[group]).T, strict=True):
            columns[name] = pa.array(np.ascontiguousarray(column), pa.float32())
    said = {
        "teasel.version": search.__version__,
        "teasel.method": model.name,
        "teasel.sha256": model.sha256,
        "teasel.label": "" if label is None else model.classes[label],
    }
    return pa.table(columns).replace_schema_metadata(said)


def column_names(model: Model, probabilities: bool) -> dict[str, list[str]]:
    """``z_00``, ``z_01``, … for each group of latents and, with ``probabilities``, ``y_NAME`` for each class."""
    from trainables.core.contract import CLASSES

    names = {group: [f"{group}_{index:02d}" for index in range(size)] for group, size in model.groups.items()}
    return names | ({CLASSES: [f"{CLASSES}_{name}" for name in model.classes]} if probabilities else {})


def _batches(files: Sequence[Path], model: Model, batch: int, resize: bool) -> Iterator[np.ndarray]:
    import numpy as np

    from trainables.core.image_files import read

    for start in range(0, len(files), batch):
        yield np.stack([read(file, model.shape, resize=resize) for file in files[start : start + batch]])


def _class_to_encode(model: Model, label: str | None) -> int | None:
    """The class that images are encoded with.  Raises ``ModelError`` where one is missing, unknown or not used."""
    from trainables.core.model import ModelError

    if label is None:
        if model.told:
            raise ModelError(
                f"{model.name} encodes an image with its class: say which it is with --label. "
                f"Classes are {model.known}."
            )
        return None
    number = model.label(label)
    if not model.told:
        raise ModelError(f"{model.name} encodes images without their class; leave --label out.")
    return number
