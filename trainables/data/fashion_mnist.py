"""Fashion-MNIST: 70,000 pictures of clothes of 28×28 pixels.

Xiao et al. 2017, arXiv 1708.07747.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trainables.core import idx
from trainables.core.arrays import Arrays, Description, Progress, choice

ORIGINAL = idx.Original(
    name="fashion_mnist",
    folder="FashionMNIST",
    train=60_000,
    test=10_000,
    validation=10_000,
    sha256=(
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
)
CLASSES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How large the images are."""

    size: int = 32
    """Width and height in pixels: 28, or 32 with a black border of 2."""

    def __post_init__(self) -> None:
        choice("fashion_mnist", "size", self.size, (28, 32))


def describe(options: Options) -> Description:
    """The dataset before it is read."""
    return Description(
        shape=(1, options.size, options.size),
        images=ORIGINAL.train + ORIGINAL.test,
        classes=CLASSES,
        summary="pictures of clothes, grey",
        source="Zalando, by torchvision's layout (--data-root or --download)",
    )


def prepare(options: Options, source: Path | None, *, download: bool = False, progress: Progress = None) -> Arrays:
    """Read the original files under ``source``.

    Raises ``DatasetError`` if one is missing or damaged.
    """
    return idx.prepare(ORIGINAL, options.size, source, download=download, progress=progress)
