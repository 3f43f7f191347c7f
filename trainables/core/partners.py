"""Partners of images: of a class, or of the same identity, by index arithmetic over sorted rows.

Nothing is copied: an image's partner is another row of the same memory-mapped file. This module knows nothing of files.

Legend: B batch, N images, G groups.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class Partners:
    """Draws members of groups; every draw takes one uniform number an image from the generator.

    ``label_N`` and ``identity_N`` are integers from 0, or None where the data have none.
    """

    def __init__(self, label_N: np.ndarray | None, identity_N: np.ndarray | None, device: torch.device | str = "cpu"):
        self._label_N, self._identity_N = label_N, identity_N
        self._device = torch.device(device)
        self._tables: dict[str, tuple[Tensor, ...]] = {}

    def of_class(self, label_B: Tensor, rng: torch.Generator) -> Tensor:
        """The index of a uniformly drawn image of each class, int64 (B,).

        Raises ``ValueError`` without labels, or when no image is of a class below the largest.
        """
        if self._label_N is None:
            raise ValueError("Images of one class need labels, and the data have none.")
        order_N, start_G, count_G = self._table("label", self._by_label)
        uniform_B = torch.rand(label_B.shape, generator=rng, device=self._device, dtype=torch.float64)
        return order_N[start_G[label_B] + (uniform_B * count_G[label_B]).long()]

    def same_identity(self, index_B: Tensor, rng: torch.Generator, *, different: bool = True) -> Tensor:
        """The index of another image of each image's identity, int64 (B,).

        With ``different`` the partner has another label; without, any other image of the identity will do. Raises
        ``ValueError`` without identities or labels, or when some image has no such partner.
        """
        if self._identity_N is None or self._label_N is None:
            missing = "identity" if self._identity_N is None else "labels"
            raise ValueError(f"Pairs of one identity need identity and labels, and the data have no {missing}.")
        name = "different" if different else "other"
        order_N, first_N, rest_N, run_N, skip_N = self._table(name, lambda: self._by_identity(different))
        uniform_B = torch.rand(index_B.shape, generator=rng, device=self._device, dtype=torch.float64)
        place_B = (uniform_B * rest_N[index_B]).long()
        place_B = place_B + skip_N[index_B] * (place_B >= run_N[index_B])
        return order_N[first_N[index_B] + place_B]

    def _table(self, name: str, make) -> tuple[Tensor, ...]:
        if name not in self._tables:
            self._tables[name] = tuple(torch.from_numpy(column).to(self._device) for column in make())
        return self._tables[name]

    def _by_label(self) -> tuple[np.ndarray, ...]:
        """Rows sorted by label (N,), and where each label's begin and how many they are (G,)."""
        assert self._label_N is not None
        count_G = np.bincount(self._label_N)
        if (count_G == 0).any():
            raise ValueError(f"No image is of class {int((count_G == 0).argmax())}, so none can be drawn.")
        start_G = np.cumsum(count_G) - count_G
        return np.argsort(self._label_N, kind="stable"), start_G, count_G

    def _by_identity(self, different: bool) -> tuple[np.ndarray, ...]:
        """Rows sorted by identity and then label (N,), and of each image (N,) in its identity's stretch of them:

        where the stretch begins, how many partners there are, and the place and length of what is left out.
        """
        assert self._identity_N is not None and self._label_N is not None
        order_N = np.lexsort((self._label_N, self._identity_N))
        identity_N, label_N = self._identity_N[order_N], self._label_N[order_N]
        pair_N = identity_N.astype(np.int64) * (int(self._label_N.max()) + 1) + label_N
        first_N = np.searchsorted(identity_N, identity_N, "left")
        size_N = np.searchsorted(identity_N, identity_N, "right") - first_N
        if different:
            run_N = np.searchsorted(pair_N, pair_N, "left") - first_N
            skip_N = np.searchsorted(pair_N, pair_N, "right") - first_N - run_N
        else:
            run_N, skip_N = np.arange(len(order_N)) - first_N, np.ones(len(order_N), np.int64)
        rest_N = size_N - skip_N
        if (rest_N == 0).any():
            kind = "another label" if different else "any kind"
            raise ValueError(
                f"{int((rest_N == 0).sum())} of {len(order_N)} images have no partner of the same identity with {kind}."
            )
        back_N = np.argsort(order_N)
        return (order_N, *(column[back_N].astype(np.int64) for column in (first_N, rest_N, run_N, skip_N)))
