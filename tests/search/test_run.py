"""Sweeps on a real Ray, driven by the command line: finished, killed, interrupted, failing."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests_search import invariants

from search.folder import folder
from search.history import COMPLETE, FAIL
from search.ledger import Ledger, read
from search.run import Driver, create, loop, reopen, run_here
from search.sweep_file import from_command_line

SMALL = ["data.size=16", "discriminator_units=64", "lr=1e-4..1e-2"]
WORDS = ["--data", "digits", "--objective", "val/elbo", "--trials", "6", "--steps", "60"]


def teasel(*words, address=None, sets=SMALL, **options):
    """Start ``teasel`` as a user would."""
    command = [sys.executable, "-m", "search", *words]
    if address:
        command += ["--address", address]
    if words[0] == "run":
        command += [word for text in sets for word in ("--set", text)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, **options
    )


def finish(process, code=0):
    said, _ = process.communicate(timeout=240)
    assert process.returncode == code, said
    return said


def reference(tmp_path, concurrency=1, **changes):
    """The same sweep uninterrupted, in this process."""
    sweep = from_command_line(
        ["factor_vae"],
        data="digits",
        objectives=["val/elbo"],
        trials=6,
        steps=60,
        sets=SMALL,
        name="reference",
        storage=str(tmp_path),
        **changes,
    )
    place, ledger = create(sweep)
    with ledger:
        run_here(Driver(place, sweep, loop(ledger, sweep, concurrency=concurrency)))
    return sweep, place.history()


def wait_for(condition, process, seconds=120):
    for _ in range(seconds * 20):
        if found := condition():
            return found
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    raise TimeoutError("it did not happen")


def trial_processes():
    """Process ids of the Ray actors that train, on this session's Ray and on no other."""
    found, ours = [], os.environ["RAY_AUTH_TOKEN"].encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            # Ray names it by what it does: between two reports it has the class that `with_resources` made.
            trains = path.read_bytes().startswith((b"ray::SweepTrial", b"ray::ResourceTrainable"))
            if trains and ours in path.with_name("environ").read_bytes():
                found.append(int(path.parent.name))
    return found


def test_killed_driver_resumed_equals_uninterrupted(tmp_path, ray_address):
    sweep, whole = reference(tmp_path, seeds=2)
    words = ["--storage", str(tmp_path), "--mlflow", "none"]
    named = ["--name", "killed", "--concurrency", "1", "--seeds", "2"]
    process = teasel("run", "factor_vae", *WORDS, *words, *named, address=ray_address)
    place = folder(tmp_path, "killed")
    for reports in (3, 8):
        wait_for(
            lambda reports=reports: (
                place.ledger.exists() and sum(row["kind"] == "report" for row in read(place.ledger)) >= reports
            ),
            process,
        )
        process.send_signal(signal.SIGKILL)
        process.communicate()
        process = teasel("resume", "killed", *words, address=ray_address)
    said = finish(process)
    assert "Best: trial" in said
    history = place.history()
    invariants.check(history, sweep)
    assert invariants.essence(history) == invariants.essence(whole)
    top = json.loads(finish(teasel("top", "killed", "--json", "--storage", str(tmp_path))))
    assert sorted(trial["trial"] for trial in top) == list(range(6))
    for trial in top:
        assert trial["metrics"] == dict(history.trials[trial["trial"]].metrics)


def test_extended_sweep_equals_a_longer_one(tmp_path, ray_address):
    _, whole = reference(tmp_path)
    words = ["--storage", str(tmp_path), "--mlflow", "none"]
    shorter = [*WORDS[:5], "4", *WORDS[6:]]
    finish(teasel("run", "factor_vae", *shorter, *words, "--name", "more", "--concurrency", "1", address=ray_address))
    said = finish(teasel("resume", "more", *words))
    assert "has ended" in said and "--trials +20" in said
    finish(teasel("resume", "more", "--trials", "+2", *words, address=ray_address))
    assert invariants.essence(folder(tmp_path, "more").history()) == invariants.essence(whole)


