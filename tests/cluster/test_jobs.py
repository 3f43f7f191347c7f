"""Sweeps submitted to a real head with a dashboard and a token, by laptops that are processes of their own.

Slow (``make submit-test``): a head, a dozen jobs, two sweeps.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from search.ledger import read

pytestmark = pytest.mark.timeout(1200)

ROOT = Path(__file__).parents[2]
SMALL = ("--data", "digits", "--objective", "val/elbo", "--set", "network=mlp", "--set", "latents=4")


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Cluster:
    """One head and its laptops."""

    def __init__(self, url, storage, token):
        self.url = url
        self.storage = storage
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "TEASEL_", "MLFLOW_"))}
        self.laptop = {**kept, "RAY_AUTH_TOKEN": token, "RAY_ADDRESS": "http://127.0.0.1:1"}

    def begin(self, *words, cwd=ROOT, **environment):
        """Start ``teasel`` on a laptop."""
        command = [sys.executable, "-m", "search", *words, "--address", self.url]
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=cwd,
            env={**self.laptop, **environment},
        )

    def teasel(self, *words, code=0, **more):
        """Run ``teasel`` on a laptop; what it printed."""
        laptop = self.begin(*words, **more)
        said, _ = laptop.communicate(timeout=600)
        assert laptop.returncode == code, said
        return said

    def sweep(self, name, *words):
        return ("submit", "beta_vae", *SMALL, "--name", name, "--storage", str(self.storage), *words)

    def rows(self, name):
        return read(self.storage / name / "ledger.jsonl")

    def jobs(self):
        return {job["job"]: job for job in json.loads(self.teasel("status", "--json"))}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    token = secrets.token_hex(32)
    port, dashboard, *agents = free_ports(5)
    names = ("dashboard-agent-listen-port", "dashboard-agent-grpc-port", "runtime-env-agent-port")
    command = [
        *(str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", "--num-cpus=2", f"--port={port}"),
        *("--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}", "--disable-usage-stats"),
        *(f"--{name}={number}" for name, number in zip(names, agents, strict=True)),
    ]
    scratch = Path(f"/tmp/ray-{secrets.token_hex(4)}")
    scratch.mkdir()
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "MLFLOW_"))},
        **{"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, "RAY_TMPDIR": str(scratch), "OMP_NUM_THREADS": "1"},
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "TEASEL_CACHE": str(tmp_path_factory.mktemp("cache")),
    }
    log = (tmp_path_factory.mktemp("ray") / "log").open("w+")
    # Not where the source lies: what the cluster runs must have been sent to it.
    head = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=scratch)
    try:
        for _ in range(240):
            log.seek(0)
            if "Ray runtime started" in log.read():
                break
            assert head.poll() is None, "Ray did not start"
            time.sleep(0.5)
        yield Cluster(f"http://127.0.0.1:{dashboard}", tmp_path_factory.mktemp("shared"), token)
    finally:
        head.terminate()
        head.wait(60)
        log.close()
        shutil.rmtree(scratch, ignore_errors=True)


def wait_for(condition, seconds=200):
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.3)
    return found


def test_two_laptops_at_once_start_one_sweep_and_both_see_it_through(cluster):
    words = cluster.sweep("twice", "--trials", "3", "--steps", "40", "--mlflow", "none")
    laptops = [cluster.begin(*words), cluster.begin(*words)]
    said = [laptop.communicate(timeout=600)[0] for laptop in laptops]
    assert [laptop.returncode for laptop in laptops] == [0, 0], said
    assert sum("following it" in each for each in said) == 1, said
    for each in said:
        assert "3 of 3 trials ended" in each
        assert "twice is done" in each
        assert each.count("000 beta_vae") >= 2, "each laptop follows from the first word"
    assert [job["name"] for job in cluster.jobs().values()] == ["twice"]
    trials = [row["trial"] for row in cluster.rows("twice") if row["kind"] == "trial"]
    assert trials == [0, 1, 2]

    again = cluster.teasel(*words)
    assert "twice was submitted" in again
    assert "--name" in again
    assert len(cluster.jobs()) == 1
    told = json.loads(cluster.teasel("status", "twice", "--json"))
    assert told["state"] == "done"
    assert told["progress"]["ended"] == told["progress"]["trials"] == 3
    assert told["progress"]["best"]["objectives"]["val/elbo"] < 0
    assert len(cluster.jobs()) == 1, "a question leaves no job behind"
    assert "Runtime env" not in cluster.teasel("logs", "twice")


def test_a_killed_laptop_stops_nothing_and_a_stopped_sweep_says_goodbye_and_is_resumed(cluster):
    words = cluster.sweep("long", "--trials", "6", "--steps", "1000", "--env", "TEASEL_TEST")
    laptop = cluster.begin(*words, TEASEL_TEST="yes")
    wait_for(lambda: (cluster.storage / "long" / "ledger.jsonl").exists() and len(cluster.rows("long")) > 4)
    laptop.kill()
    laptop.communicate()
    before = len(cluster.rows("long"))
    wait_for(lambda: len(cluster.rows("long")) > before)

    laptop = cluster.begin(*words, TEASEL_TEST="yes")
    line = ""
    while "begins" not in line:
        line = laptop.stdout.readline()
        assert line
    laptop.send_signal(signal.SIGINT)
    said, _ = laptop.communicate(timeout=60)
    assert laptop.returncode == 130
    assert "long goes on on the cluster" in said
    assert "teasel stop long" in said
    assert "running" in cluster.teasel("status", "long")
    assert "long is running" in cluster.teasel("resume", "long", "--trials", "+1", code=2)

    said = cluster.teasel("stop", "long")
    assert "long was interrupted" in said
    assert "teasel resume long" in said
    stopped = cluster.rows("long")
    assert stopped[-1]["kind"] == "close"
    assert stopped[-1]["reason"] == "interrupted"
    published = json.loads((cluster.storage / "long" / "publisher.json").read_text())
    assert published["published"] == len(stopped), "the publisher outlives the stop by its last rows"
    assert "is not running" in cluster.teasel("stop", "long")
    assert "was interrupted" in cluster.teasel(*words, code=130, TEASEL_TEST="yes")

    said = cluster.teasel("resume", "long")
    assert "6 of 6 trials ended" in said
    rows = cluster.rows("long")
    assert rows[: len(stopped)] == stopped
    assert rows[-1]["reason"] == "finished"
    ended = [row["trial"] for row in rows if row["kind"] == "end"]
    assert sorted(ended) == list(range(6))
    reports = [(row["trial"], row["step"]) for row in rows if row["kind"] == "report"]
    assert len(reports) == len(set(reports))
    assert "resumed 1×" in cluster.teasel("status", "long")


def test_the_cluster_runs_the_source_that_was_sent(cluster, tmp_path):
    copy = tmp_path / "mine"
    for folder in ("search", "spaces", "trainables", "cluster"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("spaces", "trainables"):
        shutil.copy(ROOT / folder / "beta_vae.py", copy / folder / "my_vae.py")
    words = list(cluster.sweep("mine", "--trials", "1", "--steps", "20", "--mlflow", "none"))
    words[1] = "my_vae"
    said = cluster.teasel(*words, cwd=copy)
    assert "my_vae" in said
    assert "1 of 1 trials ended" in said


def test_a_sweep_whose_trials_all_fail_gives_3(cluster):
    words = cluster.sweep("fails", "--trials", "1", "--steps", "40", "--set", "lr=1e9", "--mlflow", "none")
    said = cluster.teasel(*words, code=3)
    assert "no trial completed" in said


def test_what_the_cluster_refuses_may_be_submitted_again(cluster):
    words = ["mnist" if word == "digits" else word for word in cluster.sweep("lacking", "--mlflow", "none")]
    for _ in range(2):
        said = cluster.teasel(*words, code=2)
        assert "mnist" in said
        assert "refused on the cluster before any work" in said
    mine = [job for job in cluster.jobs() if "lacking" in job]
    assert len(mine) == 2
    assert mine[1] == f"{mine[0]}-2"
    for python, code, why in (("no-such-python", 127, "no such Python"), ("python -S", 1, "has no module")):
        said = cluster.teasel(*cluster.sweep("python", "--python", python), code=code)
        assert why in said
        assert "--python" in said


def test_wrong_tokens_and_unknown_sweeps_are_one_sentence(cluster):
    without = Cluster(cluster.url, cluster.storage, "")
    del without.laptop["RAY_AUTH_TOKEN"]
    for laptop, token, said in (
        (without, {"HOME": "/nonexistent"}, "wants a token, and none was sent"),
        (cluster, {"RAY_AUTH_TOKEN": secrets.token_hex(32)}, "refuses the token that was sent"),
        (cluster, {}, f"{cluster.url} has no sweep 'nothing'"),
    ):
        for words in (("stop", "nothing"), ("logs", "nothing"), ("status", "nothing")):
            printed = laptop.teasel(*words, code=2, **token)
            assert said in printed
            assert len(printed.splitlines()) == 1
    assert "--storage" in cluster.teasel("resume", "nothing", code=2)
