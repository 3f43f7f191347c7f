"""Which images of a dataset are used: one class, some labels per class, or some images, as rows of the mapped file.

This module knows nothing of files or torch.  Legend: N images of a split.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainables.core.arrays import Description
from trainables.core.registry import nearest


@dataclass(frozen=True, kw_only=True)
class Subset:
    """Raises ``ValueError`` for values that no dataset could satisfy."""

    only: str | None = None
    """A class: only its images are used, in every split."""
    per_class: int | None = None
    """How many images of each class are trained on: the labels that are at hand."""
    images: int | None = None
    """How many images are trained on."""
    seed: int = 0
    """Which ones are drawn."""

    def __post_init__(self) -> None:
        if isinstance(self.only, int) and not isinstance(self.only, bool):
            # A digit is written without quotes.
            object.__setattr__(self, "only", str(self.only))
        if self.only is not None and not isinstance(self.only, str):
            raise ValueError(f"subset: only must be the name of a class, not {self.only!r}.")
        for name, least in (("per_class", 1), ("images", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
                raise ValueError(f"subset: {name} must be a whole number of at least {least}, not {value!r}.")
        if self.per_class is not None and self.images is not None:
            raise ValueError("subset: per_class and images exclude each other.")

    def problem(self, name: str, description: Description) -> str | None:
        """Why the dataset ``name`` cannot give this subset, or None."""
        if (self.only is not None or self.per_class is not None) and not description.classes:
            return f"subset: {name} has no labels, so no class can be chosen."
        if self.only is not None and self.only not in description.classes:
            known = ", ".join(description.classes)
            near = nearest(self.only, description.classes)
            return f"subset: {name} has no class {self.only!r}{near}; its classes are {known}."
        return None

    def rows(self, part: str, count: int, label_N: np.ndarray | None, classes: tuple[str, ...]) -> np.ndarray:
        """Positions in the split ``part`` of ``count`` images, int64, ascending.

        Raises ``ValueError`` when the split has too few images.
        """
        chosen = np.arange(count)
        if self.only is not None:
            assert label_N is not None, "problem() was not asked"
            chosen = np.flatnonzero(label_N == classes.index(self.only))
        if part not in ("train", "development"):
            return chosen
        shuffled = chosen[np.random.RandomState(self.seed).permutation(len(chosen))]
        if self.images is not None:
            if self.images > len(chosen):
                raise ValueError(f"subset: {self.images} images are asked for, and there are {len(chosen)}.")
            return np.sort(shuffled[: self.images])
        if self.per_class is None:
            return chosen
        assert label_N is not None, "problem() was not asked"
        kept = []
        for number in np.unique(label_N[chosen]):
            mine = shuffled[label_N[shuffled] == number]
            if self.per_class > len(mine):
                raise ValueError(
                    f"subset: {self.per_class} images of each class are asked for, and class "
                    f"{classes[number]!r} has {len(mine)}."
                )
            kept.append(mine[: self.per_class])
        return np.sort(np.concatenate(kept))
