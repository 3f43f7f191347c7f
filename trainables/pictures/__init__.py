"""Pictures of a trained model: every plain module of this package is one, with ``draw(view)``.

A method names those it wants in ``PICTURES``; a method without has ``DEFAULT``. Listing names imports nothing heavy.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from trainables.core import registry

if TYPE_CHECKING:
    from PIL import Image
    from torch import nn

    from trainables.core.dataset import Dataset
    from trainables.core.evaluation import Evaluation

DEFAULT = ("traversal", "loss_curves")


@dataclass(frozen=True, kw_only=True)
class View:
    """What pictures are drawn of: a model of the moment, on held-out images."""

    method: ModuleType
    model: nn.ModuleDict
    """In evaluation mode."""
    hp: Any
    dataset: Dataset
    evaluation: Evaluation
    history: Sequence[Mapping[str, float]] = ()
    """The metrics of every report so far, each with its ``step``."""
    device: str = "cpu"


def names() -> tuple[str, ...]:
    """The names of all pictures, sorted."""
    return registry.names(sys.modules[__name__])


def load(name: str) -> ModuleType:
    """The module of the picture ``name``.  Raises ``ValueError`` when there is none."""
    return registry.load(sys.modules[__name__], "picture", name)


def wanted(method: ModuleType) -> tuple[str, ...]:
    """The pictures that a method asks for, the first one being shown first."""
    return tuple(getattr(method, "PICTURES", DEFAULT))


def draw(view: View) -> dict[str, Image.Image]:
    """Every picture that the method wants and that can be drawn of ``view``, by name, in the method's order."""
    import torch

    pictures = {}
    view.model.eval()
    with torch.no_grad():
        for name in wanted(view.method):
            if (picture := load(name).draw(view)) is not None:
                pictures[name] = picture
    view.model.train()
    return pictures
