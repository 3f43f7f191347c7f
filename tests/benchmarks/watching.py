"""Runs a command and watches it with all its descendants: wall time, CPU time by role, and the most memory at once.

Memory is the sum of resident sets, in which what processes share (libraries above all) is counted for each of them,
and, less often, of proportional ones, in which it is counted once. Linux; psutil is the one that comes with Ray.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import ray  # noqa: F401  (psutil is in its folder of third parties)

import psutil  # isort: skip

EVERY, SHARED_EVERY = 0.5, 5.0
"""Seconds between two looks, and between two looks at what is shared, which cost more."""
ROLES = {
    "ray::IDLE": "idle workers",
    "ray::": "trials",
    "raylet": "Ray",
    "gcs_server": "Ray",
    "/ray/": "Ray",
    "search.tracking": "publisher",
}


@dataclass
class Watched:
    """What came of a command."""

    seconds: float = 0.0
    output: str = ""
    resident: float = 0.0
    """Megabytes."""
    proportional: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    """Seconds by role; the command itself is the ``driver``."""


def watch(command: Sequence[str], environment: Mapping[str, str] | None = None, limit: float = 1800) -> Watched:
    """Run ``command`` to its end.  Raises ``RuntimeError`` with the end of what it wrote when it fails."""
    found, spent, shared = Watched(), {}, 0.0
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=output, stderr=errors, env={**os.environ, **(environment or {})}, process_group=0
        )
        root = psutil.Process(process.pid)
        try:
            while process.poll() is None:
                elapsed = time.perf_counter() - begun
                if elapsed > limit:
                    raise RuntimeError(f"{command} took longer than {limit} s")
                look(root, found, spent, proportional=elapsed > shared + SHARED_EVERY)
                shared = elapsed if elapsed > shared + SHARED_EVERY else shared
                try:
                    process.wait(EVERY)
                except subprocess.TimeoutExpired:
                    continue
            found.seconds = time.perf_counter() - begun
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        output.seek(0)
        errors.seek(0)
        found.output = output.read()
        if process.returncode:
            raise RuntimeError(f"{command} ended with {process.returncode}:\n{errors.read()[-3000:]}")
    for role, seconds in spent.values():
        found.cpu[role] = found.cpu.get(role, 0.0) + seconds
    return found


def look(root: psutil.Process, found: Watched, spent: dict[int, tuple[str, float]], *, proportional: bool) -> None:
    """One look at the tree."""
    resident = shared = 0
    try:
        processes = [root, *root.children(recursive=True)]
    except psutil.Error:
        return
    for each in processes:
        try:
            resident += each.memory_info().rss
            if proportional:
                shared += each.memory_full_info().pss
            times = each.cpu_times()
            role = "driver" if each.pid == root.pid else role_of(" ".join(each.cmdline()))
            # A worker that is idle now, or that ends and has no name any more, may have been a trial.
            if role in ("idle workers", "others") and each.pid in spent:
                role = spent[each.pid][0]
            spent[each.pid] = role, times.user + times.system
        except (psutil.Error, FileNotFoundError):
            continue
    found.resident = max(found.resident, resident / 1e6)
    found.proportional = max(found.proportional, shared / 1e6)


def role_of(command: str) -> str:
    return next((role for part, role in ROLES.items() if part in command), "others")


def script(name: str) -> str:
    """The path of another file here."""
    return str(Path(__file__).with_name(name))


def program(name: str) -> str:
    """The path of a program that was installed beside this Python."""
    return str(Path(sys.executable).with_name(name))
