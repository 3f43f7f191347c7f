"""The options and arguments that several commands of ``teasel`` share."""

from __future__ import annotations

from typing import Annotated

import typer

Storage = Annotated[
    str,
    typer.Option(
        metavar="FOLDER|URI",
        help="Where all results lie: a folder, s3://bucket/prefix or gs://bucket/prefix.",
        envvar="TEASEL_STORAGE",
        show_default=True,
    ),
]


def _data_root(given: str) -> str:
    """An absolute path or a URI, whichever command asks."""
    from trainables.core.fetching import data_root

    try:
        return data_root(given)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


DataRoot = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER|URI",
        help="Folder of the original datasets, or where it lies in an object store (s3://…, gs://…).",
        envvar="TEASEL_DATA_ROOT",
        parser=_data_root,
    ),
]
Mlflow = Annotated[
    str | None,
    typer.Option(
        help="Tracking server; default: a database beside the results. 'none': do not publish.",
        envvar="MLFLOW_TRACKING_URI",
    ),
]
Name = Annotated[str, typer.Argument(help="Name of a sweep, the folder in the storage.")]
Download = Annotated[bool, typer.Option("--download", help="Fetch missing originals.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A hyperparameter: a value (lr=1e-4), a range (gamma=1..50), a list (network=burgess,mlp), "
        "'search', or for one method (factor_vae.gamma=6); or an option of a dataset (data.size=32, "
        "secondary.size=28), or which of its images are used (data.per_class=100, data.only=3, data.images=500).",
    ),
]
Secondary = Annotated[
    str | None, typer.Option(help="Second dataset, for methods that train on two, such as mnist beside usps.")
]
Address = Annotated[str | None, typer.Option(help="A running Ray cluster; default: this machine.")]
DEFAULT = "results"
"""The storage where none is named."""
