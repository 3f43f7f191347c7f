"""Train, validation or test images of a dataset, in batches of tensors.

Torch is imported when a tensor is asked for, so that labels and factors can be read without it.
This module knows nothing about how images are drawn, nor about files.

Legend: B batch, N images of the split, C channels, H height, W width, F factors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from trainables.core.arrays import PARTS

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from trainables.core.contract import InputSpec
    from trainables.core.dataset import Dataset
    from trainables.core.partners import Partners

ALL = "all"
"""Every image, whatever its split: for scores of a rendered grid, whose definition draws factors from all of it."""
DEVELOPMENT = "development"
"""Train and validation images together: what a configuration is trained on for good, once it has been chosen."""
IDENTITY = "identity"
"""The factor that says who is shown: what pairs of one identity are drawn by."""


@dataclass(frozen=True, eq=False)
class Split:
    """One split of a dataset. Its images stay on disk, or, if ``resident``, on a device."""

    dataset: Dataset
    part: str
    resident: Tensor | None = None
    """Stored images, uint8 (N, row_bytes); None reads them from the memory map."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.dataset.shape

    @property
    def factor_names(self) -> tuple[str, ...]:
        return self.dataset.factor_names

    @property
    def classes(self) -> tuple[str, ...]:
        return self.dataset.classes

    @property
    def spec(self) -> InputSpec:
        """What a model of these images is built for."""
        from trainables.core.contract import InputSpec

        second = self.secondary
        return InputSpec(shape=self.shape, classes=len(self.classes), secondary=None if second is None else second.spec)

    @cached_property
    def secondary(self) -> Split | None:
        """The same split of the second dataset, where there is one."""
        second = self.dataset.secondary
        return None if second is None else second.split(self.part).to(self.device)

    @cached_property
    def partners(self) -> Partners:
        """Draws images of a class or of an identity."""
        from trainables.core.partners import Partners

        return Partners(self.label_array, self.identity_array, self.device)

    @property
    def device(self) -> torch.device:
        """Where ``images`` and ``labels`` are."""
        import torch

        return torch.device("cpu") if self.resident is None else self.resident.device

    @cached_property
    def rows(self) -> np.ndarray:
        """The dataset's row of each image, int64 (N,), ascending."""
        file = self.dataset.file
        mark = file.columns["split"]
        if self.part == ALL:
            rows = np.arange(len(mark))
        else:
            parts = ("train", "validation") if self.part == DEVELOPMENT else (self.part,)
            rows = np.flatnonzero(np.isin(mark, [PARTS[part] for part in parts]))
        labels = file.columns["label"][rows] if self.classes else None
        return rows[self.dataset.subset.rows(self.part, len(rows), labels, self.classes)]

    @cached_property
    def label_array(self) -> np.ndarray | None:
        """int64 (N,), or None where there are no labels."""
        labels = self.dataset.file.columns.get("label") if self.classes else None
        return None if labels is None else labels[self.rows].astype(np.int64)

    @cached_property
    def factor_array(self) -> np.ndarray | None:
        """int64 (N, F), or None where no factors are known."""
        columns = [self.dataset.file.columns[f][self.rows] for f in self.factor_names]
        return np.stack(columns, axis=1).astype(np.int64) if columns else None

    @cached_property
    def identity_array(self) -> np.ndarray | None:
        """Who is shown, int64 (N,), or None where that is not known."""
        if IDENTITY not in self.factor_names:
            return None
        return self.dataset.file.columns[IDENTITY][self.rows].astype(np.int64)

    def to(self, device: torch.device | str) -> Split:
        """The split with its images held on ``device``; for the CPU they stay on disk."""
        import torch

        if torch.device(device).type == "cpu":
            return Split(self.dataset, self.part)
        stored = torch.from_numpy(self.dataset.file.columns["image"][self.rows])
        return Split(self.dataset, self.part, stored.to(device))

    def images(self, index: Tensor) -> Tensor:
        """float32 (B, C, H, W) in [0, 1], on ``device``; ``index`` is int64 (B,), in the split."""
        import torch

        bits = self.dataset.description.bits
        if self.resident is None:
            pixels = torch.from_numpy(self._stored(index.cpu().numpy()))
        else:
            pixels = self.resident[index]
            if bits == 1:
                shifts = torch.arange(7, -1, -1, dtype=torch.uint8, device=self.device)
                pixels = ((pixels[:, :, None] >> shifts) & 1).flatten(1)
        image = pixels[:, : math.prod(self.shape)].to(torch.float32).view(-1, *self.shape)
        return image if bits == 1 else image.div_(255.0)

    def pixels(self, index: np.ndarray) -> np.ndarray:
        """uint8 (B, C, H, W) from 0 to 255, without torch; ``index`` is int (B,), in the split."""
        levels = 255 if self.dataset.description.bits == 1 else 1
        pixels = self._stored(index)[:, : math.prod(self.shape)] * np.uint8(levels)
        return pixels.reshape(-1, *self.shape)

    def _stored(self, index: np.ndarray) -> np.ndarray:
        """Images from the memory map, one byte a pixel, uint8 (B, C·H·W or a little more)."""
        stored = self.dataset.file.columns["image"][self.rows[index]]
        return np.unpackbits(stored, axis=1) if self.dataset.description.bits == 1 else stored

    @cached_property
    def _labels(self) -> Tensor:
        import torch

        if self.label_array is None:
            raise ValueError(f"{self.dataset.name} has no labels.")
        return torch.from_numpy(self.label_array).to(self.device)

    def labels(self, index: Tensor) -> Tensor:
        """int64 (B,), on ``device``. Raises ``ValueError`` where there are no labels."""
        return self._labels[index.to(self.device)]
