"""A sweep on a real MLflow server and a real browser before it; screenshots are kept in ``results/ui-test``."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests_search.command import teasel

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# Chromium looks up hosts of its own at every start otherwise.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NAME = "ui_test"


@pytest.fixture(scope="session")
def shots():
    """The folder of the screenshots."""
    folder = Path(os.environ.get("TEASEL_UI_SHOTS", "results/ui-test"))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder.absolute()


@pytest.fixture(scope="session")
def storage(tmp_path_factory):
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="session")
def swept(storage):
    """A small real sweep, published beside itself."""
    given = ["--data", "digits", "--set", "data.size=16", "--set", "network=mlp", "--set", "hidden=64"]
    given += ["--set", "form=beta", "--set", "lr=3e-4..3e-3", "--objective", "val/elbo", "--trials", "6"]
    teasel("run", "beta_vae", *given, "--steps", "150", "--schedule", "none", "--name", NAME, "--storage", storage)
    return storage / NAME


@pytest.fixture(scope="session")
def site(storage, swept):
    """The address that ``teasel ui`` prints for the sweep, while it serves."""
    command = [sys.executable, "-m", "search", "ui", NAME, "--storage", str(storage), "--port", "5700"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said = ""
        for line in server.stdout:
            said += line
            if found := re.search(r"http://\S+", line):
                break
        else:
            raise AssertionError(said)
        yield found[0]
    finally:
        server.terminate()
        server.communicate(timeout=60)


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert path, f"no browser: install one of {', '.join(CHROMIUM)} (Debian: apt-get install chromium)"
    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=path, args=list(QUIET))
        yield opened
        opened.close()
