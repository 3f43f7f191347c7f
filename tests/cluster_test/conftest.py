"""One laptop, three hosts and one cluster for all tests of this folder."""

import signal

import pytest
import yaml
from tests_hosts.cluster import PROFILE, Cluster, environment, kept
from tests_hosts.hosts import Hosts, lacking


def pytest_sessionstart(session):
    if problem := lacking():
        pytest.exit(f"make cluster-test cannot run here: {problem}.", returncode=1)
    # A terminated test run takes its hosts down as an interrupted one does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def hosts():
    with Hosts(keep=kept(), profile=PROFILE, environment=environment()) as built:
        yield built


@pytest.fixture(scope="session")
def cluster(hosts):
    """The cluster, brought up; its token is on the laptop."""
    built = Cluster(hosts)
    built.token()
    built.up()
    return built


@pytest.fixture(scope="session")
def dashboard(cluster):
    """The address of the head's dashboard, on the laptop."""
    with cluster.tunnel() as address:
        yield address


@pytest.fixture(scope="session")
def sweep_file(hosts):
    """Write a sweep of β-VAEs on digits with some changes; its file, which laptop and hosts see."""

    def write(name, **changes):
        sweep = {
            "name": name,
            "methods": ["beta_vae"],
            "data": {"name": "digits", "options": {"size": 16}},
            "objectives": ["val/elbo"],
            "schedule": {"name": "none"},
            "space": {"network": "mlp", "hidden": 64, "batch_size": 64, "lr": {"low": 3e-4, "high": 3e-3}},
        }
        file = hosts.shared / f"{name}.yaml"
        file.write_text(yaml.safe_dump({**sweep, **changes}))
        return file

    return write
