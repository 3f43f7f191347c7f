"""Checks and measures every method on a GPU; needs torch, numpy, pyarrow, safetensors and Pillow, nothing else of ours.

    python tests/benchmarks/gpu.py [--output FILE] [--device cpu] [--kinds METHOD…]

Checks: each player's loss on the device against float64 on the CPU from the same drawn tensors, in float32 and in what
trials compute in; a trial saved, restored and continued against an uninterrupted one; that a step was recorded as a
CUDA graph, and did the same. Measures steps a second of one trial (eager, compiled, recorded; float32 and the reduced
precision) against a tutorial's loop; of several trials that share the device as processes, and as threads with a stream
each in one process; and device memory of a trial. The speeds take turns and are medians.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]

from peers import PlainTraining  # noqa: E402

import trainables  # noqa: E402
from trainables.core.compiled import unable  # noqa: E402
from trainables.core.contract import hyperparameters  # noqa: E402
from trainables.core.dataset import open_dataset  # noqa: E402
from trainables.core.recorded import WARM  # noqa: E402
from trainables.core.training import Training  # noqa: E402

KINDS: dict[str, dict[str, Any]] = {
    "beta_vae": {},
    "factor_vae": {"gamma": 10.0},
    "class_conditional_vae": {"network": "burgess"},
    "xcov_autoencoder": {},
    "paired_xcov_autoencoder": {},
    "jade": {},
    "single_classifier": {},
    "paired_classifier": {},
}
PLAIN = {"beta_vae": None, "factor_vae": 10.0}
"""The methods that a tutorial's loop does too, with its weight of the total correlation."""
SIZE, BATCH = 64, 64
OPTIONS = {"size": SIZE, "orientations": 10, "positions": 16}
WAYS: dict[str, dict[str, Any]] = {
    "eager, float32": {"precision": "float32"},
    "eager": {"precision": "auto"},
    "compiled": {"precision": "auto", "compiled": True},
    "recorded, float32": {"precision": "float32", "recorded": True},
    "recorded": {"precision": "auto", "recorded": True},
}


def split(name: str, device: str) -> Any:
    """What a method trains on: sprites, or what has the classes, persons or second dataset that it needs."""
    if name in ("beta_vae", "factor_vae"):
        return open_dataset("sprites", OPTIONS).split("train").to(device)
    if name == "paired_xcov_autoencoder":
        return open_dataset("faces", {"size": 64}).split("train").to(device)
    opened = open_dataset("digits", {"size": 32})
    if name in ("jade", "paired_classifier"):
        import dataclasses

        opened = dataclasses.replace(opened, secondary=open_dataset("digits", {"size": 16}))
    return opened.split("train").to(device)


def begin(name: str, device: str, *, seed: int = 0, **how: Any) -> Training:
    """One trial of a method."""
    method = trainables.method(name)
    hp = hyperparameters(method, {**KINDS[name], "batch_size": BATCH}, 10_000)
    return Training(method, hp, split(name, device), seed=seed, **how)


def wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def check_losses(name: str, device: str, precision: str) -> float:
    """Largest difference of a player's loss from float64 on the CPU, as a part of it, or in nats below one."""
    trial = begin(name, device, precision="float32")
    trial.advance(5)
    drawn, at = trial.method.draw(trial.data, trial.hp, trial.rng), torch.tensor(5.0, device=device)
    exact = begin(name, "cpu").model.double()
    exact.load_state_dict({k: v.cpu().double() for k, v in trial.model.state_dict().items()})
    doubled = {k: v.cpu().double() if v.is_floating_point() else v.cpu() for k, v in drawn.items()}
    expected = trial.method.losses(exact, doubled, trial.hp, at.cpu().double())
    step = begin(name, device, precision=precision)
    step.model.load_state_dict(trial.model.state_dict())
    found = dict(zip(names := list(expected), step._step(drawn, at).tolist(), strict=True))
    players = [n for n in names if n in trial.model]
    return max(
        abs(found[p] - float(expected[p].detach())) / max(abs(float(expected[p].detach())), 1.0) for p in players
    )


def check_resume(name: str, device: str, **how: Any) -> tuple[float, str]:
    """Largest difference of weights between restored and uninterrupted, and why steps were not recorded, if so."""
    whole, first = begin(name, device, **how), begin(name, device, **how)
    whole.advance(20)
    first.advance(10)
    state = [{k: v.clone() for k, v in part.items()} for part in first.state()]
    second = begin(name, device, **how)
    second.load(*state)
    second.advance(20)
    pairs = zip(whole.model.parameters(), second.model.parameters(), strict=True)
    return max(float((a - b).detach().abs().max()) for a, b in pairs), whole.recorded.fault


class Trial:
    """A trial of one of ``WAYS``, or a tutorial's (``way`` None), that can be trained for a while."""

    def __init__(self, name: str, way: str | None, device: str) -> None:
        self.device = device
        if device != "cpu":
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
        if way is None:
            images = split(name, device).images(torch.arange(8192, device=device))
            plain = PlainTraining(images, SIZE, gamma=PLAIN[name], batch=BATCH)
            self._train = lambda steps: [plain.step() for _ in range(steps)]
        else:
            training = begin(name, device, **WAYS[way])
            self._train = lambda steps: training.advance(training.step + steps)
        self._train(WARM + 10)
        wait(device)
        self.memory = 0.0 if device == "cpu" else (torch.cuda.max_memory_allocated() - before) / 1e6

    def pace(self, steps: int) -> float:
        """Steps a second."""
        start = time.perf_counter()
        self._train(steps)
        wait(self.device)
        return steps / (time.perf_counter() - start)


