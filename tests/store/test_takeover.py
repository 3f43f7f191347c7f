"""A driver on another machine is killed, and its sweep is taken over when its claim has ended, by real time."""

import math
import os
import shutil
import subprocess
import sys
import time

import pytest
from tests_search.test_run import finish, teasel, wait_for

from search import lease
from search.folder import folder
from search.ledger import read

ELSEWHERE = ["unshare", "--fork", "--pid", "--kill-child", "--mount-proc"]
"""What runs below it sees processes of its own only, as on another machine."""


@pytest.mark.skipif(not shutil.which("unshare") or os.geteuid() != 0, reason="another machine's stand-in needs root")
def test_a_sweep_is_taken_over_when_the_claim_of_a_killed_driver_has_ended(s3, ray_address, tmp_path):
    words = ["--data", "digits", "--set", "data.size=16", "--steps", "3000", "--storage", s3, "--mlflow", "none"]
    command = [*ELSEWHERE, sys.executable, "-m", "search", "train", "beta_vae", *words, "--name", "moved"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    place = folder(s3, "moved")

    def reports():
        return [row for row in read(place.ledger) if row["kind"] == "report"] if place.ledger.exists() else []

    wait_for(lambda: len(reports()) >= 2, process)
    process.kill()
    process.communicate()
    killed = time.monotonic()
    before = len(reports())
    assert before < 10, "the sweep must be shorter than it takes to kill it"
    words = ["resume", "moved", "--storage", s3, "--mlflow", "none"]
    said = " ".join(finish(teasel(*words, address=ray_address), code=2).split())
    assert "this sweep is running already" in said
    left = float(said.rpartition("its claim ends in ")[2].partition(" s")[0])
    assert 0 < left <= lease.SECONDS
    time.sleep(math.ceil(max(0.0, killed + lease.SECONDS + 1 - time.monotonic())))
    finish(teasel(*words, address=ray_address, env={**os.environ, "TEASEL_CACHE": str(tmp_path)}))
    (trial,) = place.history().trials
    steps = [report.step for report in trial.reports]
    assert trial.state == "COMPLETE" and trial.attempts == 2
    assert steps == sorted(set(steps)) and steps[-1] == 3000
    assert {entry.name.rpartition("-")[2] for entry in place.ledger.entries()} == {"0001.jsonl", "0002.jsonl"}
