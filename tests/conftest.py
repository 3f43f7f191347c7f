"""What every test shares: support modules by name, prepared data apart from the user's, one Ray for the session."""

import contextlib
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
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
_support("tests_server", HERE / "server")
_support("tests_ui", HERE / "ui")
_support("tests_hosts", HERE / "cluster_test")
_support("tests_chaos", HERE / "chaos")


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory):
    """Prepared datasets of the tests lie apart from the user's."""
    os.environ["TEASEL_CACHE"] = str(tmp_path_factory.mktemp("cache"))


def _free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="session")
def s3_environment():
    """What leads to the tests' S3 server: made before it runs, for Ray's workers have what Ray was started with."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{_free_port()}",
        "AWS_ACCESS_KEY_ID": "a-user",
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(16),
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture(scope="session")
def _s3_server(s3_environment, tmp_path_factory):
    """A real S3 server (moto's) on 127.0.0.1 with one bucket."""
    os.environ.update(s3_environment)
    url = s3_environment["AWS_ENDPOINT_URL"]
    log = (tmp_path_factory.mktemp("s3") / "log").open("w+")
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", url.rpartition(":")[2]]
    server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    for _ in range(240):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(urllib.request.Request(f"{url}/bucket", method="PUT")).close()
            break
        assert server.poll() is None, "the S3 server did not start"
        time.sleep(0.25)
    yield "s3://bucket"
    server.terminate()
    server.wait(60)
    log.close()


@pytest.fixture
def s3(_s3_server):
    """A storage of its own for each test, on a real S3 server; AWS_ENDPOINT_URL and keys are in the environment."""
    return f"{_s3_server}/{secrets.token_hex(4)}"


@pytest.fixture(scope="session")
def _gs_server(tmp_path_factory):
    """A stand-in for Google Cloud Storage on 127.0.0.1 with one bucket."""
    port = _free_port()
    log = (tmp_path_factory.mktemp("gs") / "log").open("w+")
    command = f"start --host 127.0.0.1 --port {port} --in-memory --default-bucket bucket"
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "gcp_storage_emulator", *command.split()],
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    os.environ["STORAGE_EMULATOR_HOST"] = url = f"http://127.0.0.1:{port}"
    for _ in range(240):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{url}/storage/v1/b/bucket").close()
            break
        assert server.poll() is None, "the stand-in for Google Cloud Storage did not start"
        time.sleep(0.25)
    yield "gs://bucket"
    server.terminate()
    server.wait(60)
    log.close()


@pytest.fixture
def gs(_gs_server):
    """A storage of its own for each test, on a stand-in for Google Cloud Storage."""
    return f"{_gs_server}/{secrets.token_hex(4)}"


@pytest.fixture(scope="session")
def ray_address(tmp_path_factory, s3_environment):
    """One Ray of two CPUs, and a GPU in name only, for the session, as its own processes; the address to join it."""
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    port = _free_port()
    command = f"start --head --block --num-cpus=2 --num-gpus=1 --port={port} --include-dashboard=false"
    scratch = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    log = (tmp_path_factory.mktemp("ray") / "log").open("w+")
    server = subprocess.Popen(
        [str(Path(sys.executable).with_name("ray")), *command.split(), "--disable-usage-stats"],
        stdout=log,
        stderr=subprocess.STDOUT,
        # Its own folder, or a user's next `ray.init()` would try to join this cluster after its end.
        env={**os.environ, **s3_environment, "RAY_TMPDIR": scratch},
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
