"""``teasel ui``: MLflow's own server on the local store, for this machine's browser only."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from search.folder import beside
from search.tracking.link import link
from search.tracking.uri import address
from trainables.core.storage import Where

HOST = "127.0.0.1"
PATIENCE = 180.0
"""Seconds for a server to answer; a cold start takes about half a minute on two busy cores."""


def free_port(wanted: int, tries: int = 50) -> int:
    """``wanted`` or the next port that nobody listens on.  Raises ``ValueError`` when ``tries`` in a row are taken."""
    for port in range(wanted, min(wanted + tries, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise ValueError(f"Ports {wanted} to {wanted + tries - 1} on {HOST} are all taken; choose one with `--port`.")


@contextmanager
def server(storage: Path, port: int, *, log: Path | None = None) -> Iterator[str]:
    """A running server on ``storage``'s database; its address.  Ended with the context.

    Raises ``RuntimeError`` with the server's last words when it does not come up.
    """
    storage = storage.absolute()
    artifacts = storage / "mlartifacts"
    artifacts.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-P", "-m", "mlflow", "server"),
        *("--backend-store-uri", address(None, storage)),
        *("--artifacts-destination", artifacts.as_uri()),
        *("--host", HOST, "--port", str(port), "--workers", "1"),
        *("--allowed-hosts", f"localhost:{port},{HOST}:{port}"),
        *("--cors-allowed-origins", f"http://localhost:{port},http://{HOST}:{port}"),
    ]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with tempfile.TemporaryDirectory(prefix="teasel-") as scratch:
        words = log or Path(scratch, "mlflow.log")
        with words.open("ab") as file:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd=scratch,
                start_new_session=True,
                env={**os.environ, **quiet},
            )
        try:
            url = f"http://{HOST}:{port}"
            _wait(process, url, words)
            yield url
        finally:
            _end(process)


def _wait(process: subprocess.Popen[bytes], url: str, words: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.25)
    last = words.read_text(errors="replace").strip().splitlines()[-5:]
    raise RuntimeError("The MLflow server did not start. Its last words:\n" + "\n".join(last))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a server and the workers it started; they share a process group of their own."""
    for sign, seconds in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(process.pid, sign)
            process.wait(seconds)
            return
        except ProcessLookupError:
            process.poll()
            return
        except subprocess.TimeoutExpired:
            continue


def serve(storage: Where, *, port: int = 5000, name: str | None = None, say: Callable[[str], None] = print) -> None:
    """Open the UI on the sweeps in ``storage``, print the link to sweep ``name``, and serve until Ctrl-C.

    Raises ``ValueError`` when nothing has been published there or no port is free.
    """
    local = beside(storage)
    if not (local / "mlflow.db").exists():
        raise ValueError(f"No MLflow database in {local}; `teasel publish NAME --storage {storage}` makes one.")
    chosen = free_port(port)
    if chosen != port:
        say(f"Port {port} is taken; using {chosen}.")
    say("Starting MLflow ...")
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with server(local, chosen) as url:
            say(f"MLflow runs at {link(url, name)}")
            say("Ctrl-C ends it.")
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        say("Ended.")
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(*signal: object) -> None:
    raise KeyboardInterrupt
