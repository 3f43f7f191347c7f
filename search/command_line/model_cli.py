"""The words of ``teasel encode`` and ``teasel traverse``; what they do is in ``search.command_line.model_commands``.

Imports nothing heavy, so that ``--help`` answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from search.command_line.options import DEFAULT, Storage

Model = Annotated[
    str, typer.Argument(help="A model's folder, or models:/NAME@pick of MLflow's registry.", show_default=False)
]
Label = Annotated[str | None, typer.Option(metavar="CLASS", help="Class of the images, for models that are told it.")]
Resize = Annotated[bool, typer.Option("--resize", help="Scale images to the model's size, whatever their proportions.")]
Registry = Annotated[
    str | None,
    typer.Option(
        help="Tracking server of a registered model; default: the database beside the results.",
        envvar="MLFLOW_TRACKING_URI",
    ),
]


def encode(
    model: Model,
    images: Annotated[list[Path], typer.Argument(help="Images, and folders of them.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Parquet file to write.")] = Path("codes.parquet"),
    label: Label = None,
    batch: Annotated[int, typer.Option(min=1, help="Images at once.")] = 256,
    resize: Resize = False,
    storage: Storage = DEFAULT,
    mlflow: Registry = None,
) -> None:
    """Encode images of your own with a trained model: a row for each image, a column for each latent."""
    from search.command_line import model_commands

    model_commands.encode(
        model, images, output, label=label, batch=batch, resize=resize, mlflow=mlflow, storage=storage
    )


def traverse(
    model: Model,
    image: Annotated[Path, typer.Argument(help="An image.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="PNG to write.")] = Path("traversal.png"),
    label: Label = None,
    resize: Resize = False,
    storage: Storage = DEFAULT,
    mlflow: Registry = None,
) -> None:
    """Draw what each latent of a trained model does to an image of your own."""
    from search.command_line import model_commands

    model_commands.traverse(model, image, output, label=label, resize=resize, mlflow=mlflow, storage=storage)
