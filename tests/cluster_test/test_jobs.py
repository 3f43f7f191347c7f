"""Sweeps as jobs, from a laptop, through the head's dashboard and with Ray's token."""

import pytest
from tests_hosts.cluster import BIN, REPOSITORY, until

from search.history import COMPLETE

pytestmark = pytest.mark.timeout(2400)

STRANGER = "0" * 64
"""A token, and not the cluster's."""


def complete(history, trials):
    return [trial.state for trial in history.trials] == [COMPLETE] * trials


def test_ray_job_submit(cluster, hosts, dashboard, sweep_file):
    file = sweep_file("as_a_job", budget={"trials": 3, "steps": 300})
    command = ["python", "sweep.py", "run", file, "--storage", cluster.storage]
    submit = [BIN / "ray", "job", "submit", "--address", dashboard, "--working-dir", REPOSITORY / "cluster", "--"]
    done = hosts.laptop.run(*submit, *command, env={"RAY_AUTH_MODE": "token"}, timeout=1200)
    assert done.code == 0, done.said
    assert complete(cluster.history("as_a_job"), 3)


def test_a_sweep_goes_on_when_its_laptop_dies(cluster, hosts, dashboard, sweep_file):
    file = sweep_file("left_alone", budget={"trials": 6, "steps": 3000})
    submit = ["submit", file, "--storage", cluster.storage, "--address", dashboard]
    laptop = hosts.laptop.start(BIN / "teasel", *submit)
    until("a report", lambda: cluster.reports("left_alone"), alive=laptop)
    laptop.kill()
    before = cluster.reports("left_alone")
    assert "left_alone: running" in cluster.teasel("status", "left_alone", "--address", dashboard)
    until("reports without the laptop", lambda: cluster.reports("left_alone") > before)
    # Submitted once more, it is recognised and followed to its end.
    said = cluster.teasel(*submit)
    assert "left_alone runs already" in said and "left_alone is done" in said
    history = cluster.history("left_alone")
    assert complete(history, 6) and all(trial.attempts == 1 for trial in history.trials)
    assert "left_alone: done" in cluster.teasel("status", "left_alone", "--address", dashboard)


def test_another_token_is_refused(cluster, hosts, dashboard, sweep_file):
    file = sweep_file("unwanted", budget={"trials": 3, "steps": 300})
    submit = ["submit", file, "--storage", cluster.storage, "--address", dashboard]
    said = cluster.teasel(*submit, code=2, RAY_AUTH_TOKEN=STRANGER)
    assert "refuses the token that was sent" in said and STRANGER not in said and "Traceback" not in said
    head = f"{hosts['head'].address}:6379"
    for command in (["run", file, "--storage", cluster.storage], ["check"]):
        said = cluster.teasel(*command, "--address", head, code=2, RAY_AUTH_TOKEN=STRANGER)
        assert "asks for a token" in said and STRANGER not in said and "Traceback" not in said
    assert not cluster.history("unwanted").trials


def test_an_unreachable_head_is_named(cluster, hosts, sweep_file):
    file = sweep_file("nowhere", budget={"trials": 3, "steps": 300})
    # Nobody has the one address, and at the other the dashboard answers its own machine alone.
    for host in ("10.77.0.99", hosts["head"].address):
        address = f"http://{host}:8265"
        said = cluster.teasel("submit", file, "--storage", cluster.storage, "--address", address, code=2)
        assert f"No Ray dashboard answers at {address}" in said and "Traceback" not in said
    said = cluster.teasel("run", file, "--storage", cluster.storage, "--address", "10.77.0.99:6379", code=2)
    assert "No Ray cluster answers at '10.77.0.99:6379'" in said and "Traceback" not in said
