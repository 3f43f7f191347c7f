"""Analogy problems solved by arithmetic on codes, as section 3.2 of the report "Disentangling Symbols and Movements".

A problem shows boards before and after one program, and asks what it makes of another board. The mean difference of the
codes after and before is added to the question's code; the board whose code is nearest is the answer. All 180 boards
may be the answer, the question itself among them. A program that moves a factor by a constant can be solved so, where
no worked example stopped at the border; to-shape moves each shape by another distance, and can be solved so only by
luck or by one worked example of the question's own shape.

Legend: N boards, P problems, Z codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np
import torch
from torch import nn

from trainables.core import contract
from trainables.core.dataset import Dataset
from trainables.core.evaluation import BATCH, held_out
from trainables.core.programs import BOARDS, GRID, SHIFTS, Problem
from trainables.core.split import ALL


def analogy(
    method: ModuleType, model: nn.ModuleDict, dataset: Dataset, problems: Sequence[Problem], device: str = "cpu"
) -> dict[str, float]:
    """``accuracy`` of the codes of the method's latents; ``dataset`` must be ``nar``, all boards of which are encoded.

    Leaves the model in evaluation mode. Raises ``ValueError`` for another dataset, or for a subset of the boards.
    """
    split = held_out(dataset, device, ALL)
    boards_NF = np.stack(np.unravel_index(np.arange(BOARDS), GRID), axis=1)
    if split.factor_array is None or not np.array_equal(split.factor_array, boards_NF):
        raise ValueError(
            f"Analogy problems are about the {BOARDS} boards of dataset 'nar', not about {dataset.name!r}."
        )
    model.eval()
    with torch.no_grad():
        codes = [
            torch.cat(list(contract.latents(method.codes(model, split.images(index_B), None)).values()), dim=1)
            for index_B in torch.arange(BOARDS).split(BATCH)
        ]
    return accuracy(torch.cat(codes).float().cpu().numpy(), problems)


def accuracy(codes_NZ: np.ndarray, problems: Sequence[Problem]) -> dict[str, float]:
    """Shares in [0, 1] of problems solved: ``accuracy`` of all, and of each kind that occurs.

    ``shift``: one of the four shifts; ``free_shift``: those of them in which no worked example stopped at the border;
    ``to_shape``: the others. Chance is 1/180. Raises as ``solve``.
    """
    right_P = solve(codes_NZ, problems) == np.array([problem.answer for problem in problems])
    shift_P = np.array([problem.program.removeprefix("shift-") in SHIFTS for problem in problems])
    moved_P = np.array([all(before != after for before, after in problem.examples) for problem in problems])
    kinds = {"shift": shift_P, "free_shift": shift_P & moved_P, "to_shape": ~shift_P}
    found = {kind: float(right_P[of_P].mean()) for kind, of_P in kinds.items() if of_P.any()}
    return {"accuracy": float(right_P.mean()), **found}


def solve(codes_NZ: np.ndarray, problems: Sequence[Problem]) -> np.ndarray:
    """The board (P,) that each problem is answered with; of boards equally near, the first.

    Raises ``ValueError`` without problems, or unless there is a row of codes for each of the 180 boards.
    """
    from scipy.spatial.distance import cdist

    if codes_NZ.ndim != 2 or len(codes_NZ) != BOARDS:
        raise ValueError(f"Codes must be one row for each of the {BOARDS} boards, not {codes_NZ.shape}.")
    if not problems:
        raise ValueError("An accuracy needs at least one problem.")
    codes_NZ = codes_NZ.astype(np.float64)
    wanted_PZ = []
    for problem in problems:
        before_E, after_E = np.array(problem.examples).T
        wanted_PZ.append(codes_NZ[problem.question] + (codes_NZ[after_E] - codes_NZ[before_E]).mean(0))
    return cdist(np.stack(wanted_PZ), codes_NZ).argmin(1)
