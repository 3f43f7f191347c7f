"""One laptop, three hosts and one cluster for all tests of this folder."""

import signal
import sys

import pytest
from tests_hosts.cluster import PROFILE, Cluster, environment, kept
from tests_hosts.hosts import Hosts, lacking


def pytest_sessionstart(session):
    if problem := lacking():
        pytest.exit(f"make cluster-test cannot run here: {problem}.", returncode=1)
    # A terminated test run takes its hosts down as an interrupted one does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


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
