"""A trained model to be used: images to codes, codes to images, and a traversal of one image.

This module knows nothing of files, training or datasets; ``core.model_file`` writes and reads models. Letters: B
images, C channels, H height, W width, Z latents of one group, L classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from trainables.core.contract import CLASSES, InputSpec, decodes, latents
from trainables.core.registry import nearest
from trainables.core.traversals import Block, Latent, traversal_grid

if TYPE_CHECKING:
    from PIL import Image

BATCH = 256
"""Images that are encoded at once."""

ROWS = 16
"""Latents that a traversal moves at most, of all groups together."""
SHOWN = 30
"""Classes that a message names at most."""

Labels = Tensor | np.ndarray | Sequence[int] | int | None
"""Classes of images, one for each image or one for all, as numbers from 0; None where they are not known."""


class ModelError(ValueError):
    """A model that cannot be read, or that is asked for what it cannot do; the message says which and why."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A trained model, in evaluation mode.  ``core.model_file.load`` makes one."""

    method: ModuleType
    hp: Any
    """The method's ``Hyperparameters``."""
    modules: nn.ModuleDict
    """The players, with their weights."""
    spec: InputSpec
    classes: tuple[str, ...] = ()
    """What the labels 0, 1, … mean; empty where there are none."""
    groups: Mapping[str, int]
    """Latents of each group."""
    told: bool = False
    """Whether images are encoded with their class."""
    latents: tuple[Latent, ...]
    """Every latent, most informative first where that is known."""
    sha256: str = ""
    """Of the weights."""
    card: Mapping[str, Any]
    """All that was written beside the weights."""

    @property
    def name(self) -> str:
        """The method's."""
        return method_name(self.method)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the images."""
        return self.spec.shape

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.modules.parameters()).device

    @property
    def known(self) -> str:
        """The classes in words, the first of them where there are many."""
        more = f" and {len(self.classes) - SHOWN} more" if len(self.classes) > SHOWN else ""
        return ", ".join(self.classes[:SHOWN]) + more

    def label(self, name: str) -> int:
        """The number of the class ``name``.  Raises ``ModelError`` with the classes there are."""
        if not self.classes:
            raise ModelError(f"This {self.name} has no classes, so {name!r} is none.")
        if name not in self.classes:
            raise ModelError(f"No class {name!r}{nearest(name, self.classes)}; classes are {self.known}.")
        return self.classes.index(name)

    def encode(self, images: Tensor | np.ndarray, labels: Labels = None, *, batch: int = BATCH) -> dict[str, Tensor]:
        """All that the method's ``codes`` gives of images (B, C, H, W) in [0, 1], ``batch`` at a time.

        Means by group (B, Z), log-variances where there is a posterior, and ``y`` (B, L), class probabilities, where
        the method gives them; float32 on the CPU, without gradients. Raises ``ModelError`` for other images, and
        without labels where ``told``.
        """
        image_BCHW = self._images(images)
        label_B = self._told(labels, len(image_BCHW))
        if batch < 1:
            raise ModelError(f"The batch must be a whole number of at least 1, not {batch}.")
        parts: dict[str, list[Tensor]] = {}
        with torch.no_grad():
            # Without images there is one empty batch, which gives the groups their shapes.
            for start in range(0, max(len(image_BCHW), 1), batch):
                rows = slice(start, start + batch)
                part = image_BCHW[rows].to(self.device)
                found = self.method.codes(self.modules, part, None if label_B is None else label_B[rows])
                for group, code in found.items():
                    parts.setdefault(group, []).append(code.float().cpu())
        return {group: torch.cat(codes) for group, codes in parts.items()}

    def decode(self, codes: Mapping[str, Tensor | np.ndarray], labels: Labels = None) -> Tensor:
        """Images (B, C, H, W) in [0, 1] of codes by group, as ``encode`` gives them.

        A decoder that takes the class reads ``codes["y"]`` (B, L), or else ``labels``. Raises ``ModelError`` where the
        method has no decoder, a group is missing, or a class is needed and not given.
        """
        self.require_decoder()
        if missing := [group for group in self.groups if group not in codes]:
            raise ModelError(f"{self.name} decodes {', '.join(self.groups)}; {', '.join(missing)} not given.")
        given = {
            group: _tensor(code).float() for group, code in codes.items() if group in self.groups or group == CLASSES
        }
        sizes = {**self.groups, CLASSES: len(self.classes)}
        counts = {len(code) for code in given.values()}
        for group, code in given.items():
            if code.ndim != 2 or code.shape[1] != sizes[group] or len(counts) != 1:
                want = f"(B, {sizes[group]})"
                raise ModelError(f"Codes {group} must have the shape {want}, not {tuple(code.shape)}.")
        label_B = self._labels(labels, counts.pop())
        parts = []
        with torch.no_grad():
            for start in range(0, max(len(next(iter(given.values()))), 1), BATCH):
                rows = slice(start, start + BATCH)
                part = {group: code[rows].to(self.device) for group, code in given.items()}
                try:
                    logits = self.method.decode(self.modules, part, None if label_B is None else label_B[rows])
                except ValueError as error:
                    raise ModelError(f"{self.name} cannot decode these codes: {error}") from None
                parts.append(logits.float().sigmoid().cpu())
        return torch.cat(parts)

    def traversal(self, image_CHW: Tensor | np.ndarray, label: int | None = None) -> Image.Image:
        """What each latent does to one image in [0, 1] of the class ``label``: one row a latent, by its KL.

        Latents without a prior go as many standard deviations of the codes from their mean, where those are known.
        Raises ``ModelError`` as ``encode`` and where the method has no decoder.
        """
        self.require_decoder()
        image_BCHW = self._images(_tensor(image_CHW)[None]).to(self.device)
        label_B = self._told(label, 1)
        said = "" if label is None else f" (y = {self.classes[label]})"
        titled = len(self.groups) > 1 or said
        blocks = [
            Block(
                latents=[latent for latent in self.latents if latent.group == group],
                title=f"{group}{said}" if titled else "",
                most=ROWS // len(self.groups),
            )
            for group in self.groups
        ]
        return traversal_grid(self.method, self.modules, image_BCHW[0], None if label_B is None else label_B[0], blocks)

    def require_decoder(self) -> None:
        """Raises ``ModelError`` unless the method makes images of codes."""
        if not decodes(self.method):
            raise ModelError(f"{self.name} has no decoder, so it makes no images of codes.")

    def _images(self, images: Tensor | np.ndarray) -> Tensor:
        image_BCHW = _tensor(images)
        want = ", ".join(map(str, self.shape))
        if image_BCHW.ndim != 4 or tuple(image_BCHW.shape[1:]) != self.shape or not image_BCHW.is_floating_point():
            kind = str(image_BCHW.dtype).removeprefix("torch.")
            raise ModelError(f"Images must be floats (B, {want}), not {kind} {tuple(image_BCHW.shape)}.")
        image_BCHW = image_BCHW.float()
        if len(image_BCHW) and not (image_BCHW.min() >= 0 and image_BCHW.max() <= 1):
            low, high = float(image_BCHW.min()), float(image_BCHW.max())
            raise ModelError(f"Images must lie in [0, 1], not in [{low:.3g}, {high:.3g}].")
        return image_BCHW

    def _told(self, labels: Labels, count: int) -> Tensor | None:
        """The labels, which must be given where the method encodes with them."""
        if self.told and labels is None:
            raise ModelError(f"{self.name} encodes an image with its class, so say which; classes are {self.known}.")
        return self._labels(labels, count)

    def _labels(self, labels: Labels, count: int) -> Tensor | None:
        """int64 (B,) on the weights' device."""
        if labels is None:
            return None
        label_B = _tensor(labels)
        if label_B.ndim == 0:
            label_B = label_B.expand(count)
        if label_B.shape != (count,) or label_B.is_floating_point() or label_B.dtype == torch.bool:
            kind = str(label_B.dtype).removeprefix("torch.")
            raise ModelError(f"Labels must be {count} whole numbers or one, not {kind} {tuple(label_B.shape)}.")
        if not self.classes:
            raise ModelError(f"This {self.name} has no classes, so images have no labels.")
        if count and not (label_B.min() >= 0 and label_B.max() < len(self.classes)):
            raise ModelError(f"Labels must be numbers from 0 to {len(self.classes) - 1}, for {self.known}.")
        return label_B.to(self.device, torch.int64)


