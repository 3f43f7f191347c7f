"""Test error of a method that classifies, on every image of a split, for the table of the report on JADE.

The single and the paired classifier, JADE and the XCov autoencoders give class probabilities as the group ``y`` of
their codes. This module knows nothing about training.

Legend: N images, B batch, L classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType

import torch
from torch import Tensor, nn

from trainables.core.contract import CLASSES
from trainables.core.dataset import Dataset
from trainables.core.evaluation import BATCH, held_out
from trainables.core.split import Split

Codes = Callable[[nn.ModuleDict, Tensor, Tensor | None], Mapping[str, Tensor]]


def error(
    method: ModuleType, model: nn.ModuleDict, dataset: Dataset, device: str = "cpu", *, part: str = "test"
) -> dict[str, float]:
    """``error`` in [0, 1] and ``images``, of the whole split ``part``; the model is left in evaluation mode.

    Where the method and the dataset have a second dataset, also ``secondary_error`` and ``secondary_images``. The
    model is given no labels. Raises ``ValueError`` when the data have no labels or the method no classes.
    """
    split = held_out(dataset, device, part)
    model.eval()
    found = {"error": _error(method.codes, model, split), "images": float(len(split))}
    if hasattr(method, "secondary_codes") and split.secondary is not None:
        found["secondary_error"] = _error(method.secondary_codes, model, split.secondary)
        found["secondary_images"] = float(len(split.secondary))
    return found


def _error(codes: Codes, model: nn.ModuleDict, split: Split) -> float:
    if not split.classes:
        raise ValueError("A test error needs labels, and the data have none.")
    wrong = 0
    with torch.no_grad():
        for index_B in torch.arange(len(split)).split(BATCH):
            found = codes(model, split.images(index_B), None)
            if CLASSES not in found:
                raise ValueError(
                    f"A test error needs class probabilities, the group {CLASSES!r} of a method's codes; "
                    f"this one gives {', '.join(found)}."
                )
            wrong += int((found[CLASSES].argmax(1) != split.labels(index_B)).sum())
    return wrong / len(split)
