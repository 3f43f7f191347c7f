# ruff: noqa: E501 - one line for each command
"""Hostile input through the command line, as a person meets it: a sentence on stderr, exit code 2, nothing written.

Each case is a process of ``teasel``; what it may take is what a command that refuses a missing file takes, and more.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests_chaos.hostile import arrays, ledgers, models, pictures, sweeps
from tests_chaos.hostile.case import MEGABYTES, ROOT, SECONDS, _files

LONG = "x" * 10_000
ESCAPE = "\x1b[2J\x1b]0;owned\x07"
SIZE = 6_000 * 2**20
"""Bytes of address space of a command: torch alone maps three billion."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Words of ``teasel``, run in a folder that ``make`` has filled."""

    words: tuple[str, ...]
    make: Callable[[Path], object] = lambda folder: None
    code: int = 2
    environment: tuple[tuple[str, str], ...] = ()
    imports: float = 0.0
    """Seconds of a processor for libraries that a command needs before it can know what is wrong: Ray, MLflow."""

    @property
    def name(self) -> str:
        return " ".join(word[:40] for word in self.words)


def file(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(content) and None


def ledger(raw: bytes) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / "results/look").mkdir(parents=True)
        (folder / "results/look/ledger.jsonl").write_bytes(raw)

    return make


def model(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        models.CARDS[name](folder)
        (folder / "a.png").write_bytes(pictures.encoded("PNG"))

    return make


def image(content: bytes) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        models.made(folder)
        (folder / "a.png").write_bytes(content)

    return make


COMMANDS = (
    Command(words=("run", "bomb.yaml"), make=file("bomb.yaml", sweeps.LAUGHS)),
    Command(words=("run", "deep.yaml"), make=file("deep.yaml", b"{a: " * 50_000)),
    Command(words=("run", "object.yaml"), make=file("object.yaml", sweeps.FILES["an object of Python"])),
    Command(words=("run", "up.yaml"), make=file("up.yaml", sweeps.text(name="../../x"))),
    Command(words=("run", "picked.yaml"), make=file("picked.yaml", sweeps.FILES["a picked sweep above"])),
    Command(words=("run", LONG)),
    Command(words=("run", ESCAPE)),
    Command(words=("run", "beta_vae", "--data", "sprites", "--objective", "score/mig", "--name", "../x")),
    Command(words=("run", "beta_vae", "--data", "sprites", "--objective", "score/mig", "--storage", "s3://k:s@b/x")),
    Command(words=("run", "beta_vae", "--data", "sprites", "--objective", "score/mig", "--mlflow", "http://me:pass@h")),
    Command(words=("run", "beta_vae", "--data", "digits", "--objective", "val/elbo", "--name", "a", "--trials", "1"),
            environment=(("TEASEL_NODE_GROUPS", "[1"),), imports=5),
    Command(words=("resume", "look"), make=ledger(ledgers.LEDGERS["a checkpoint above"])),
    Command(words=("resume", "look"), make=lambda folder: ledgers._file(folder, "a link to be resumed")),
    Command(words=("top", "look"), make=ledger(ledgers.LEDGERS["a row that is deep"])),
    Command(words=("top", "look", "--json"), make=ledger(ledgers.LEDGERS["a metric that is text"])),
    Command(words=("top", f"../{LONG}")),
    Command(words=("why", "look", "0"), make=ledger(ledgers.LEDGERS["a trial that is not there"])),
    Command(words=("report", "look"), make=ledger(ledgers.LEDGERS["a name above"])),
    Command(words=("publish", "look"), make=ledger(ledgers.LEDGERS["picked from above"])),
    Command(words=("pick", "look"), make=ledger(ledgers.LEDGERS["a state of its own"])),
    Command(words=("encode", "model", "a.png"), make=model("a torch file for weights")),
    Command(words=("encode", "model", "a.png"), make=model("a million latents")),
    Command(words=("encode", "model", "a.png", "--resize"), make=image(pictures.png(10_000, 10_000))),
    Command(words=("traverse", "model", "a.png"), make=image(pictures.EPS)),
    Command(words=("encode", "models:/x' or '1'='1@pick", "a.png"), make=file("a.png", b"x")),
    Command(words=("data", "prepare", "usps", "--data-root", "."), make=file("usps.h5", arrays.RAW_HDF5["HDF5: noise after the signature"]())),
    Command(words=("data", "prepare", "os:system")),
    Command(words=("data", "show", "svhn", "--data-root", "."), make=file("train_32x32.mat", b"x")),
    Command(words=("status", "look", "--storage", "."), make=lambda folder: None),
    Command(words=("ui", "look", "--storage", "file:///a%1b[2J")),
    Command(words=("share", "x' or '1'='1", "bob", "--mlflow", "http://127.0.0.1:9")),
)  # fmt: skip


def wrong(command: Command) -> str:
    """Runs a command; what was wrong with how it ended, or nothing."""
    with tempfile.TemporaryDirectory(prefix="teasel-hostile-") as scratch:
        folder = Path(scratch)
        command.make(folder)
        before = _files(folder)
        code, said, seconds, megabytes = _ended(command.words, folder, dict(command.environment))
        changed = [name for name, _ in before.items() ^ _files(folder).items() if not name.startswith("cache")]
    usual_seconds, usual_megabytes = usual()
    if code != command.code:
        return f"exit code {code}: {said[-300:]}"
    if "Traceback" in said or not said.strip() or len(said) > 25_000:
        return f"it says {said[-300:]!r}"
    if any(letter in said for letter in "\x00\x07\x9b") or "\x1b[2J" in said or "\x1b]" in said:
        return "an escape reaches the terminal"
    if changed:
        return f"it wrote {sorted(changed)[0]}"
    if megabytes > usual_megabytes + MEGABYTES:
        return f"{megabytes:.0f} MB"
    return f"{seconds:.1f} s of a processor" if seconds > usual_seconds + SECONDS + command.imports else ""


@cache
def usual() -> tuple[float, float]:
    """Seconds of a processor and megabytes that a refusal takes which has to import torch."""
    with tempfile.TemporaryDirectory(prefix="teasel-hostile-") as scratch:
        (Path(scratch) / "a.png").write_bytes(b"x")
        _, _, seconds, megabytes = _ended(("encode", "nothing", "a.png"), Path(scratch), {})
    return seconds, megabytes


def _ended(words: tuple[str, ...], folder: Path, more: dict[str, str]) -> tuple[int, str, float, float]:
    """Exit code, what it said, seconds of a processor, and megabytes."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "MLFLOW_", "TEASEL_", "AWS_"))}
    environment |= {"TEASEL_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **more}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "search", *words],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (SIZE, SIZE)),
        )  # fmt: skip
        peak, until = 0.0, time.monotonic() + 120
        while process.poll() is None:
            if time.monotonic() > until:
                process.kill()
            try:
                lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
                peak = max([peak, *(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))])
            except OSError:
                pass
            time.sleep(0.02)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        out.seek(0)
        said = out.read().decode("utf-8", "replace")
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return process.returncode, said, spent, peak
