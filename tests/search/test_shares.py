"""A trial that runs out of memory on a part of a GPU gets twice the part, once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests_search import simulation

from search.assignment import Assignment
from search.folder import folder
from search.history import COMPLETE, FAIL, RUNNING
from search.run import Driver, create, loop
from search.sweep_file import from_command_line
from trainables.core import ray_trainable
from trainables.core.conditions import OUT_OF_MEMORY
from trainables.core.ray_trainable import ATTEMPT, REPORT, SweepTrial

WORDS = "CUDA out of memory. Tried to allocate 2.00 GiB."


@pytest.mark.parametrize(("given", "second"), [(0.25, 0.5), (0.6, 1.0), (0.3333, 0.6666)])
def test_retried_once_with_twice_the_share(tmp_path, given, second):
    sweep = simulation.sweep(tmp_path, gpu=given)
    loop = simulation.begin(sweep, tmp_path / "ledger.jsonl")
    first = loop.next()
    assert first.gpu == given
    loop.failed(first.trial, first.attempt, WORDS, OUT_OF_MEMORY)
    trial = loop.history.trials[first.trial]
    assert trial.state == RUNNING and trial.gpu == second
    assert f"out of memory with {given:g} of a GPU" in trial.lost[0] and WORDS in trial.lost[0]
    loop._ledger.ledger.close()
    # The driver dies here: the larger share is not forgotten.
    loop = simulation.begin(sweep, tmp_path / "ledger.jsonl")
    again = loop.next()
    assert (again.trial, again.attempt, again.gpu) == (first.trial, 2, second)
    loop.failed(again.trial, again.attempt, WORDS, OUT_OF_MEMORY)
    trial = loop.history.trials[first.trial]
    assert (trial.state, trial.condition) == (FAIL, OUT_OF_MEMORY)
    assert "out of memory with" in trial.reason and WORDS in trial.reason
    following = loop.next()
    assert following.trial != first.trial and following.gpu == given
    loop._ledger.ledger.close()


@pytest.mark.parametrize(
    ("given", "condition"), [(1.0, OUT_OF_MEMORY), (2.0, OUT_OF_MEMORY), (0.0, OUT_OF_MEMORY), (0.25, "diverged")]
)
def test_not_retried_where_a_larger_share_mends_nothing(tmp_path, given, condition):
    sweep = simulation.sweep(tmp_path, gpu=given)
    loop = simulation.begin(sweep, tmp_path / "ledger.jsonl")
    first = loop.next()
    loop.failed(first.trial, first.attempt, WORDS, condition)
    assert loop.history.trials[first.trial].state == FAIL
    assert isinstance(loop.next(), Assignment) and not loop.history.trials[first.trial].lost
    loop._ledger.ledger.close()


def test_a_worker_tells_out_of_memory_from_other_errors(monkeypatch):
    attempt = {"method": "beta_vae", "config": {}, "seed": 0, "steps": 2, "reports": [2], "options": {"size": 16}}

    def starved(self):
        raise torch.OutOfMemoryError(f"{WORDS} GPU 0 has a total capacity of\nmany more words")

    monkeypatch.setattr(ray_trainable.Trial, "advance", starved)
    said = json.loads(SweepTrial({ATTEMPT: attempt}).step()[REPORT])
    assert said["condition"] == OUT_OF_MEMORY and said["host"]
    assert said["failed"].startswith(f"OutOfMemoryError: {WORDS}") and "\n" not in said["failed"]


def test_a_machine_without_the_dataset_gives_the_trial_back(tmp_path):
    attempt = {"method": "beta_vae", "config": {}, "seed": 0, "steps": 2, "reports": [2], "data": "usps"}
    said = json.loads(SweepTrial({ATTEMPT: {**attempt, "data_root": str(tmp_path)}}).step()[REPORT])
    assert "usps" in said["lost"]
    sweep = from_command_line(["beta_vae"], data="digits", objectives=["val/elbo"], storage=str(tmp_path), name="gives")
    place, ledger = create(sweep)
    with ledger:
        driver = Driver(place, sweep, loop(ledger, sweep, concurrency=1))
        given = driver.next()
        assert driver.take(given, said)
        assert driver.next().attempt == 2
        assert f"on {said['host']}" in driver.loop.history.trials[given.trial].lost[0]


def test_on_ray_the_second_attempt_holds_the_larger_share(tmp_path, ray_address):
    subprocess.run([sys.executable, Path(__file__).with_name("starved.py"), tmp_path, ray_address], check=True)
    trials = folder(tmp_path, "starved").history().trials
    assert [trial.state for trial in trials] == [COMPLETE]
    assert [trial.gpu for trial in trials] == [0.5] and len(trials[0].lost) == 1
