"""The check on a real Ray: of a whole node, and of one that has no Teasel.  Several hosts: ``make cluster-test``."""

import json
import os
import site
import subprocess
import sys

import pytest

WITHOUT_TEASEL = """
import json, os, sys
import ray
from cluster.check import nodes
from cluster.check.facts import Asked
from search.command_line import check_commands
from search.command_line.terminal import console_of
from search.sweep_file import from_command_line

address, storage, packages = sys.argv[1:]
os.chdir("/")
# Without .pth files, where an editable Teasel is named, and with everything else: a node that lacks it.
bare = {"py_executable": sys.executable + " -S", "env_vars": {"PYTHONPATH": packages}}
ray.init(address, log_to_driver=False, runtime_env=bare)
assert nodes.alone()
sweep = from_command_line(["beta_vae"], data="digits", objectives=["val/elbo"], trials=1, steps=10, storage=storage)
check_commands.before(sweep, data_root=None, mlflow=None, console=console_of())
print("nothing on one machine")
nodes.alone = lambda: False
try:
    check_commands.before(sweep, data_root=None, mlflow=None, console=console_of())
except ValueError as refused:
    print(refused)
os.environ["TEASEL_CHECK"] = "off"
check_commands.before(sweep, data_root=None, mlflow=None, console=console_of())
print("off")
"""


def test_a_node_without_teasel_is_named_and_the_sweep_refused(ray_address, tmp_path):
    storage = tmp_path / "results"
    said = subprocess.run(
        [sys.executable, "-c", WITHOUT_TEASEL, ray_address, str(storage), site.getsitepackages()[0]],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert said.returncode == 0, said.stderr
    nothing, refused = said.stdout.split("The cluster is not ready:\n")
    assert nothing == "nothing on one machine\n"
    missing, *_, again, off = refused.strip().splitlines()
    assert missing.startswith(f"Teasel is not installed on {os.uname().nodename} (for ")
    assert "`ray up CLUSTER.yaml`" in missing and "TEASEL_CHECK=off" in again and off == "off"
    assert not storage.exists(), "refused before any work, and nothing left behind"


@pytest.fixture(scope="module")
def found(ray_address, mlflow_server, tmp_path_factory):
    """What ``teasel check --json`` says of the session's cluster and server, for a sweep that asks too much."""
    folder = tmp_path_factory.mktemp("check")
    sweep = "{name: big, method: beta_vae, data: usps, objective: val/elbo, resources: {cpu: 2, gpu: 8}}"
    (folder / "big.yaml").write_text(sweep)
    command = [sys.executable, "-m", "search", "check", str(folder / "big.yaml"), "--json", "--address", ray_address]
    command += ["--storage", str(folder / "results"), "--mlflow", mlflow_server, "--data-root", str(folder)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["big.yaml"], "nothing is left behind"
    return json.loads(ran.stdout)


def test_more_gpus_than_exist_and_a_dataset_that_is_missing(found):
    assert not found["ready"]
    said = {error["what"].split()[0]: error["what"] for error in found["errors"]}
    # The session's Ray gives out a GPU that is not there, which is an error of its own where torch sees none.
    assert said["a"].startswith("a trial asks for 8 GPU, and the largest node has ")
    assert said["dataset"].startswith("dataset usps is missing on ") and "no file usps.h5" in said["dataset"]
    (node,) = found["nodes"]
    blind = len(node["gpus"]) < node["offered"]
    assert blind == ("on" in said) and (not blind or "and torch sees" in said["on"])
    assert len(said) == len(found["errors"]) == 2 + blind


def test_what_is_well_is_not_complained_of(found):
    (node,) = found["nodes"]
    assert node["files"] == {"reads": True, "writes": True, "returned": True, "fault": ""}
    assert {key: node[key] for key in ("python", "ray", "torch", "teasel")} == {
        key: found["here"][key] for key in ("python", "ray", "torch", "teasel")
    }
    assert abs(node["clock"]) - node["clock_doubt"] < 0.5 and node["cpus"] == 2
    # The token keeps strangers out, on whatever address Ray listens.
    assert node["doors"] == []


def test_an_artifact_went_through_the_tracking_server_and_nothing_is_left(found, mlflow_server):
    assert found["tracking"] == {"uri": mlflow_server, "fault": "", "artifact": "", "open": ""}
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=mlflow_server)
    assert not [each for each in client.search_experiments() if each.name.startswith("teasel-check")]
