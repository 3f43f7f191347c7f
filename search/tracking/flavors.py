"""A model folder as MLflow sees it: the files ``MLmodel`` and ``requirements.txt``, and the encoder as a graph.

Two flavours, neither of which unpickles: ``python_function`` has ``trainables.core.python_function`` load the folder,
and ``pytorch`` has MLflow load the graph, which runs without Teasel and where
``MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false``. Knows no server and no runs.
"""

from __future__ import annotations

import datetime
import platform
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

    from trainables.core.model import Model

LOADER = "trainables.core.python_function"
GRAPH = "encoder"
"""The folder that holds the graph, under the name by which MLflow looks for it."""
REQUIREMENTS = ("mlflow>=3.15", "numpy>=2.0", "pillow>=12.3", "safetensors>=0.6", "torch>=2.13")
"""What loading needs beside Teasel itself.  Teasel is in no registry, where its name might lead to something else."""


def write(model: Model, folder: Path, *, run_id: str, path: str, time: int) -> None:
    """Write MLflow's files for ``model`` into ``folder``; the same model and run give the same ``MLmodel``.

    ``path`` is where the folder will lie among the run's artifacts, ``time`` the run's in milliseconds. Raises
    ``ModelError`` for a method whose encoder cannot be traced.
    """
    import torch
    from mlflow.models import Model as Description

    from trainables.core.model_graph import archive

    created = datetime.datetime.fromtimestamp(time / 1000, datetime.UTC).replace(tzinfo=None)
    described = Description(
        artifact_path=path,
        run_id=run_id,
        utc_time_created=created,
        model_uuid=model.sha256[:32],
        signature=signature(model),
        metadata={"method": model.name, "sha256": model.sha256, "classes": list(model.classes)},
    )
    # As `mlflow.pyfunc.add_to_model` would, whose import takes seconds and warns.
    described.add_flavor("python_function", loader_module=LOADER, python_version=platform.python_version())
    described.add_flavor("pytorch", model_data=GRAPH, pytorch_version=str(torch.__version__), code=None)
    (folder / GRAPH).mkdir(parents=True)
    (folder / GRAPH / "model.pt2").write_bytes(archive(model))
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in REQUIREMENTS))
    described.save(folder / "MLmodel")


def signature(model: Model) -> ModelSignature:
    """Images in, codes by group out, and the classes as a parameter where the model is told them."""
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import DataType, ParamSchema, ParamSpec, Schema, TensorSpec

    kind = np.dtype(np.float32)
    nothing = np.zeros((0, *model.shape), kind)
    codes = model.encode(nothing, 0 if model.told else None)
    told = {"params": ParamSchema([ParamSpec("labels", DataType.string, [], (-1,))])} if model.told else {}
    return ModelSignature(
        inputs=Schema([TensorSpec(kind, (-1, *model.shape))]),
        outputs=Schema([TensorSpec(kind, (-1, *code.shape[1:]), group) for group, code in codes.items()]),
        **told,
    )