def test_interrupted_once_says_how_to_go_on(tmp_path, ray_address):
    words = ["--storage", str(tmp_path), "--mlflow", "none"]
    process = teasel("run", "factor_vae", *WORDS, *words, "--name", "stopped", address=ray_address)
    place = folder(tmp_path, "stopped")
    wait_for(lambda: place.ledger.exists() and any(r["kind"] == "report" for r in read(place.ledger)), process)
    process.send_signal(signal.SIGINT)
    said = finish(process, code=130)
    assert "teasel resume stopped" in said
    assert place.history().closed == "interrupted"
    finish(teasel("resume", "stopped", *words, address=ray_address))
    history = place.history()
    assert history.closed == "finished" and history.finished


def test_a_killed_worker_loses_nothing(tmp_path, ray_address):
    words = ["--storage", str(tmp_path), "--mlflow", "none", "--schedule", "none"]
    process = teasel(
        "run", "factor_vae", *WORDS[:5], "2", "--steps", "400", *words, "--name", "worker", address=ray_address
    )
    place = folder(tmp_path, "worker")
    wait_for(lambda: place.ledger.exists() and any(r["kind"] == "report" for r in read(place.ledger)), process)

    def lost():
        return [row for row in read(place.ledger) if row["kind"] == "lost"]

    # A worker may be between two trials when it is killed, and then nothing is lost: until one is.
    for _ in range(20):
        for worker in wait_for(trial_processes, process):
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            wait_for(lost, process, seconds=5)
            break
    finish(process)
    history = place.history()
    assert [trial.state for trial in history.trials] == [COMPLETE] * 2
    assert lost()
    for trial in history.trials:
        assert trial.attempts == len(trial.lost) + 1
        steps = [report.step for report in trial.reports]
        assert steps == sorted(set(steps)) and steps[-1] == 400


def test_failing_trials_fail_with_their_reason_and_exit_code(tmp_path, ray_address):
    words = ["--storage", str(tmp_path), "--mlflow", "none", "--name", "failing"]
    said = finish(teasel("run", "factor_vae", *WORDS, *words, address=ray_address, sets=["lr=1e30"]), code=3)
    assert "no trial completed" in said.lower()
    trials = folder(tmp_path, "failing").history().trials
    assert len(trials) == 6
    assert all(trial.state == FAIL and "not finite" in trial.reason for trial in trials)


def test_a_trial_that_raises_says_why():
    from trainables.core.ray_trainable import ATTEMPT, REPORT, SweepTrial

    attempt = {"method": "factor_vae", "config": {}, "seed": 0, "steps": 2, "reports": [2], "options": {"size": 8}}
    said = json.loads(SweepTrial({ATTEMPT: attempt}).step()[REPORT])
    assert said["failed"].startswith("ValueError: ") and "8×8" in said["failed"]
    assert "Traceback" in said["trace"]