def speeds(name: str, device: str, steps: int, repeat: int) -> dict[str | None, tuple[float, float]]:
    """Steps a second, medians of turns, and MB of a trial, each way and the tutorial's (None)."""
    ways: list[str | None] = [way for way in WAYS if not ("compiled" in way and unable())]
    ways = [way for way in ways if device != "cpu" or "recorded" not in str(way)]
    trials = {way: Trial(name, way, device) for way in [*ways, *([None] if name in PLAIN else [])]}
    found: dict[str | None, list[float]] = {way: [] for way in trials}
    for _ in range(repeat):
        for way, trial in trials.items():
            found[way].append(trial.pace(steps))
    return {way: (statistics.median(found[way]), trials[way].memory) for way in trials}


def one_of_many(name: str, way: str, device: str, steps: int, gate: Any, say: Any) -> None:
    """One of several trials at once: ready, then all together."""
    torch.set_num_threads(1)
    trial = Trial(name, way, device)
    gate.wait(timeout=600)
    say(trial.pace(steps))


def processes(name: str, way: str, device: str, steps: int, count: int) -> float:
    """Steps a second of all of ``count`` processes that share the device."""
    context = multiprocessing.get_context("spawn")
    gate, found = context.Barrier(count), context.Queue()
    started = [
        context.Process(target=one_of_many, args=(name, way, device, steps, gate, found.put)) for _ in range(count)
    ]
    for process in started:
        process.start()
    total = sum(found.get(timeout=900) for _ in started)
    for process in started:
        process.join()
    return total


def threads(name: str, way: str, device: str, steps: int, count: int) -> float:
    """Steps a second of ``count`` threads of this process, each with a stream of its own."""
    gate, found = threading.Barrier(count), []
    faults: list[Exception] = []

    def work() -> None:
        try:
            if device == "cpu":
                one_of_many(name, way, device, steps, gate, found.append)
            else:
                with torch.cuda.stream(torch.cuda.Stream()):
                    one_of_many(name, way, device, steps, gate, found.append)
        except Exception as error:
            gate.abort()
            faults.append(error)

    started = [threading.Thread(target=work) for _ in range(count)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    if faults:
        raise faults[0]
    return sum(found)


def table(heads: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows)]


def guarded(work: Any, *given: Any) -> Any:
    """What ``work`` gives, or its error in a line: one fault should not cost a whole run on a lent machine."""
    try:
        return work(*given)
    except Exception as error:
        return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:100]}"


def checks(device: str, kinds: list[str]) -> tuple[list[str], bool]:
    rows, good = [], True
    for name in kinds:
        single, reduced = (guarded(check_losses, name, device, precision) for precision in ("float32", "auto"))
        resumed = guarded(lambda n: check_resume(n, device, precision="auto", recorded=True), name)
        fine = all(isinstance(v, float) for v in (single, reduced)) and not isinstance(resumed, str)
        good &= fine and single < 1e-4 and reduced < 0.02 and resumed[0] < 1e-3
        said = "bit for bit" if fine and resumed[0] == 0 else f"within {resumed[0]:.1e}" if fine else str(resumed)
        recorded = "–" if not fine or device == "cpu" else resumed[1] or "yes"
        good &= device == "cpu" or recorded == "yes"
        rows.append([name, *(f"{v:.1e}" if isinstance(v, float) else v for v in (single, reduced)), said, recorded])
        print(rows[-1], flush=True)
    heads = ["method", "loss, float32", "loss, as trained", "restored and continued", "recorded"]
    return table(heads, rows), good


def measures(device: str, kinds: list[str], steps: int, repeat: int) -> list[str]:
    rows = []
    for name in kinds:
        found = guarded(speeds, name, device, steps, repeat)
        if isinstance(found, str):
            rows.append([name, found, *[""] * (len(WAYS) + 2)])
            continue
        cells = [f"{found[way][0]:.0f}" if way in found else "–" for way in [None, *WAYS]]
        eager, best = found["eager, float32"][0], max(found[way][0] for way in WAYS if way in found)
        plain = f"{best / found[None][0]:.2f}" if None in found else "–"
        rows.append([name, *cells, f"{best / eager:.2f}", plain, f"{found['eager'][1]:.0f}"])
        print(rows[-1], flush=True)
    heads = ["method, steps/s", "tutorial", *WAYS, "best/eager float32", "best/tutorial", "MB"]
    return table(heads, rows)


def shared(device: str, counts: list[int], steps: int) -> list[str]:
    rows, way = [], "eager" if device == "cpu" else "recorded"
    for name in ("beta_vae", "factor_vae"):
        alone: dict[str, float] = {}
        for count in counts:
            cells = []
            for kind, run in (("processes", processes), ("threads", threads)):
                total = guarded(run, name, way, device, steps, count)
                if isinstance(total, float):
                    alone.setdefault(kind, total / count)
                    total = f"{total:.0f} ({total / alone[kind]:.2f})"
                cells.append(total)
            rows.append([name, str(count), *cells])
            print(rows[-1], flush=True)
    return table([f"method, {way}", "trials at once", "processes", "threads with streams"], rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--together", type=int, nargs="*", default=[1, 4, 8, 16])
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    device = given.device
    hardware = platform.processor() or "CPU" if device == "cpu" else torch.cuda.get_device_name()
    checked, good = checks(device, given.kinds)
    lines = [f"# {hardware}, torch {torch.__version__}", "", f"Batches of {BATCH}; sprites are {SIZE}×{SIZE}.", ""]
    lines += [*checked, "", *measures(device, given.kinds, given.steps, given.repeat)]
    if given.together:
        lines += ["", "Steps/s together (in brackets: of one).", "", *shared(device, given.together, given.steps)]
    text = "\n".join(lines) + "\n"
    print(text)
    if given.output:
        given.output.write_text(text)
    print(json.dumps({"good": good, "hardware": hardware}))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
