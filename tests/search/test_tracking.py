"""A ledger in a real MLflow database: whole, in steps, twice, at once, and after a ``kill -9``."""

import json
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from tests_search import ledgers
from tests_search.runs import content, deleted, runs

from search.ledger import Ledger, read
from search.tracking import publish, start, wait
from search.tracking.publisher import CURSOR, STATUS


def uri(storage):
    return f"sqlite:///{storage / 'mlflow.db'}"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """One sweep and what MLflow should hold of it."""
    return ledgers.small(tmp_path_factory.mktemp("original") / "look")


@pytest.fixture(scope="module")
def once(original, tmp_path_factory, empty_database):
    """What publishing it once leaves."""
    storage = tmp_path_factory.mktemp("once")
    shutil.copy(empty_database, storage / "mlflow.db")
    outcome = publish(ledgers.copy(original, storage / "look"))
    assert (outcome.published, outcome.backlog, outcome.error) == (75, 0, None)
    return content(uri(storage), "look")


def test_whole(original, once):
    rows = read(original / "ledger.jsonl")
    assert set(once) == {"sweep", *map(str, range(8))}
    for number in range(8):
        run = once[str(number)]
        reports = [r for r in rows if r["kind"] == "report" and r["trial"] == number]
        expected = sorted(
            (name, value.hex(), round(r["time"] * 1000), r["step"])
            for r in reports
            for name, value in r["metrics"].items()
            if isinstance(value, float) and "\x1b" not in name
        )
        own = [p for p in run["points"] if not p[0].startswith(("best/", "final/", "rank", "bad name"))]
        assert own == expected
        steps = {r["step"] for r in reports if r["pictures"]}
        files = {f"pictures/{name}/step-{s:06d}.png" for s in steps for name in ledgers.PICTURES}
        grid = [f for f in run["files"] if f.startswith("images/")]
        assert files == {f for f in run["files"] if f.startswith("pictures/")}
        keys = Counter(Path(f).name.partition("+")[0] for f in grid)
        assert keys == {name: 2 * len(steps) for name in ledgers.PICTURES if steps}
        assert ("mlflow.loggedImages" in run["tags"]) == bool(steps)
        assert run["params"]["steps"] == "80" and run["params"]["latents"] == str(6 + number % 4)
    sweep = once["sweep"]
    assert sweep["face"][1] == "FINISHED" and sweep["params"]["schedule.rungs"] == "20"
    assert set(sweep["files"]) == {
        *("sweep.yaml", "ranking.csv", "ranking.json", "description.md", "contact_sheet.png", "report.html"),
    }
    assert "Best: trial 004" in sweep["tags"]["mlflow.note.content"]
    assert once["2"]["params"]["network"] == "x" * 6000
    assert once["2"]["tags"]["reason"].startswith("train/kl is nan at step 10 \\x1b[31mred\\x00")
    assert "CANARY" not in json.dumps(once)
    assert once["4"]["tags"]["attempts"] == "2" and once["4"]["latest"]["rank"] == 1.0


def test_the_grid_names_pictures_as_mlflow_does(once, storage):
    from mlflow import MlflowClient
    from PIL import Image

    client = MlflowClient(tracking_uri=uri(storage), registry_uri=uri(storage))
    experiment = client.create_experiment("theirs", artifact_location=(storage / "theirs").as_uri())
    run = client.create_run(experiment).info.run_id
    client.log_image(run, Image.new("RGB", (9, 9)), key="traversal", step=80, timestamp=5)
    theirs = sorted(Path(a.path).name for a in client.list_artifacts(run, "images"))
    ours = sorted(Path(f).name for f in once["4"]["files"] if f.startswith("images/traversal+step+80"))

    def shape(name):
        head, _, tail = name.partition("+timestamp+")
        return head, [len(part) for part in tail.partition("+")[2].split("-")], Path(tail).suffix

    assert [shape(n) for n in sorted(ours)] == [shape(n) for n in sorted(theirs)]


def test_in_steps_is_once(original, once, storage):
    for rows in (1, 2, 4, 17, 18, 30, 45, 46, 60, 74, 75):
        folder = ledgers.copy(original, storage / "look", rows)
        outcome = publish(folder)
        assert (outcome.published, outcome.error) == (rows, None)
    assert content(uri(storage), "look") == once


def test_twice_changes_nothing_even_without_the_cursor(original, once, storage):
    folder = ledgers.copy(original, storage / "look")
    publish(folder)
    first = (storage / "mlflow.db").read_bytes()
    publish(folder)
    assert (storage / "mlflow.db").read_bytes() == first
    (folder / CURSOR).unlink()
    publish(folder)
    (folder / CURSOR).write_text('{"not": "mine"')
    publish(folder)
    assert content(uri(storage), "look") == once
    assert not deleted(uri(storage), "look")


def test_a_cursor_that_claims_too_much_is_not_believed(original, once, storage):
    folder = ledgers.copy(original, storage / "look", 40)
    shutil.copy(storage / "mlflow.db", storage / "before.db")
    publish(folder)
    shutil.copy(storage / "mlflow.db", storage / "before.db")
    ledgers.copy(original, folder)
    publish(folder)
    # The server's database is set back to a copy; the cursor still knows of later points.
    shutil.copy(storage / "before.db", storage / "mlflow.db")
    publish(folder)
    assert content(uri(storage), "look") == once


