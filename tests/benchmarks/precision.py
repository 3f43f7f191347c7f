"""`make bench-precision`: what bfloat16 changes of every method's losses, beside what another seed changes.

Each method is trained with the same seeds in float32 and in bfloat16 (and β-VAE compiled, too). A row says by how much
the mean loss of the last quarter differs, seed by seed, as a part of it, and how far seeds are apart in float32.
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

import gpu
import machine
import sections
import torch

TOLERANCE = 0.01
"""How far a player's loss may be from float32's, in the mean over seeds, for bfloat16 to be on by default.

Where seeds alone move it by more than that: as far as seeds do.
"""
HEADING = "## Precision"


def ends(name: str, steps: int, seeds: int, **how: Any) -> dict[str, list[float]]:
    """The mean of each player's loss, and of what is recorded, over the last quarter of training, by seed."""
    found: dict[str, list[float]] = {}
    for seed in range(seeds):
        training = gpu.begin(name, "cpu", seed=seed, **how)
        training.advance(3 * steps // 4)
        for key, value in training.advance(steps).items():
            found.setdefault(key, []).append(value)
    return found


def off(exact: list[float], other: list[float]) -> tuple[float, float]:
    """The mean difference over seeds, and the spread of seeds in float32, as parts of the mean."""
    size = max(statistics.mean(map(abs, exact)), 1.0)
    return statistics.mean(b - a for a, b in zip(exact, other, strict=True)) / size, statistics.stdev(exact) / size


def row(name: str, exact: dict[str, list[float]], other: dict[str, list[float]]) -> tuple[list[str], bool]:
    """The player's loss and the recorded part that are furthest off."""
    players = list(gpu.begin(name.partition(",")[0], "cpu").model)
    parts = [key for key in exact if "accuracy" not in key]
    found = {key: off(exact[key], other[key]) for key in parts}
    well = all(abs(found[p][0]) <= max(TOLERANCE, found[p][1]) for p in players)
    cells = [name]
    for keys in (players, [key for key in parts if key not in players] or players):
        key = max(keys, key=lambda k: abs(found[k][0]))
        cells += [key, f"{found[key][0]:+.2%}", f"{found[key][1]:.2%}"]
    return [*cells, "yes" if well else "**no**"], well


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=4)
    given = parser.parse_args()
    torch.set_num_threads(1)
    gpu.SIZE, gpu.OPTIONS["size"] = 32, 32
    rows, good = [], True
    for name in gpu.KINDS:
        exact = ends(name, given.steps, given.seeds, precision="float32")
        ways: dict[str, dict[str, Any]] = {name: {"precision": "bfloat16"}}
        if name == "beta_vae":
            ways["beta_vae, compiled"] = {"precision": "bfloat16", "compiled": True}
        for way, how in ways.items():
            cells, well = row(way, exact, ends(name, given.steps, given.seeds, **how))
            good &= well
            rows.append(cells)
            print(cells, flush=True)
    heads = ["method", "loss of", "bfloat16 − float32", "between seeds", "part", "bfloat16 − float32", "between seeds"]
    table = "\n".join(gpu.table([*heads, "loss within tolerance"], rows))
    text = f"""\
Losses of the last quarter of {given.steps} steps on 32×32 images (faces: 64×64), {given.seeds} seeds, in bfloat16
against float32 with the same seeds (`make bench-precision`); of several players and recorded parts that which is
furthest off. Tolerance: {TOLERANCE:.0%}, or what seeds differ by in float32. What is below 1 counts as 1.
Machine: {machine.described()}.

{table}"""
    print(text)
    sections.put(HEADING, text)
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
