"""A cluster that is not ready is told from a ready one before a trial begins, and what is wrong is named."""

import importlib.util
from pathlib import Path

import h5py
import numpy as np
import pytest

pytestmark = pytest.mark.timeout(2400)

VERSION = Path(importlib.util.find_spec("torch").submodule_search_locations[0]) / "version.py"


@pytest.fixture(scope="module")
def originals(hosts):
    """A folder with a dataset's original, as small as its reader takes."""
    folder = hosts.shared / "data"
    (folder / "USPS").mkdir(parents=True)
    with h5py.File(folder / "USPS" / "usps.h5", "w") as file:
        for part, number in (("train", 7291), ("test", 2007)):
            file[f"{part}/data"] = np.zeros((number, 256), np.float32)
            file[f"{part}/target"] = np.arange(number, dtype=np.int32) % 10
    return folder


@pytest.fixture
def on_usps(sweep_file):
    return sweep_file("on_usps", data={"name": "usps"}, budget={"trials": 3, "steps": 60})


def refused(cluster, *words):
    """What ``ray submit`` says of a sweep that must not begin."""
    command = cluster.submit(*words)
    assert command.wait(1200) != 0, command.said
    said = " ".join(command.said.split())
    assert "Traceback" not in said, command.said
    return said


def test_a_ready_cluster_is_found_ready(cluster, originals, on_usps):
    said = cluster.submitted("check", on_usps, "--storage", cluster.storage, "--data-root", originals)
    assert "head" in said and "worker-1" in said and "worker-2" in said


def test_what_is_wrong_is_named_before_a_trial_begins(cluster, hosts, originals, on_usps):
    storage = hosts.shared / "only_the_head"
    storage.mkdir()
    one, two = hosts["worker-1"], hosts["worker-2"]
    other = hosts.shared / "version.py"
    other.write_text(VERSION.read_text().replace("__version__ = '", "__version__ = '1."))
    assert other.read_text() != VERSION.read_text()
    empty = hosts.shared / "empty"
    empty.mkdir()
    done = []
    try:
        for host in (one, two):
            done.append(host.mount("--bind", storage, storage))
            host.mount("-o", "remount,bind,ro", storage)
        done.append(two.mount("--bind", other, VERSION))
        done.append(one.mount("--bind", empty, originals))
        for command in (["check"], ["run"]):
            said = refused(cluster, *command, on_usps, "--storage", storage, "--data-root", originals)
            assert f"{storage} can be read but not written on worker-1 and worker-2" in said, said
            assert "torch is 1." in said and "on worker-2" in said, said
            assert "dataset usps is missing on worker-1" in said, said
    finally:
        for unmount in done:
            unmount()
    assert not list(storage.rglob("ledger*")), "a sweep began"
