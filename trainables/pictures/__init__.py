"""Pictures of a trained model: every plain module of this package is one, with ``draw(view)``.

``draw`` returns None where the picture cannot be drawn: of codes that nothing decodes, or of classes without labels. A
method names those it wants in ``PICTURES``; a method without has ``DEFAULT``. Listing names imports nothing heavy.

Letters: B images, C channels, H height, W width, Z latents.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any

from trainables.core import registry

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image
    from torch import Tensor, nn

    from trainables.core.dataset import Dataset
    from trainables.core.evaluation import Evaluation
    from trainables.core.split import Split
    from trainables.core.traversals import Latent

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
    part: str = "validation"
    """The split that is held out."""

    @cached_property
    def split(self) -> Split:
        """The held-out images."""
        from trainables.core.evaluation import held_out

        return held_out(self.dataset, self.device, self.part)

    @property
    def decodes(self) -> bool:
        """Whether the method makes images of codes."""
        from trainables.core import contract

        return contract.decodes(self.method)

    def chosen(self, count: int) -> Tensor:
        """Which held-out images are looked at, int64 (B,): the classes in turn, and the same for every model."""
        import numpy as np
        import torch

        from trainables.core.evaluation import chosen

        index_N, label_N = chosen(len(self.split)), self.split.label_array
        if label_N is None:
            return index_N[:count]
        seen: dict[int, int] = {}
        turn_N = np.empty(len(index_N), dtype=np.int64)
        for place, label in enumerate(label_N[index_N.numpy()].tolist()):
            turn_N[place] = seen[label] = seen.get(label, -1) + 1
        return index_N[torch.from_numpy(turn_N.argsort(kind="stable")[:count])]

    def images(self, index_B: Tensor) -> np.ndarray:
        """Held-out images, (B, C, H, W) in [0, 1]."""
        return self.split.images(index_B).float().cpu().numpy()

    def labels(self, index_B: Tensor) -> Tensor | None:
        """Their classes, int64 (B,), or None where there are none."""
        return self.split.labels(index_B) if self.split.classes else None

    def codes(self, index_B: Tensor) -> dict[str, Tensor]:
        """What decoders read of their codes: latents by group (B, Z), and class probabilities where there are any."""
        import torch

        from trainables.core.traversals import without_spread

        with torch.no_grad():
            found = self.method.codes(self.model, self.split.images(index_B), self.labels(index_B))
        return without_spread(found)

    def decoded(self, codes: Mapping[str, Tensor], label_B: Tensor | None) -> np.ndarray:
        """Images of codes, (B, C, H, W) in [0, 1]; a decoder takes the class of ``label_B`` if ``codes`` lack it."""
        from trainables.core.traversals import decoded

        return decoded(self.method, self.model, codes, label_B)

    def latents(self, *groups: str) -> list[Latent]:
        """The latents of the groups, or of all, most informative first."""
        from trainables.core.traversals import ordered

        found = self.evaluation.codes
        sizes = {group: code.shape[1] for group, code in found.items() if not groups or group in groups}
        return ordered(sizes, self.evaluation.kl, found)


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
    training = view.model.training
    view.model.eval()
    try:
        with torch.no_grad():
            for name in wanted(view.method):
                if (picture := load(name).draw(view)) is not None:
                    pictures[name] = picture
    finally:
        view.model.train(training)
    return pictures
