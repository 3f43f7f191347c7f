"""What MLflow's flavour ``python_function`` calls for a model folder of ``core.model_file``.  Does not import MLflow.

``mlflow.pyfunc.load_model`` imports this module by its name, which the file ``MLmodel`` holds, and calls
``_load_pyfunc``; ``get_raw_model()`` of what it returns gives the players as a ``nn.ModuleDict``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from trainables.core import model_file
from trainables.core.model import Model, ModelError


class PythonFunction:
    """A model with the two methods that MLflow looks for."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def predict(self, model_input: np.ndarray, params: Mapping[str, Any] | None = None) -> dict[str, np.ndarray]:
        """Codes by group, float32 (B, Z), of images (B, C, H, W) in [0, 1], as ``Model.encode`` gives them.

        ``params["labels"]`` names the class of all images, or of each, where the model is ``told`` it. Raises
        ``ModelError``.
        """
        names = list((params or {}).get("labels", ()))
        labels = [self.model.label(str(name)) for name in names]
        if labels and len(labels) not in (1, len(model_input)):
            raise ModelError(f"Labels must be one or {len(model_input)}, not {len(labels)}.")
        one_or_each = labels[0] if len(labels) == 1 else labels or None
        return {group: code.numpy() for group, code in self.model.encode(model_input, one_or_each).items()}

    def get_raw_model(self) -> nn.ModuleDict:
        """The players."""
        return self.model.modules


def _load_pyfunc(path: str) -> PythonFunction:
    return PythonFunction(model_file.load(Path(path)))
