"""Checks and measures every method on a GPU; needs torch, numpy, pyarrow, safetensors and Pillow, nothing else of ours.

    python tests/benchmarks/gpu.py [--output FILE] [--device cpu]

Checks: each player's loss in float32 on the device against float64 on the CPU from the same drawn tensors; a trial
saved, restored and continued against an uninterrupted one. Measures: steps a second of one trial, against a tutorial's
loop; of several processes that share the card; device memory of a trial.
"""

import argparse
import json
import multiprocessing
import sys
import time
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]

from peers import PlainTraining  # noqa: E402

import trainables  # noqa: E402
from trainables.core.dataset import open_dataset  # noqa: E402
from trainables.core.training import Training  # noqa: E402

KINDS = {
    "beta_vae, β": ("beta_vae", {"beta": 4.0}),
    "beta_vae, capacity": ("beta_vae", {"form": "capacity", "gamma": 100.0}),
    "factor_vae, density ratio": ("factor_vae", {"gamma": 10.0}),
    "factor_vae, gaussian": ("factor_vae", {"gamma": 10.0, "tc": "gaussian"}),
}


def dataset():
    return open_dataset("sprites", {"size": 64, "orientations": 10, "positions": 16})


def begin(kind, device, batch=64):
    name, values = KINDS[kind]
    method = trainables.method(name)
    hp = method.Hyperparameters(batch_size=batch, **values)
    return Training(method, hp, dataset().split("train").to(device), seed=0)


def wait(device):
    if device != "cpu":
        torch.cuda.synchronize()


def check_losses(kind, device):
    """Largest relative difference of a loss from float64 on the CPU."""
    trial = begin(kind, device)
    trial.advance(5)
    drawn = trial.method.draw(trial.data, trial.hp, trial.rng)
    step = torch.tensor(5.0, device=device)
    found = trial.method.losses(trial.model, drawn, trial.hp, step)
    model = trial.model.cpu().double()
    exact = {k: v.cpu().double() if v.is_floating_point() else v.cpu() for k, v in drawn.items()}
    expected = trial.method.losses(model, exact, trial.hp, step.cpu().double())
    players = list(model)
    return max(abs(float(found[p].detach()) / float(expected[p].detach()) - 1) for p in players)


def check_resume(kind, device):
    """Whether saved, restored and continued equals uninterrupted: bit for bit, or the largest difference."""
    whole, first = begin(kind, device), begin(kind, device)
    whole.advance(20)
    first.advance(10)
    state = [{k: v.clone() for k, v in part.items()} for part in first.state()]
    second = begin(kind, device)
    second.load(*state)
    second.advance(20)
    pairs = zip(whole.model.parameters(), second.model.parameters(), strict=True)
    return max(float((a - b).abs().max()) for a, b in pairs)


def pace(kind, device, steps, batch=64):
    """Steps a second, and peak device memory in MB."""
    trial = begin(kind, device, batch)
    trial.advance(20)
    wait(device)
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    trial.advance(20 + steps)
    wait(device)
    memory = 0 if device == "cpu" else torch.cuda.max_memory_allocated() / 1e6
    return steps / (time.perf_counter() - start), memory


def plain_pace(gamma, device, steps, batch=64):
    """Steps a second of the tutorial's loop on a resident float tensor."""
    images = dataset().split("train").images(torch.arange(8192)).to(device)
    plain = PlainTraining(images, 64, gamma=gamma, batch=batch)
    for _ in range(20):
        plain.step()
    wait(device)
    start = time.perf_counter()
    for _ in range(steps):
        plain.step()
    wait(device)
    return steps / (time.perf_counter() - start)


def shared(kind, device, steps, gate, found):
    torch.set_num_threads(1)
    trial = begin(kind, device)
    trial.advance(20)
    gate.wait()
    start = time.perf_counter()
    trial.advance(20 + steps)
    wait(device)
    found.put(steps / (time.perf_counter() - start))


def together(kind, device, steps, count):
    """Steps a second of all of ``count`` processes that share the device."""
    context = multiprocessing.get_context("spawn")
    gate, found = context.Barrier(count), context.Queue()
    processes = [context.Process(target=shared, args=(kind, device, steps, gate, found)) for _ in range(count)]
    for process in processes:
        process.start()
    total = sum(found.get(timeout=300) for _ in processes)
    for process in processes:
        process.join()
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 4, 8, 16])
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    device, steps = given.device, given.steps
    hardware = "CPU" if device == "cpu" else torch.cuda.get_device_name()
    lines = [f"# {hardware}, torch {torch.__version__}", ""]
    lines += ["64×64 sprites, batch 64, float32, eager. Plain: `peers.py` on the same device.", ""]
    lines += ["| method | loss, float32 against float64 | restored and continued | steps/s | plain | ratio | MB |"]
    lines += ["|---|---|---|---|---|---|---|"]
    good = True
    for kind in KINDS:
        loss, resumed = check_losses(kind, device), check_resume(kind, device)
        good &= loss < 1e-4 and resumed < 1e-3
        speed, memory = pace(kind, device, steps)
        plain = plain_pace(10.0 if "density" in kind else None, device, steps) if "gaussian" not in kind else None
        same = "bit for bit" if resumed == 0 else f"within {resumed:.1e}"
        against = ("–", "–") if plain is None else (f"{plain:.0f}", f"{speed / plain:.2f}")
        lines.append(f"| {kind} | {loss:.1e} | {same} | {speed:.0f} | {against[0]} | {against[1]} | {memory:.0f} |")
        print(lines[-1], flush=True)
    lines += ["", "| processes sharing the device | steps/s together, factor_vae | of one process |", "|---|---|---|"]
    alone = None
    for count in given.processes:
        total = together("factor_vae, density ratio", device, steps, count)
        alone = alone or total / count
        lines.append(f"| {count} | {total:.0f} | {total / alone:.2f} |")
        print(lines[-1], flush=True)
    text = "\n".join(lines) + "\n"
    print(text)
    if given.output:
        given.output.write_text(text)
    print(json.dumps({"good": good, "hardware": hardware}))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
