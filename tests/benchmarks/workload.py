"""The sweep that Teasel and the stock stacks all do: the same images, space, trials, steps, reports and batch size.

``prepare`` puts the images where each side finds them and makes an empty MLflow database for it, so that neither is
timed. Knows nothing of who does the work.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

OPTIONS = {"orientations": 8, "positions": 16}
"""Of the dataset ``sprites``, beside the size: 36,864 images, a tenth of them held out to be measured on."""
LR, BETA, LATENTS = (1e-4, 1e-3), (1.0, 16.0), 10
POINTS, DECODED = 10_000, 1_000
"""At most so many held-out images are encoded for MIG, and decoded for the reconstruction."""
DATABASE = "empty.db"


@dataclass(frozen=True, kw_only=True)
class Work:
    """A sweep of β-VAEs with Burgess's network, two trials at a time, one thread each."""

    folder: str
    """Where the images are, and where all that a sweep writes goes."""
    size: int = 64
    trials: int = 4
    steps: int = 600
    reports: int = 5
    batch: int = 64
    slots: int = 2
    stopping: bool = False
    """Whether ASHA may stop trials, at the first report and at the third."""

    @property
    def every(self) -> int:
        return self.steps // self.reports

    @property
    def rungs(self) -> list[int]:
        """In reports."""
        return [r for r in (1, 3, 9, 27) if r < self.reports]

    def at(self, name: str, *, stopping: bool = False) -> Work:
        """The same work in a folder of its own, with an empty MLflow database in it."""
        folder = Path(self.folder, name)
        folder.mkdir(parents=True)
        shutil.copy(Path(self.folder, DATABASE), folder / "mlflow.db")
        for file in Path(self.folder).glob("*.npy"):
            (folder / file.name).symlink_to(file)
        return replace(self, folder=str(folder), stopping=stopping)

    @property
    def mlflow(self) -> str:
        return f"sqlite:///{self.folder}/mlflow.db"

    @property
    def file(self) -> Path:
        return Path(self.folder, "work.json")

    def save(self) -> Path:
        self.file.write_text(json.dumps(asdict(self)))
        return self.file

    def arrays(self) -> dict[str, np.ndarray]:
        """``train`` and ``held_out`` images, uint8 (N, 1, H, W) of 0 and 1, and ``factors`` (N, F) of the latter."""
        return {path.stem: np.load(path) for path in sorted(Path(self.folder).glob("*.npy"))}


def load(path: str | Path) -> Work:
    return Work(**json.loads(Path(path).read_text()))


def prepare(work: Work) -> None:
    """The images as Teasel's cache has them, the same as plain arrays, and an empty MLflow database."""
    import torch
    from mlflow import MlflowClient

    from search.tracking.store import environment
    from trainables.core.dataset import open_dataset

    dataset = open_dataset("sprites", {"size": work.size, **OPTIONS})
    for name, part in (("train", "train"), ("held_out", "validation")):
        split = dataset.split(part)
        np.save(Path(work.folder, name), split.images(torch.arange(len(split))).to(torch.uint8).numpy())
    np.save(Path(work.folder, "factors"), dataset.split("validation").factor_array)
    with environment():
        MlflowClient(tracking_uri=f"sqlite:///{work.folder}/{DATABASE}").search_experiments()


def sweep(work: Work) -> dict[str, Any]:
    """The work as a sweep file of Teasel."""
    return {
        "name": "bench",
        "methods": ["beta_vae"],
        "data": {"name": "sprites", "options": {"size": work.size, **OPTIONS}},
        "objectives": ["score/mig"],
        "budget": {"trials": work.trials, "steps": work.steps},
        "space": {
            "form": "beta",
            "beta": {"low": BETA[0], "high": BETA[1]},
            "lr": {"low": LR[0], "high": LR[1]},
            "latents": LATENTS,
            "batch_size": work.batch,
        },
        "sampler": {"name": "tpe", "seed": 0},
        "schedule": {"name": "asha", "reduction_factor": 3, "rungs": [r * work.every for r in work.rungs]}
        if work.stopping
        else {"name": "none"},
        "report_every": work.every,
        "concurrency": work.slots,
        "storage": work.folder,
    }
