"""What every test shares: support modules by name, prepared data apart from the user's, one Ray for the session."""

import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import settings

# These machines are shared: a deadline would measure them, not us.
settings.register_profile("teasel", deadline=None)
settings.load_profile("teasel")

HERE = Path(__file__).parent


def _support(package: str, folder: Path) -> None:
    """Make the plain modules of a test folder importable as ``package``; pytest's importlib mode does not."""
    spec = importlib.util.spec_from_loader(package, loader=None, is_package=True)
    module = importlib.util.module_from_spec(spec)
    module.__path__ = [str(folder)]
    sys.modules[package] = module


_support("tests_search", HERE / "search")
_support("tests_trainables", HERE / "trainables")
_support("tests_ui", HERE / "ui")


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory):
    """Prepared datasets of the tests lie apart from the user's."""
    os.environ["TEASEL_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def ray_address(tmp_path_factory):
    """One Ray of two CPUs, and a GPU in name only, for the session, as its own processes; the address to join it."""
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = f"start --head --block --num-cpus=2 --num-gpus=1 --port={port} --include-dashboard=false"
    scratch = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    log = (tmp_path_factory.mktemp("ray") / "log").open("w+")
    server = subprocess.Popen(
        [str(Path(sys.executable).with_name("ray")), *command.split(), "--disable-usage-stats"],
        stdout=log,
        stderr=subprocess.STDOUT,
        # Its own folder, or a user's next `ray.init()` would try to join this cluster after its end.
        env={**os.environ, "RAY_TMPDIR": scratch},
    )
    for _ in range(120):
        log.seek(0)
        if "Ray runtime started" in log.read():
            break
        assert server.poll() is None, "Ray did not start"
        time.sleep(0.5)
    yield f"127.0.0.1:{port}"
    server.terminate()
    server.wait(60)
    log.close()
    shutil.rmtree(scratch, ignore_errors=True)
