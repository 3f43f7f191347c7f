"""What the codes know of the class: probes of a classifier's own capacity, fitted and tested on held-out images.

The report "Class-conditional and class-generic VAE" gives the accuracy of y from z and of y from w. The encoder of w is
told the label, and so is whoever reads its w: that accuracy says nothing of the image. It is given here as reported,
and twice without the leak: with w averaged over all labels, and with w encoded under a label drawn at random.

Legend: N images, B batch, Z codes of a group, L classes.
"""

from __future__ import annotations

import itertools
from types import ModuleType

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainables.core import contract
from trainables.core.dataset import Dataset
from trainables.core.evaluation import BATCH, chosen, held_out
from trainables.core.split import Split

POINTS = 10_000
"""Images of each split at most."""
EPOCHS, PATIENCE, LEARNING_RATE = 100, 6, 2e-3
"""A probe trains until its loss on a tenth of the fitting images has not fallen for ``PATIENCE`` epochs."""


def leakage(
    method: ModuleType,
    model: nn.ModuleDict,
    dataset: Dataset,
    device: str = "cpu",
    seed: int = 0,
    hidden: tuple[int, ...] = (),
    *,
    part: str = "test",
) -> dict[str, float]:
    """Accuracy in [0, 1] of the label from each group of latents, by its name: ``z``, ``w``, …

    Probes with layers ``hidden`` are fitted on codes of validation images and tested on those of ``part``. A group
    that is told the label has two more entries, ``w_blind`` (the mean over all labels) and ``w_random`` (a label drawn
    by ``seed``). Leaves the model in evaluation mode. Raises ``ValueError`` when the data have no labels.
    """
    model.eval()
    fit = _encoded(method, model, held_out(dataset, device, "validation"), seed)
    test = _encoded(method, model, held_out(dataset, device, part), seed + 1)
    (fit_codes, fit_labels), (test_codes, test_labels) = fit, test
    return {
        name: probe_accuracy(codes, fit_labels, test_codes[name], test_labels, hidden=hidden, seed=seed, device=device)
        for name, codes in fit_codes.items()
    }


def probe_accuracy(
    fit_codes: np.ndarray,
    fit_labels: np.ndarray,
    test_codes: np.ndarray,
    test_labels: np.ndarray,
    *,
    hidden: tuple[int, ...] = (),
    seed: int,
    device: str = "cpu",
) -> float:
    """Test accuracy in [0, 1] of a ReLU network with layers ``hidden``, linear for ``()``, from codes (N, Z) to labels.

    Codes are standardised by the fitting ones; a tenth of these, drawn by ``seed``, says when to stop and which
    weights are kept. Raises ``ValueError`` for codes and labels that do not fit, and when there are fewer than ten.
    """
    for codes, labels in ((fit_codes, fit_labels), (test_codes, test_labels)):
        if codes.ndim != 2 or labels.shape != codes.shape[:1]:
            raise ValueError(f"A probe needs a label for each row of codes, not {codes.shape} and {labels.shape}.")
    if len(fit_codes) < 10 or not len(test_codes):
        raise ValueError(f"A probe needs 10 images to fit and 1 to test, not {len(fit_codes)} and {len(test_codes)}.")
    mean_Z, deviation_Z = fit_codes.mean(0), fit_codes.std(0)
    # Constant but for rounding: dividing by it would make codes of the noise.
    scale_Z = np.where(deviation_Z > 1e-6 * np.abs(fit_codes).max(0), deviation_Z, np.inf)

    def on_device(codes: np.ndarray, labels: np.ndarray) -> tuple[Tensor, Tensor]:
        code_NZ = torch.from_numpy((codes - mean_Z) / scale_Z).float()
        return code_NZ.to(device), torch.from_numpy(labels.astype(np.int64)).to(device)

    code_NZ, label_N = on_device(fit_codes, fit_labels)
    test_NZ, test_N = on_device(test_codes, test_labels)
    classes = int(max(label_N.max(), test_N.max())) + 1
    probe = _trained(code_NZ, label_N, (code_NZ.shape[1], *hidden, classes), seed)
    return _accuracy(probe, test_NZ, test_N)


def _trained(code_NZ: Tensor, label_N: Tensor, sizes: tuple[int, ...], seed: int) -> nn.Module:
    rng = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [m for before, after in itertools.pairwise(sizes) for m in (nn.Linear(before, after), nn.ReLU())]
    probe = nn.Sequential(*layers[:-1]).to(code_NZ.device)
    order = torch.randperm(len(code_NZ), generator=rng)
    held, fit = order[: len(order) // 10], order[len(order) // 10 :]
    adam = torch.optim.Adam(probe.parameters(), lr=LEARNING_RATE, fused=True)
    # Few images still make enough steps an epoch for patience to be counted in epochs.
    size = min(BATCH, max(16, len(fit) // 32))
    best, kept, since = float("inf"), probe.state_dict(), 0
    for _ in range(EPOCHS):
        for index_B in fit[torch.randperm(len(fit), generator=rng)].split(size):
            adam.zero_grad()
            F.cross_entropy(probe(code_NZ[index_B]), label_N[index_B]).backward()
            adam.step()
        with torch.no_grad():
            loss = float(F.cross_entropy(probe(code_NZ[held]), label_N[held]))
        since += 1
        if loss < best:
            best, since = loss, 0
            kept = {name: weight.clone() for name, weight in probe.state_dict().items()}
        if since >= PATIENCE:
            break
    probe.load_state_dict(kept)
    return probe


def _accuracy(probe: nn.Module, code_NZ: Tensor, label_N: Tensor) -> float:
    with torch.no_grad():
        return float((probe(code_NZ).argmax(1) == label_N).double().mean())


def _encoded(
    method: ModuleType, model: nn.ModuleDict, split: Split, seed: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Codes by the names of ``leakage``, each (N, Z), and the labels (N,)."""
    if split.label_array is None:
        raise ValueError("Leakage is measured by labels, and the data have none.")
    index = chosen(len(split))[:POINTS]
    rng = torch.Generator().manual_seed(seed)
    classes = len(split.classes)
    parts: dict[str, list[Tensor]] = {}
    with torch.no_grad():
        for index_B in index.split(BATCH):
            image_BCHW, label_B = split.images(index_B), split.labels(index_B)
            random_B = torch.randint(classes, (len(index_B),), generator=rng).to(label_B.device)
            true = contract.latents(method.codes(model, image_BCHW, label_B))
            each = [
                contract.latents(method.codes(model, image_BCHW, torch.full_like(label_B, label)))
                for label in range(classes)
            ]
            for group, code_BZ in true.items():
                by_label_LBZ = torch.stack([codes[group] for codes in each])
                parts.setdefault(group, []).append(code_BZ)
                # Kept for every group until all batches are seen: in one batch all labels may be alike.
                parts.setdefault(f"{group}_blind", []).append(by_label_LBZ.mean(0))
                row_B = torch.arange(len(index_B), device=label_B.device)
                parts.setdefault(f"{group}_random", []).append(by_label_LBZ[random_B, row_B])
    codes = {name: torch.cat(batches).float().cpu().numpy() for name, batches in parts.items()}
    # A group that is not told the label is the same under all: its codes of random labels are its codes.
    untold = [g for g in true if np.array_equal(codes[g], codes[f"{g}_random"])]
    for group in untold:
        del codes[f"{group}_blind"], codes[f"{group}_random"]
    return codes, split.label_array[index.numpy()]
