"""One trial as a tutorial writes it: plain float32 PyTorch, a DataLoader, and MIG from scikit-learn's parts.

The two stock stacks (``stock.py``, ``stock_optuna.py``) run it. When a trial takes its first step, and when it has come
to a report, is written to a file, from which the time between trials is read.
"""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peers import PlainVAE
from sklearn.metrics import mutual_info_score
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from workload import DECODED, LATENTS, POINTS, Work


class Marks:
    """What a trial says of when it was where."""

    def __init__(self, work: Work) -> None:
        self._path, self._trial = Path(work.folder, "marks"), secrets.token_hex(4)

    def add(self, what: str) -> None:
        with self._path.open("a") as file:
            file.write(f"{self._trial} {what} {time.time()}\n")


def read(work: Work) -> tuple[list[float], list[float]]:
    """When each trial took its first step, and when it came to its last report."""
    first, last = {}, {}
    for line in Path(work.folder, "marks").read_text().splitlines():
        trial, what, at = line.split()
        (first if what == "first" else last)[trial] = float(at)
    return list(first.values()), list(last.values())


def mig(codes_NZ: np.ndarray, factors_NF: np.ndarray) -> float:
    """Chen et al. 2018 with 20 bins, one pair of a code and a factor after the other."""
    binned = [np.digitize(code, np.histogram(code, 20)[1][:-1]) for code in codes_NZ.T]
    gaps = []
    for factor in factors_NF.T:
        information = sorted(mutual_info_score(factor, code) for code in binned)
        gaps.append((information[-1] - information[-2]) / mutual_info_score(factor, factor))
    return float(np.mean(gaps))


def measured(model: PlainVAE, images: torch.Tensor, factors_NF: np.ndarray) -> dict[str, float]:
    """MIG and reconstruction on held-out images."""
    model.eval()
    codes, lost, decoded = [], 0.0, 0
    with torch.no_grad():
        for (batch,) in DataLoader(TensorDataset(images[:POINTS]), batch_size=256):
            batch = batch.float()
            mean, log_variance = model.encoder(batch).chunk(2, 1)
            codes.append(mean)
            if decoded < DECODED:
                z = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
                lost += float(F.binary_cross_entropy_with_logits(model.decoder(z), batch, reduction="sum"))
                decoded += len(batch)
    model.train()
    return {"mig": mig(torch.cat(codes).numpy(), factors_NF[:POINTS]), "val_reconstruction": lost / decoded}


def trial(config: dict[str, float], work: Work, data: dict[str, np.ndarray]) -> Iterator[dict[str, Any]]:
    """Trains to each report in turn: its step, metrics and ``state`` for a checkpoint."""
    train, held_out = torch.from_numpy(data["train"]), torch.from_numpy(data["held_out"])
    loader = DataLoader(TensorDataset(train), batch_size=work.batch, shuffle=True, drop_last=True)
    batches = itertools.chain.from_iterable(itertools.repeat(loader))
    model = PlainVAE(work.size, LATENTS)
    optimizer = torch.optim.Adam(model.parameters(), lr=config["lr"])
    marks = Marks(work)
    marks.add("first")
    for step in range(work.every, work.steps + 1, work.every):
        total = 0.0
        for (images,) in itertools.islice(batches, work.every):
            loss, _ = model.loss(images.float(), config["beta"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        metrics = {"step": step, "loss": total / work.every, **measured(model, held_out, data["factors"])}
        marks.add("report")
        yield {**metrics, "state": {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}}