def test_train_keeps_the_same_records(tmp_path):
    words = ["--data", "digits", "--set", "data.size=16", "--steps", "40", "--set", "beta=2"]
    said = finish(teasel("train", "beta_vae", *words, "--storage", str(tmp_path), "--mlflow", "none", "--name", "one"))
    assert "beta: 2" in said
    (trial,) = folder(tmp_path, "one").history().trials
    assert trial.state == COMPLETE and trial.config["beta"] == 2.0 and trial.step == 40
    last = tmp_path / "one" / trial.reports[-1].checkpoint
    assert (last / "model.safetensors").exists() and (last / "traversal.png").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "factor_vea"], "did you mean 'factor_vae'"),
        (["run", "nothing.yaml"], "no sweep file"),
        (["top", "nothing"], "No sweep named 'nothing'"),
        (["resume", "nothing"], "No sweep named 'nothing'"),
        (["top", "../etc"], "No sweep named '../etc'"),
        (["resume", "taken", "--trials", "many"], "--trials many"),
        (["resume", "taken", "--trials", "1"], "can only grow"),
        (["run", "beta_vae", *WORDS, "--name", "taken"], "teasel resume taken"),
        (["run", "beta_vae", *WORDS, "--name", "../up"], "name"),
        (["run", "beta_vae", *WORDS, "--set", "betta=4"], "beta"),
        (["run", "beta_vae", "--data", "mnist", "--objective", "val/elbo"], "--download"),
        (["run", "beta_vae", "--data", "mnist", "--objective", "score/mig"], "factors"),
        (["publish", "nothing"], "No sweep named 'nothing'"),
    ],
)
def test_refused_before_any_work(tmp_path, words, expected):
    place = folder(tmp_path, "taken")
    sweep = from_command_line(
        ["beta_vae"], data="digits", objectives=["val/elbo"], trials=3, name="taken", storage=str(tmp_path)
    )
    create(sweep)[1].close()
    before = place.ledger.read()
    environment = {**os.environ, "TEASEL_DATA_ROOT": str(tmp_path / "empty")}
    said = finish(teasel(*words, "--storage", str(tmp_path), env=environment, sets=[]), code=2)
    assert expected in " ".join(said.split()), said
    assert "Traceback" not in said
    assert place.ledger.read() == before
    assert sorted(p.name for p in Path(tmp_path).iterdir()) == ["taken"]


def test_a_torn_ledger_is_said_and_a_damaged_one_refused(tmp_path, ray_address):
    _, whole = reference(tmp_path)
    place = folder(tmp_path, "reference")
    lines = place.ledger.read().split(b"\n")
    assert lines[-1] == b"" and b'"end"' in lines[-2]
    place.ledger.write(b"\n".join(lines[:-1])[:-20])
    words = ["--storage", str(tmp_path), "--mlflow", "none"]
    said = finish(teasel("resume", "reference", *words, address=ray_address))
    assert f"torn ({len(lines[-2]) - 20} bytes" in " ".join(said.split())
    assert invariants.essence(place.history()) == invariants.essence(whole)
    lines = place.ledger.read().split(b"\n")
    lines[4] = lines[4][:-2] + b" }"
    place.ledger.write(b"\n".join(lines))
    said = finish(teasel("resume", "reference", *words), code=2)
    assert "row 5 " in said and "damaged" in said


def test_an_unreachable_cluster_is_said_and_leaves_nothing(tmp_path):
    words = ["--storage", str(tmp_path), "--mlflow", "none", "--name", "far"]
    said = finish(teasel("run", "factor_vae", *WORDS, *words, address="127.0.0.1:9"), code=2)
    assert "No Ray cluster answers at '127.0.0.1:9'" in said
    assert not folder(tmp_path, "far").path.exists()


def test_a_full_disk_ends_the_sweep_in_order(tmp_path, monkeypatch):
    sweep = from_command_line(
        ["beta_vae"], data="digits", objectives=["val/elbo"], trials=2, steps=20, storage=str(tmp_path), sets=SMALL[:1]
    )
    place, ledger = create(sweep)
    driver = Driver(place, sweep, loop(ledger, sweep, concurrency=1))
    append, left = ledger.append, [4]

    def full(kind, **fields):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return append(kind, **fields)

    monkeypatch.setattr(ledger, "append", full)
    run_here(driver)
    assert driver.broken is not None and driver.loop.stopping
    ledger.close()
    place, ledger = reopen(tmp_path, sweep.name)
    with ledger:
        run_here(Driver(place, sweep, loop(ledger, sweep, concurrency=1)))
    invariants.check(place.history(), sweep)


def test_a_running_sweep_has_one_driver(tmp_path):
    reference(tmp_path)
    with Ledger.open(folder(tmp_path, "reference").ledger):
        said = finish(teasel("resume", "reference", "--trials", "+1", "--storage", str(tmp_path)), code=2)
    assert "is running already" in " ".join(said.split())
