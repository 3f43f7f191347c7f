"""What datasets read from original files share: finding a file, and a split that keeps the test images.

This module knows nothing about formats, nor about which datasets there are.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from trainables.core.arrays import TEST, VALIDATION, DatasetError


def find(name: str, root: Path | None, file: str, folders: tuple[str, ...], remedy: str) -> Path:
    """``file`` in the first of ``folders`` of ``root`` that has it; "" stands for ``root`` itself.

    Raises ``DatasetError``, which ends in ``remedy``, if none has.
    """
    if root is None:
        raise DatasetError(f"{name} needs the folder with {file}: --data-root. {remedy}")
    for folder in folders:
        if (root / folder / file).is_file():
            return root / folder / file
    places = " or ".join(str(root / folder) for folder in folders)
    raise DatasetError(f"{name}: no file {file} in {places}. {remedy}")


def require_inside(files: Iterable[Path], folder: Path) -> None:
    """Raises ``DatasetError`` for one of a folder's files that is a link out of it; the folder itself may be one."""
    root = folder.resolve()
    for file in files:
        if file.is_symlink() and not Path(os.path.realpath(file)).is_relative_to(root):
            raise DatasetError(f"{file} is a link that leads out of its folder. Put the file itself there.")


def held_out(train: int, test: int, validation: int, seed: int = 0) -> tuple[np.ndarray, dict[str, Any]]:
    """Split of ``train`` images followed by ``test`` ones: (uint8 (train + test,), rule).

    The original test images stay that; ``validation`` of the others are drawn by a permutation.
    ``RandomState`` is used because numpy promises never to change its stream.
    """
    split = np.zeros(train + test, dtype=np.uint8)
    split[train:] = TEST
    split[np.random.RandomState(seed).permutation(train)[:validation]] = VALIDATION
    fraction = validation / train
    return split, {
        "kind": "the original test images; validation by a seeded permutation of the others",
        "seed": seed,
        "fractions": [1.0 - fraction, fraction],
    }
