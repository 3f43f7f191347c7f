"""How far replicates found the same latents: UDR over the codes that their checkpoints keep."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from search.history import Configuration
from search.sweep_data import AGREEMENT
from trainables.core.storage import Where, place


def agreement(folder: Where, configuration: Configuration, step: int) -> dict[int, Mapping[str, float]]:
    """``score/udr`` of each replicate at ``step``, by trial; nothing where codes or posteriors are missing.

    ``folder`` is the sweep's. All replicates encoded the same held-out images.
    """
    reports = {trial.number: trial.at(step) for trial in configuration.trials}
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for report in reports.values():
        if report is None or report.checkpoint is None or (one := codes(place(folder) / report.checkpoint)) is None:
            return {}
        found.append(one)
    if len(found) < 2:
        return {}
    # Imported here: scikit-learn is only needed where there are replicates.
    from trainables.scores import udr

    values = udr.score([codes_NZ for codes_NZ, _ in found], [kl_Z for _, kl_Z in found])
    return {number: {AGREEMENT: values[f"udr_{place}"]} for place, number in enumerate(reports)}


def codes(checkpoint: Where) -> tuple[np.ndarray, np.ndarray] | None:
    """Codes (N, Z) and mean KL (Z,) of the latents with a posterior, all groups together; None where there are none."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    from trainables.core.comparable import CODES, KL

    try:
        stored = load((place(checkpoint) / CODES).read())
    except (FileNotFoundError, SafetensorError):
        return None
    groups = [name.removeprefix(KL) for name in stored if name.startswith(KL)]
    if not groups:
        return None
    return np.concatenate([stored[g] for g in groups], axis=1), np.concatenate([stored[KL + g] for g in groups])
