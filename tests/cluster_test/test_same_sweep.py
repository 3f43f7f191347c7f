"""One sweep file, unchanged, on the laptop and on three hosts: with one trial at a time the same search."""

import pytest
from tests_search.invariants import essence

pytestmark = pytest.mark.timeout(2400)


def test_the_same_configurations(cluster, hosts, sweep_file):
    sampler = {"name": "tpe", "seed": 3, "startup": 3}
    file = sweep_file("same", budget={"trials": 8, "steps": 300}, sampler=sampler, concurrency=1)
    cluster.submitted("run", file, "--storage", cluster.storage)
    own = hosts.shared / "laptop"
    cluster.teasel("run", file, "--storage", own)
    there, here = cluster.history("same"), cluster.history("same", own)
    assert len(here.trials) == 8
    assert {trial.hosts for trial in here.trials} == {("laptop",)}
    assert {host for trial in there.trials for host in trial.hosts} <= {"head", "worker-1", "worker-2"}
    assert essence(there) == essence(here)
