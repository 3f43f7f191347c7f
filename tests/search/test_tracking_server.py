"""A real MLflow server: as good as a database, and however badly it behaves, nothing is lost or doubled."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from tests_search import ledgers
from tests_search.runs import content, proxy, runs

from search.ledger import Ledger, read
from search.tracking import publish
from search.tracking.publisher import STATUS
from search.tracking.server import free_port, link, serve

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return ledgers.small(tmp_path_factory.mktemp("original") / "whole")


@pytest.fixture(scope="module")
def once(original, mlflow_server):
    outcome = publish(original, mlflow_server)
    assert (outcome.backlog, outcome.error) == (0, None)
    return content(mlflow_server, "whole")


def other(original, folder):
    """The same sweep under another name, so that it gets an experiment of its own."""
    rows = read(original / "ledger.jsonl")
    ledgers.copy(original, folder)
    (folder / "ledger.jsonl").unlink()
    with Ledger.create(folder / "ledger.jsonl") as ledger:
        for row in rows:
            said = {k: v for k, v in row.items() if k != "kind"}
            if row["kind"] == "sweep":
                said["sweep"] = {**row["sweep"], "name": folder.name}
            ledger.append(row["kind"], **said)
    return folder


def same(uri, name, once):
    found = content(uri, name)
    for key, run in once.items():
        for part in ("params", "points", "latest", "child"):
            assert found[key][part] == run[part], (key, part)
        assert found[key]["face"][1:] == run["face"][1:]
        tags = {k: v for k, v in run["tags"].items() if k not in ("mlflow.note.content", "mlflow.runName")}
        assert {k: found[key]["tags"].get(k) for k in tags} == tags
        assert {f.rpartition("+")[0] for f in found[key]["files"]} == {f.rpartition("+")[0] for f in run["files"]}
        assert len(found[key]["files"]) == len(run["files"])
    assert set(found) == set(once)


def test_a_server_holds_what_a_database_holds(once):
    assert set(once) == {"sweep", *map(str, range(8))}
    assert once["4"]["latest"]["final/score/mig"] == 5 * 80 / 700
    assert "contact_sheet.png" in once["sweep"]["files"]


def test_twice_changes_nothing(original, once, mlflow_server):
    (original / "publisher-cursor.json").unlink()
    assert publish(original, mlflow_server).error is None
    assert content(mlflow_server, "whole") == once


def test_an_unfinished_reason_is_overwritten_by_none(tmp_path, mlflow_server):
    made = ledgers.Builder(tmp_path / "reason")
    made.trial(0)
    made.close("interrupted")
    publish(made.folder, mlflow_server)
    assert content(mlflow_server, "reason")["sweep"]["tags"]["reason"] == "interrupted"
    made.session()
    publish(made.folder, mlflow_server)
    assert content(mlflow_server, "reason")["sweep"]["tags"]["reason"] == ""
    made.ledger.close()


@pytest.mark.parametrize(("fault", "after"), [("reset", 0), ("lost", 3), ("lost", 9), ("error", 9), ("reset", 17)])
def test_a_server_that_fails_half_way(original, once, mlflow_server, tmp_path, fault, after):
    name = f"{fault}-{after}"
    folder = other(original, tmp_path / name)
    with proxy(mlflow_server) as between:
        between.plan(fault, after=after, faults=10**6)
        outcome = publish(folder, between.uri, pause=0.0)
        assert outcome.error and outcome.backlog > 0 and "\n" not in outcome.error
        assert f"`teasel publish {name} --storage {tmp_path}` tries again" in outcome.error
        between.plan("none", after=0, faults=0)
        assert publish(folder, between.uri).error is None
        assert publish(folder, between.uri).error is None
    same(mlflow_server, name, once)


def test_many_faults_one_after_the_other(original, once, mlflow_server, tmp_path):
    folder = other(original, tmp_path / "unsteady")
    with proxy(mlflow_server) as between:
        for number in range(1, 8):
            between.plan(("lost", "reset", "error")[number % 3], after=4 * number, faults=1)
            publish(folder, between.uri, pause=0.0)
        assert publish(folder, between.uri).error is None
    same(mlflow_server, "unsteady", once)


def test_a_server_that_hangs_does_not_hold_up(original, mlflow_server, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    folder = other(original, tmp_path / "hanging")
    with proxy(mlflow_server) as between:
        between.plan("hang", after=2, faults=10**6)
        begun = time.monotonic()
        outcome = publish(folder, between.uri, pause=0.0)
        assert time.monotonic() - begun < 30 and "no answer in time" in outcome.error


def test_down_from_the_start_then_up(mlflow_server, tmp_path):
    made = ledgers.Builder(tmp_path / "late")
    with proxy(mlflow_server) as between:
        between.plan("reset", after=0, faults=10**6)
        found = []
        follower = threading.Thread(
            target=lambda: found.append(publish(made.folder, between.uri, follow=True, pause=0.05))
        )
        follower.start()
        made.whole(0)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if (made.folder / STATUS).exists() and json.loads((made.folder / STATUS).read_text())["error"]:
                break
            time.sleep(0.05)
        state = json.loads((made.folder / STATUS).read_text())
        assert state["error"] and state["backlog"] > 0
        between.plan("none", after=0, faults=0)
        made.whole(1)
        made.close()
        follower.join(90)
        made.ledger.close()
    assert found[0].backlog == 0 and found[0].error is None
    assert set(content(mlflow_server, "late")) == {"sweep", "0", "1"}


def test_never_up_ends_in_bounded_time(tmp_path):
    folder = ledgers.small(tmp_path / "never")
    begun = time.monotonic()
    outcome = publish(folder, "http://127.0.0.1:9", follow=True, pause=0.1, patience=2.0)
    assert time.monotonic() - begun < 20
    assert outcome.backlog == 75 and "connection refused" in outcome.error


def test_what_is_published_beside_a_server_is_seen_through_it(tmp_path_factory, empty_database):
    """The publisher writes database and folder; the UI reads both through its server, as a browser does."""
    storage = tmp_path_factory.mktemp("ui")
    shutil.copy(empty_database, storage / "mlflow.db")
    publish(ledgers.small(storage / "look"))
    database = f"sqlite:///{storage / 'mlflow.db'}"
    run = next(r for r in runs(database, "look") if r.data.tags.get("teasel.trial") == "4")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code = (
            "import pathlib, sys; from search.tracking import serve; "
            "serve(pathlib.Path(sys.argv[1]), port=int(sys.argv[2]), name='look', "
            "say=lambda s: print(s, flush=True))"
        )
        command = [sys.executable, "-c", code, str(storage), str(port)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert f"Port {port} is taken; using " in process.stdout.readline()
            assert process.stdout.readline() == "Starting MLflow ...\n"
            said = process.stdout.readline().split()[-1]
            root, _, page = said.partition("/#/")
            assert page.startswith(f"experiments/{run.info.experiment_id}/runs?")
            for path in ("pictures/traversal/step-000080.png", *_grid(root, run.info.run_id)):
                query = urllib.parse.urlencode({"path": path, "run_uuid": run.info.run_id})
                with urllib.request.urlopen(f"{root}/get-artifact?{query}") as answer:
                    head = answer.read()
                assert head.startswith((b"\x89PNG", b"RIFF"))
            stranger = urllib.request.Request(
                f"{root}/api/2.0/mlflow/experiments/search", headers={"Host": "evil.example"}
            )
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(stranger)
            refused.value.close()
            assert refused.value.code == 403
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.stdout.close()
            if process.poll() is None:
                os.kill(process.pid, signal.SIGTERM)
                process.wait(30)
        with pytest.raises(OSError), socket.create_connection(("127.0.0.1", int(root.rpartition(":")[2])), 1):
            pass


def _grid(root, run):
    query = urllib.parse.urlencode({"run_id": run, "path": "images"})
    with urllib.request.urlopen(f"{root}/api/2.0/mlflow/artifacts/list?{query}") as answer:
        return [f["path"] for f in json.load(answer)["files"]]


def test_a_taken_port_gives_the_next():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) > port
        with pytest.raises(ValueError, match="all taken"):
            free_port(port, tries=1)


def test_nothing_published_yet(tmp_path):
    with pytest.raises(ValueError, match="No MLflow database"):
        serve(tmp_path)


def test_the_link_of_an_unknown_sweep_is_the_start_page(mlflow_server):
    assert link(mlflow_server, "no such sweep") == mlflow_server
