"""MNIST: 70,000 handwritten digits of 28×28 pixels.  LeCun et al. 1998."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trainables.core import idx
from trainables.core.arrays import Arrays, Description, Progress, choice

ORIGINAL = idx.Original(
    name="mnist",
    folder="MNIST",
    train=60_000,
    test=10_000,
    validation=10_000,
    sha256=(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How large the images are."""

    size: int = 32
    """Width and height in pixels: 28, or 32 with a black border of 2."""

    def __post_init__(self) -> None:
        choice("mnist", "size", self.size, (28, 32))


def describe(options: Options) -> Description:
    """The dataset before it is read."""
    return Description(
        shape=(1, options.size, options.size),
        images=ORIGINAL.train + ORIGINAL.test,
        classes=tuple("0123456789"),
        summary="handwritten digits, grey",
        source="LeCun, Cortes and Burges, by torchvision's layout (--data-root or --download)",
    )


def prepare(options: Options, source: Path | None, *, download: bool = False, progress: Progress = None) -> Arrays:
    """Read the original files under ``source``.

    Raises ``DatasetError`` if one is missing or damaged.
    """
    return idx.prepare(ORIGINAL, options.size, source, download=download, progress=progress)
