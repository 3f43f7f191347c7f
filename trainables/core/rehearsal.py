"""A trial's rehearsal: one draw and one build without memory, so that what cannot be is refused before any work.

Nothing is trained and nothing is kept. This module knows nothing of Ray, sweeps or files.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from trainables.core.dataset import Dataset


def rehearse(method: ModuleType, hp: Any, dataset: Dataset) -> None:
    """Raises ``ValueError`` when ``method`` cannot be built for ``dataset``, or cannot draw from it.

    The networks' own message says which images they take; the dataset's, that it has no labels, identities or second
    dataset, or too few images for its subset.
    """
    split = dataset.split("train")
    if not len(split):
        raise ValueError(f"{dataset.name} has no image to train on.")
    if hasattr(method, "secondary_codes") and split.secondary is None:
        raise ValueError(f"it trains on two datasets, and only {dataset.name} is given; give a second one (secondary).")
    # What is drawn says what is missing; a network built for no classes would only be odd.
    method.draw(split, hp, torch.Generator().manual_seed(0))
    with torch.device("meta"):
        method.build(hp, split.spec)
