"""One sweep file, unchanged, on the laptop and on three hosts: with one trial at a time the same search."""

import pytest
import yaml
from tests_search.invariants import essence

pytestmark = pytest.mark.timeout(2400)

SWEEP = {
    "name": "same",
    "methods": ["beta_vae"],
    "data": {"name": "digits", "options": {"size": 16}},
    "objectives": ["val/elbo"],
    "budget": {"trials": 8, "steps": 300},
    "sampler": {"name": "tpe", "seed": 3, "startup": 3},
    "schedule": {"name": "none"},
    "concurrency": 1,
    "space": {"network": "mlp", "hidden": 64, "batch_size": 64, "lr": {"low": 3e-4, "high": 3e-3}},
}


def test_the_same_configurations(cluster, hosts):
    file = hosts.shared / "same.yaml"
    file.write_text(yaml.safe_dump(SWEEP))
    cluster.submitted("run", file, "--storage", cluster.storage)
    own = hosts.shared / "laptop"
    cluster.teasel("run", file, "--storage", own)
    there, here = cluster.history("same"), cluster.history("same", own)
    assert len(here.trials) == 8
    assert {trial.hosts for trial in here.trials} == {("laptop",)}
    assert {host for trial in there.trials for host in trial.hosts} <= {"head", "worker-1", "worker-2"}
    assert essence(there) == essence(here)