def _tensor(values: Any) -> Tensor:
    # A copy of arrays: torch warns of those that cannot be written to.
    return values if isinstance(values, Tensor) else torch.tensor(np.asarray(values))


def method_name(method: ModuleType) -> str:
    """The short name of a method's module."""
    return method.__name__.rpartition(".")[2]


def asked(method: ModuleType, modules: nn.ModuleDict, spec: InputSpec) -> tuple[dict[str, int], bool]:
    """Latents of each group, and whether the method encodes with the class: found out with a black image."""
    parameter = next(modules.parameters())
    image_BCHW = torch.zeros(1, *spec.shape, dtype=parameter.dtype, device=parameter.device)
    told = False
    with torch.no_grad():
        try:
            found = method.codes(modules, image_BCHW, None)
        except ValueError:
            # What `codes` raises without labels, where it needs them.
            told = spec.classes > 0
            if not told:
                raise
            found = method.codes(modules, image_BCHW, torch.zeros(1, dtype=torch.int64, device=parameter.device))
    return {group: code.shape[1] for group, code in latents(found).items()}, told


def in_order(sizes: Mapping[str, int]) -> tuple[Latent, ...]:
    """Latents of which nothing is known, in the order of their numbers."""
    return tuple(Latent(group=group, index=index) for group, size in sizes.items() for index in range(size))
