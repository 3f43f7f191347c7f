"""``cluster/sweep.py`` as ``ray submit`` runs it: alone, in a home folder, on a machine of the cluster."""

import os
import site
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.sweep import RAY, joined

ROOT = Path(__file__).parents[2]
TINY = ["beta_vae", "--data", "digits", "--set", "data.size=16", "--set", "network=mlp", "--set", "hidden=16"]
TINY += ["--objective", "val/elbo", "--trials", "1", "--steps", "10", "--name", "tiny", "--mlflow", "none"]


def test_it_is_made_for_the_ray_that_is_pinned():
    assert f"ray=={RAY}" in (ROOT / "constraints.txt").read_text().split()


@pytest.mark.parametrize(
    ("words", "address", "wanted"),
    [
        (["run", "x"], None, ["run", "x", "--address", "auto"]),
        (["run", "x"], "10.0.0.1:6379", ["run", "x", "--address", "10.0.0.1:6379"]),
        (["resume", "x"], "http://127.0.0.1:8265", ["resume", "x", "--address", "auto"]),
        (["run", "x", "--address", "h:1"], None, ["run", "x", "--address", "h:1"]),
        (["run", "x", "--address=h:1"], "i:2", ["run", "x", "--address=h:1"]),
        (["--", "check"], None, ["check", "--address", "auto"]),
        (["run", "--help"], None, ["run", "--help"]),
        (["top", "x"], None, ["top", "x"]),
        ([], None, []),
    ],
)
def test_commands_join_the_cluster_that_they_are_on(words, address, wanted):
    assert joined(words, {} if address is None else {"RAY_ADDRESS": address}) == wanted


@pytest.fixture
def home(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "sweep.py").write_bytes((ROOT / "cluster" / "sweep.py").read_bytes())
    return tmp_path / "home"


def submitted(home, *words, code, python=(sys.executable,), **environment):
    """What it prints as Ray runs it, which must end with this exit code."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "TEASEL_STORAGE"))}
    ran = subprocess.run(
        [*python, "sweep.py", *words],
        cwd=home,
        env={**own, "HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ran.returncode == code, ran.stdout + ran.stderr
    return " ".join((ran.stdout + ran.stderr).split())


def test_a_sweep_on_the_cluster_with_the_token_from_its_file(home, ray_address):
    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text(os.environ["RAY_AUTH_TOKEN"])
    said = submitted(home, "run", *TINY, code=0, RAY_ADDRESS=ray_address)
    assert "1 of 1 trials ended" in said
    assert (home / "results" / "tiny" / "ledger.jsonl").exists(), "where `ray submit` runs it"


def test_a_wrong_token_is_said_and_not_repeated(home, ray_address):
    token = "0123456789abcdef" * 4
    said = submitted(home, "run", *TINY, code=2, RAY_ADDRESS=ray_address, RAY_AUTH_TOKEN=token)
    assert "the token of this machine is not the cluster's" in said and token not in said
    assert not (home / "results").exists()


def test_without_a_token_one_sentence_with_the_command_that_makes_one(home):
    for environment, origin in [
        ({}, f"{home}/.ray/auth_token does not exist"),
        ({"RAY_AUTH_TOKEN_PATH": "/nowhere"}, "RAY_AUTH_TOKEN_PATH, /nowhere, does not exist"),
        ({"RAY_AUTH_TOKEN": " ", "RAY_AUTH_TOKEN_PATH": str(home)}, "cannot be read (Is a directory)"),
    ]:
        said = submitted(home, "run", "first_look", code=2, **environment)
        assert said.startswith("This cluster has no token for Ray (") and origin in said
        assert "`(umask 077; ray get-auth-token --generate >/dev/null)`" in said and "ray up CLUSTER.yaml" in said


def test_a_cluster_that_is_down(home):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    said = submitted(home, "run", *TINY, code=2, RAY_ADDRESS=address, RAY_AUTH_TOKEN="a")
    assert f"No Ray cluster answers at '{address}'" in said


def test_what_is_not_installed_is_named(home):
    # What else lies in a home folder is not taken for ours.
    (home / "search.py").write_text("raise SystemExit('not this one')")
    bare = (sys.executable, "-S")
    said = submitted(home, "run", "first_look", code=2, python=bare, RAY_AUTH_TOKEN="a")
    assert f"{sys.executable} on {os.uname().nodename} has no Ray: the setup_commands of the cluster file" in said
    # Without .pth files, where an editable Teasel is named.
    packages = site.getsitepackages()[0]
    said = submitted(home, "run", "first_look", code=2, python=bare, RAY_AUTH_TOKEN="a", PYTHONPATH=packages)
    assert "has no Teasel: the setup_commands" in said and "not this one" not in said


def test_another_ray_is_named(home):
    (home / "old" / "ray-2.9.0.dist-info").mkdir(parents=True)
    (home / "old" / "ray-2.9.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: ray\nVersion: 2.9.0\n")
    said = submitted(home, "run", "first_look", code=2, RAY_AUTH_TOKEN="a", PYTHONPATH=str(home / "old"))
    assert f"has Ray 2.9.0, and this Teasel is made for Ray {RAY}" in said and "ray up CLUSTER.yaml" in said


def test_the_words_are_those_of_teasel_and_switching_tokens_off_is_warned_of(home):
    said = submitted(home, "--", "--help", code=0, RAY_AUTH_MODE="disabled")
    assert "Warning: RAY_AUTH_MODE is 'disabled': whoever reaches" in said and "Usage: teasel [OPTIONS] COMMAND" in said
