"""A sweep by ``ray submit`` over three hosts, of which one is switched off half-way and one is off the network."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests_hosts.cluster import until
from tests_search.invariants import check
from tests_search.runs import runs

from search.folder import existing
from search.history import COMPLETE
from search.ledger import read
from search.sweep_file import load

pytestmark = pytest.mark.timeout(2400)


@pytest.fixture(scope="module")
def swept(cluster, hosts, sweep_file):
    """The sweep after its end."""
    file = sweep_file("three_hosts", budget={"trials": 12, "steps": 6000})
    sweep = cluster.submit("run", file, "--storage", cluster.storage)

    def live():
        """Hosts whose trial has reported and is not at its end."""
        return {trial.hosts[-1] for trial in cluster.history("three_hosts").trials if trial.hosts and not trial.ended}

    def lost():
        return sum(len(trial.lost) for trial in cluster.history("three_hosts").trials)

    until("a trial on each host", lambda: len(live()) == 3, alive=sweep)
    hosts["worker-1"].kill()
    hosts.cut("worker-2")
    try:
        until("both losses recorded", lambda: lost() >= 2, alive=sweep)
    finally:
        hosts.join("worker-2")
        hosts.boot("worker-1")
    assert sweep.wait(1200) == 0, sweep.said
    return SimpleNamespace(sweep=load(file), history=cluster.history("three_hosts"), folder=cluster.storage)


def test_every_trial_ended_exactly_once(swept):
    check(swept.history, swept.sweep)
    assert len(swept.history.trials) == 12 and all(trial.state == COMPLETE for trial in swept.history.trials)
    rows = read(existing(swept.folder, "three_hosts").ledger)
    assert sorted(row["trial"] for row in rows if row["kind"] == "end") == list(range(12))
    steps = [(row["trial"], row["step"]) for row in rows if row["kind"] == "report"]
    assert len(steps) == len(set(steps)), "a step was recorded twice"


def test_trials_ran_on_all_hosts_and_moved(swept):
    trials = swept.history.trials
    assert {host for trial in trials for host in trial.hosts} == {"head", "worker-1", "worker-2"}
    moved = [trial for trial in trials if trial.lost]
    assert len(moved) >= 2 and all(trial.attempts == 1 + len(trial.lost) for trial in moved)
    assert any(len(trial.hosts) > 1 for trial in moved), "none went on elsewhere"
    reasons = " ".join(why for trial in moved for why in trial.lost)
    assert "worker-1" in reasons and "worker-2" in reasons, reasons


def test_mlflow_and_ledger_agree(swept):
    from mlflow import MlflowClient

    uri = f"sqlite:///{swept.folder / 'mlflow.db'}"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    found = {run.data.tags.get("teasel.trial", "sweep"): run for run in runs(uri, "three_hosts")}
    assert set(found) == {"sweep", *map(str, range(12))} and len(runs(uri, "three_hosts")) == 13
    for trial in swept.history.trials:
        run = found[str(trial.number)]
        assert run.info.status == "FINISHED" and run.data.tags["attempts"] == str(trial.attempts)
        for metric in trial.metrics:
            there = [(point.step, point.value.hex()) for point in client.get_metric_history(run.info.run_id, metric)]
            here = [(report.step, report.metrics[metric].hex()) for report in trial.reports]
            assert sorted(there) == sorted(here), f"{metric} of trial {trial.number}"


def test_both_hosts_are_taken_back(swept, cluster):
    until("three nodes", lambda: len(cluster.nodes()) == 3)
