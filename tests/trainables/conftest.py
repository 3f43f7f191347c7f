"""A split in memory, so that methods are tested without any prepared dataset."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import Tensor

from trainables.core.contract import InputSpec
from trainables.core.partners import Partners


@dataclass
class MemorySplit:
    """Blobs at random places: enough structure that losses fall."""

    shape: tuple[int, int, int]
    count: int = 96
    dtype: torch.dtype = torch.float32
    device: str = "cpu"
    factor_names: tuple[str, ...] = ()
    classes: tuple[str, ...] = ("left", "right")
    identities: int = 4
    secondary: MemorySplit | None = None
    pixels: Tensor = field(init=False)
    truth: Tensor = field(init=False)

    def __post_init__(self) -> None:
        rng = torch.Generator().manual_seed(7)
        channels, height, width = self.shape
        place = torch.rand(self.count, 2, generator=rng)
        y = torch.arange(height)[None, :, None] - place[:, :1, None] * height
        x = torch.arange(width)[None, None, :] - place[:, 1:, None] * width
        blob = torch.exp(-(y.square() + x.square()) / (2 * (height / 6) ** 2))
        self.pixels = blob[:, None].repeat(1, channels, 1, 1).to(self.dtype)
        self.truth = (place[:, 1] > 0.5).long()
        self.label_array = self.truth.numpy()
        self.identity_array = np.arange(self.count) % self.identities
        self.partners = Partners(self.label_array, self.identity_array)

    @property
    def spec(self) -> InputSpec:
        second = None if self.secondary is None else self.secondary.spec
        return InputSpec(shape=self.shape, classes=len(self.classes), secondary=second)

    def __len__(self) -> int:
        return self.count

    def images(self, index: Tensor) -> Tensor:
        return self.pixels[index]

    def labels(self, index: Tensor) -> Tensor:
        return self.truth[index]


@pytest.fixture
def split() -> type[MemorySplit]:
    return MemorySplit
