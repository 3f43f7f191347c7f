"""One Ray for all tries and others for some, as processes of their own, and ``teasel`` as a process that joins one."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests_chaos import tries, views


@dataclass(frozen=True)
class Head:
    """A running Ray: where it is, and what leads to it."""

    address: str
    environment: dict[str, str]
    process: subprocess.Popen[bytes]


@cache
def head() -> Head:
    """Started once, ended with this process."""
    return started("--num-cpus=2")


def started(*words: str, **environment: str) -> Head:
    """Another head; it ends with this process, if not before."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Of its own, so that nobody else joins.
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    known = {**os.environ, **token, "RAY_TMPDIR": scratch(), "OMP_NUM_THREADS": "1", **environment}
    process = ray_start(known, "--head", f"--port={port}", "--include-dashboard=false", *words)
    return Head(f"127.0.0.1:{port}", known, process)


def scratch() -> str:
    """A folder for Ray: short, because its sockets lie below it."""
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    atexit.register(lambda: shutil.rmtree(folder, ignore_errors=True))
    return folder


def ray_start(environment: dict[str, str], *words: str) -> subprocess.Popen[bytes]:
    """``ray start`` until it runs, in a session of its own; what is left of it ends with this process."""
    log = Path(tempfile.mkdtemp(dir=tries.scratch())) / "ray.log"
    with log.open("w") as said:
        command = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--disable-usage-stats", *words]
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment, start_new_session=True)

    def end() -> None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(60)

    atexit.register(end)
    for _ in range(240):
        if "Ray runtime started" in log.read_text():
            return process
        assert process.poll() is None, log.read_text()
        time.sleep(0.5)
    raise TimeoutError("Ray did not start")


class Teasel:
    """A ``teasel`` process in a session of its own, whose words are kept in a file."""

    def __init__(self, storage: Path, *words: str, at: Head | None = None) -> None:
        there = at or head()
        self._log = storage / "said.txt"
        with self._log.open("w") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "search", *words, "--storage", str(storage), "--address", there.address],
                stdout=said,
                stderr=said,
                start_new_session=True,
                env=there.environment,
            )

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return self._log.read_text()

    def kill(self, number: int = signal.SIGKILL, *, group: bool = False) -> None:
        """Send a signal to it, or to all processes of its session."""
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.process.pid, number)

    def end(self, seconds: float = 240) -> int:
        """Wait for its end: its exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill(group=True)
            self.process.wait()
            raise


def wait_for_rows(storage: Path, more_than: int, teasel: Teasel, *, kind: bytes = b"", name: str = "chaos") -> float:
    """Wait until the ledger has more rows (of a ``kind``); the seconds that took."""
    begun = time.monotonic()
    path = views.ledger_of(storage, name)
    while True:
        rows = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        if sum(b'"kind":"' + kind in row for row in rows) > more_than:
            return time.monotonic() - begun
        assert teasel.process.poll() is None, teasel.said
        if time.monotonic() - begun > 240:
            teasel.kill(group=True)
            raise TimeoutError(f"nothing was recorded in four minutes: {teasel.said}")
        time.sleep(0.02)
