"""Swap success: whether a changed label changes the expression, and only that.

The report "Disentangling hidden factors of variations in Deep Networks" decodes the z of one face with the expression
of another and looks whether person and expression are as ordered. Here two classifiers judge, one of the label and one
of the identity, each on its own, trained on real training images only. Whatever they accept is no better than they are,
so their accuracy on held-out real images stands beside every result.

Legend: N images, B batch, C channels, H height, W width, P pairs.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainables.core import contract
from trainables.core.dataset import Dataset
from trainables.core.evaluation import BATCH, held_out
from trainables.core.split import Split

CHANNELS, UNITS, SHIFT = (16, 32, 64), 128, 2
"""Of the judges: three 3×3 convolutions of stride 2, one hidden layer, and pixels by which training images move."""
STEPS, IMAGES, LEARNING_RATE = 600, 64, 2e-3


@dataclass(frozen=True, kw_only=True)
class Judges:
    """Two classifiers of real images, (B, C, H, W) to logits, and their accuracy in [0, 1] on held-out ones."""

    label: nn.Module
    identity: nn.Module
    label_accuracy: float
    identity_accuracy: float


def train_judges(
    dataset: Dataset, seed: int = 0, device: str = "cpu", *, part: str = "test", steps: int = STEPS
) -> Judges:
    """Train both on the training images of ``dataset``, and test them on the split ``part``.

    Raises ``ValueError`` for data without labels or identities, and when the split shows somebody who is not in the
    training images.
    """
    train, test = held_out(dataset, device, "train"), held_out(dataset, device, part)
    (label_N, identity_N), (test_label_N, test_identity_N) = _truth(train), _truth(test)
    if strangers := set(test_identity_N.tolist()) - set(identity_N.tolist()):
        raise ValueError(
            f"The {part} images show {len(strangers)} identities that no training image shows, and no classifier can "
            "know them; split the images, and not the persons (option split=image)."
        )
    judge = {}
    for name, truth_N, test_truth_N in (("label", label_N, test_label_N), ("identity", identity_N, test_identity_N)):
        network = _trained(train, truth_N, int(truth_N.max()) + 1, seed, steps)
        found_N = [_classes(network, test.images(index_B)) for index_B in torch.arange(len(test)).split(BATCH)]
        judge[name] = network, float((torch.cat(found_N).numpy() == test_truth_N).mean())
    (label, label_accuracy), (identity, identity_accuracy) = judge["label"], judge["identity"]
    return Judges(label=label, identity=identity, label_accuracy=label_accuracy, identity_accuracy=identity_accuracy)


def swap_success(
    method: ModuleType,
    model: nn.ModuleDict,
    dataset: Dataset,
    judges: Judges,
    pairs: int = 96,
    seed: int = 0,
    device: str = "cpu",
    *,
    part: str = "test",
) -> dict[str, float]:
    """Shares in [0, 1] of ``pairs`` pairs (A, B) of images of ``part`` that differ in identity and in label.

    The codes of A are decoded with the one-hot label of B. ``label``: the judge sees the label of B; ``identity``: the
    other sees the identity of A; ``success``: both. ``reconstruction``: both, for A decoded with its own label. Beside
    them ``pairs`` and the judges' ``label_accuracy`` and ``identity_accuracy``. Pairs are drawn with replacement by
    ``seed``. Leaves the model in evaluation mode. Raises ``ValueError`` when nothing is decoded or no such pair exists.
    """
    if not contract.decodes(method):
        raise ValueError("Swap success needs a method that decodes; this one does not.")
    split = held_out(dataset, device, part)
    label_N, identity_N = _truth(split)
    a_P, b_P = _pairs(label_N, identity_N, pairs, np.random.default_rng(seed))
    model.eval()
    seen: dict[str, list[np.ndarray]] = {name: [] for name in ("label", "identity", "reconstruction")}
    with torch.no_grad():
        for rows in np.array_split(np.arange(pairs), -(-pairs // BATCH)):
            index_B = torch.from_numpy(a_P[rows])
            image_BCHW, own_B = split.images(index_B), split.labels(index_B)
            other_B = split.labels(torch.from_numpy(b_P[rows]))
            # Without the class probabilities, a decoder takes the class from the labels.
            codes = contract.latents(method.codes(model, image_BCHW, own_B))
            swapped, kept = (method.decode(model, codes, label_B).sigmoid() for label_B in (other_B, own_B))
            person = identity_N[a_P[rows]]
            seen["label"].append(_classes(judges.label, swapped).numpy() == label_N[b_P[rows]])
            seen["identity"].append(_classes(judges.identity, swapped).numpy() == person)
            right = _classes(judges.label, kept).numpy() == label_N[a_P[rows]]
            seen["reconstruction"].append(right & (_classes(judges.identity, kept).numpy() == person))
    judged = {name: np.concatenate(parts) for name, parts in seen.items()}
    return {
        "success": float((judged["label"] & judged["identity"]).mean()),
        **{name: float(right_P.mean()) for name, right_P in judged.items()},
        "pairs": float(pairs),
        "label_accuracy": judges.label_accuracy,
        "identity_accuracy": judges.identity_accuracy,
    }


def _truth(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Labels and identities, each (N,)."""
    label_N, identity_N = split.label_array, split.identity_array
    if label_N is None or identity_N is None:
        missing = "labels" if label_N is None else "identity"
        raise ValueError(
            f"Swap success needs labels and identity, and the data have no {missing}; dataset 'faces' has both."
        )
    return label_N, identity_N


def _pairs(
    label_N: np.ndarray, identity_N: np.ndarray, pairs: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    differ_NN = (label_N[:, None] != label_N) & (identity_N[:, None] != identity_N)
    a, b = np.nonzero(differ_NN)
    if not len(a):
        raise ValueError("No two images differ in identity and in label; take more images.")
    chosen_P = rng.integers(len(a), size=pairs)
    return a[chosen_P], b[chosen_P]


def _trained(split: Split, truth_N: np.ndarray, classes: int, seed: int, steps: int) -> nn.Module:
    device, rng = split.device, torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(split.shape, classes).to(device)
    adam = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=True)
    truth = torch.from_numpy(truth_N).to(device)
    for step in range(steps):
        # Ends at a small rate, so that the last batches do not decide.
        adam.param_groups[0]["lr"] = LEARNING_RATE * (1 - step / steps)
        index_B = torch.randint(len(split), (IMAGES,), generator=rng)
        down, right = torch.randint(-SHIFT, SHIFT + 1, (2,), generator=rng).tolist()
        image_BCHW = split.images(index_B).roll((down, right), (2, 3))
        adam.zero_grad()
        F.cross_entropy(network(image_BCHW), truth[index_B.to(device)]).backward()
        adam.step()
    return network.eval()


def _network(shape: tuple[int, int, int], classes: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise((shape[0], *CHANNELS)):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU()]
    sides = [-(-side // 2 ** len(CHANNELS)) for side in shape[1:]]
    flat = CHANNELS[-1] * sides[0] * sides[1]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, UNITS), nn.ReLU(), nn.Linear(UNITS, classes))


def _classes(network: nn.Module, image_BCHW: Tensor) -> Tensor:
    with torch.no_grad():
        return network(image_BCHW).argmax(1).cpu()
