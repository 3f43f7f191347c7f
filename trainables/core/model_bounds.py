"""What a model folder may ask for, known before memory is given: it may come from anywhere.

The players are built without memory, on torch's device ``meta``, and tell how large the file of weights must be. This
module reads no files; ``core.model_file`` asks it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import torch

from trainables.core.contract import InputSpec
from trainables.core.traversals import Latent

PIXELS = 2**22
"""Numbers of an image at most, channels × height × width."""
CLASSES = 100_000
CARD_BYTES = 4 * 2**20
"""Bytes of a card at most."""
ROOM = 16 * 2**20
"""Bytes by which a file of weights may differ from what is needed, before it is told which weights do not fit."""


def spec_of(values: Mapping[str, Any]) -> InputSpec:
    """The input that a card tells of.  Raises ``ValueError`` for one that no dataset has."""
    second = values.get("secondary")
    channels, height, width = values["shape"]
    sides, classes = (channels, height, width), values["classes"]
    if not all(_whole(side) and side > 0 for side in sides) or math.prod(sides) > PIXELS:
        raise ValueError(f"its images are {str(sides)[:60]}; they must be (C, H, W) of at most {PIXELS:,} numbers.")
    if not _whole(classes) or classes > CLASSES:
        raise ValueError(f"it has {str(classes)[:60]} classes; there must be 0 to {CLASSES:,}.")
    if second is not None and second.get("secondary") is not None:
        raise ValueError("its second dataset has a second one of its own.")
    return InputSpec(shape=sides, classes=classes, secondary=None if second is None else spec_of(second))


def latent_of(values: Mapping[str, Any]) -> Latent:
    """A latent that a card tells of.  Raises ``ValueError`` where it is not what ``Latent`` says."""
    latent = Latent(**values)
    numbers = [latent.centre, latent.unit, *(v for v in (latent.kl, latent.variance) if v is not None)]
    if not (isinstance(latent.group, str) and _whole(latent.index)) or not all(_number(number) for number in numbers):
        raise ValueError(f"it names a latent {str(dict(values))[:80]}, which is none.")
    return latent


def require_size(method: ModuleType, hp: Any, spec: InputSpec, size: int | None) -> None:
    """Raises ``ValueError`` unless a file of ``size`` bytes may hold the weights of such a model."""
    with torch.device("meta"):
        players = method.build(hp, spec)
    weights = players.state_dict().values()
    needed = sum(weight.numel() * weight.element_size() for weight in weights)
    if size is None or abs(size - needed) > ROOM:
        there = "it is none" if size is None else f"it has {size:,}"
        raise ValueError(f"the weights do not fit: their file must have about {needed:,} bytes, and {there}.")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1e300 < value < 1e300