def test_two_at_once(original, once, storage):
    folder = ledgers.copy(original, storage / "look")
    found = []
    both = [threading.Thread(target=lambda: found.append(publish(folder))) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert [o.error for o in found] == [None, None]
    assert content(uri(storage), "look") == once


def test_duplicates_from_another_machine_are_removed(original, once, storage):
    from mlflow import MlflowClient

    folder = ledgers.copy(original, storage / "look", 20)
    publish(folder)
    client = MlflowClient(tracking_uri=uri(storage), registry_uri=uri(storage))
    for run in runs(uri(storage), "look"):
        tags = {k: v for k, v in run.data.tags.items() if k != "mlflow.runName"}
        client.create_run(run.info.experiment_id, run.info.start_time, tags, run.info.run_name)
    publish(ledgers.copy(original, folder))
    found = content(uri(storage), "look")
    for run in found.values():
        run["tags"].pop("teasel.duplicate", None)
    assert found == once
    assert all("teasel.duplicate" in r.data.tags for r in deleted(uri(storage), "look"))


def test_a_deleted_run_comes_back(original, once, storage):
    from mlflow import MlflowClient

    folder = ledgers.copy(original, storage / "look")
    publish(folder)
    client = MlflowClient(tracking_uri=uri(storage), registry_uri=uri(storage))
    for run in runs(uri(storage), "look")[:3]:
        client.delete_run(run.info.run_id)
    publish(folder)
    assert content(uri(storage), "look") == once


def test_a_new_sweep_of_an_old_name_gets_runs_of_its_own(original, storage):
    publish(ledgers.copy(original, storage / "look"))
    shutil.rmtree(storage / "look")
    time.sleep(0.01)
    publish(ledgers.small(storage / "look"))
    assert len(runs(uri(storage), "look")) == 18


KILLED = """
import os, signal, shutil, sys, warnings
from pathlib import Path
from mlflow import MlflowClient
from search.tracking import publish

folder = Path(sys.argv[1])
CALLS = ("create_experiment", "create_run", "log_batch", "log_artifacts", "set_terminated", "update_run", "set_tag")

def kill_at(number, after):
    left = [number]
    def wrap(call):
        def wrapped(*args, **kwargs):
            left[0] -= 1
            if left[0] == 0 and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            found = call(*args, **kwargs)
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return found
        return wrapped
    for name in CALLS:
        setattr(MlflowClient, name, wrap(getattr(MlflowClient, name)))

killed = 0
for number in (2, 5, 8, 12):
    for after in (False, True):
        child = os.fork()
        if not child:
            kill_at(number, after)
            publish(folder)
            os._exit(0)
        killed += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
print(killed)
print(publish(folder).error)
"""


def test_killed_in_the_middle_again_and_again(original, once, storage):
    folder = ledgers.copy(original, storage / "look")
    command = [sys.executable, "-c", KILLED, str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    killed, error = ended.stdout.split()
    assert int(killed) >= 6 and error == "None", ended.stderr
    assert content(uri(storage), "look") == once


def test_following_a_sweep_to_its_end(storage):
    made = ledgers.Builder(storage / "look")
    found = []
    follower = threading.Thread(target=lambda: found.append(publish(made.folder, follow=True, pause=0.1)))
    follower.start()
    for number in range(3):
        made.whole(number)
        time.sleep(0.5)
    state = json.loads((made.folder / STATUS).read_text())
    assert state["published"] > 0 and state["error"] is None and follower.is_alive()
    made.trial(3)
    made.report(3, 10)
    made.close("interrupted")
    follower.join(60)
    made.ledger.close()
    assert found[0].backlog == 0 and found[0].error is None
    found = content(uri(storage), "look")
    assert found["3"]["face"][1] == found["sweep"]["face"][1] == "KILLED"
    assert found["0"]["face"][1] == "FINISHED" and "ranking.csv" in found["sweep"]["files"]


def test_a_driver_that_dies_leaves_nothing_running(storage):
    made = ledgers.Builder(storage / "look")
    made.whole(0)
    made.trial(1)
    publish(made.folder)
    assert content(uri(storage), "look")["1"]["face"][1] == "RUNNING"
    made.ledger.close()
    assert publish(made.folder, follow=True, pause=0.1).error is None
    assert {r["face"][1] for r in content(uri(storage), "look").values()} == {"FINISHED", "KILLED"}
    made.ledger = Ledger.open(made.folder / "ledger.jsonl")
    made.session()
    publish(made.folder)
    found = content(uri(storage), "look")
    assert found["1"]["face"][1] == found["sweep"]["face"][1] == "RUNNING"
    made.ledger.close()


def test_a_process_beside_the_sweep(storage):
    made = ledgers.Builder(storage / "look")
    process = start(made.folder)
    made.whole(0)
    made.close()
    made.ledger.close()
    assert wait(process, made.folder, seconds=60) == ""
    assert set(content(uri(storage), "look")) == {"sweep", "0"}


def test_a_process_that_cannot_publish_says_so(tmp_path):
    made = ledgers.Builder(tmp_path / "look")
    process = start(made.folder, "http://127.0.0.1:9")
    made.close()
    made.ledger.close()
    deadline = time.monotonic() + 60
    while not (made.folder / STATUS).exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    said = wait(process, made.folder, seconds=1)
    assert said.startswith("MLflow lacks 3 rows: http://127.0.0.1:9: no server there")


def test_a_picture_outside_the_sweep_is_not_published(storage):
    made = ledgers.Builder(storage / "look", pictures=False)
    ledgers.picture(storage / "secret.png", 3)
    (made.folder / "link.png").symlink_to(storage / "secret.png")
    (made.folder / "cut.png").write_bytes(b"\x89PNG cut")
    made.trial(0)
    paths = ["../secret.png", "link.png", "cut.png", "gone.png", str(storage / "secret.png")]
    row = {"metrics": {"score/mig": 0.5}, "checkpoint": None, "pictures": paths}
    made.ledger.append("report", trial=0, attempt=1, step=80, **row)
    made.end(0)
    made.ledger.close()
    assert publish(made.folder).error is None
    assert content(uri(storage), "look")["0"]["files"] == {}
