"""A sweep whose ledger, checkpoints and results lie on a real S3 server, through real Ray: killed, resumed, read."""

import contextlib
import json
import os

import pytest
from tests_search import invariants
from tests_search.test_run import finish, reference, teasel, wait_for

from search.command_line import look_commands, report_commands
from search.folder import beside, existing, folder
from search.history import COMPLETE
from search.ledger import LedgerError, read
from search.run import reopen
from trainables.core import checkpoint
from trainables.core.trial import STATE, WEIGHTS

WORDS = ["--data", "digits", "--objective", "val/elbo", "--trials", "6", "--steps", "60"]


def test_killed_on_s3_and_resumed_from_an_empty_cache_equals_a_local_sweep(tmp_path, s3, ray_address, capsys):
    sweep, whole = reference(tmp_path)
    words = ["--storage", s3, "--mlflow", "none"]
    process = teasel("run", "factor_vae", *WORDS, *words, "--name", "killed", "--concurrency", "1", address=ray_address)
    place = folder(s3, "killed")

    def reported():
        # The claim on a ledger is there before its first row.
        with contextlib.suppress(LedgerError):
            return sum(row["kind"] == "report" for row in read(place.ledger)) >= 4

    wait_for(reported, process)
    with pytest.raises(LedgerError, match=f"is running already, on .* `teasel top killed --storage {s3}`"):
        reopen(s3, "killed")
    process.kill()
    process.communicate()
    elsewhere = {**os.environ, "TEASEL_CACHE": str(tmp_path / "cache")}
    said = finish(teasel("resume", "killed", *words, address=ray_address, env=elsewhere, cwd=tmp_path))
    assert f"teasel top killed --storage {s3}" in said and f"{s3}/killed/trials" in said

    history = existing(s3, "killed").history()
    invariants.check(history, sweep)
    assert invariants.essence(history) == invariants.essence(whole)
    assert max(trial.attempts for trial in history.trials) == 2
    for trial in history.trials:
        last = place.files / trial.reports[-1].checkpoint
        assert checkpoint.read(last, "trial.json")
        assert (last / WEIGHTS).exists() == (trial.state == COMPLETE)
        assert not (last / STATE).exists(), "training is over"
    report_commands.report("killed", s3, None)
    report_commands.compare("killed", [0, 1], s3, None)
    said = capsys.readouterr().out
    assert f"{s3}/killed/report.html" in said and f"{s3}/killed/compare-0-1.png" in said
    assert (place.files / "report.html").read().startswith(b"<!doctype html>")
    look_commands.top("killed", s3, limit=20, as_json=True, as_csv=False, parquet=None)
    assert {trial["trial"] for trial in json.loads(capsys.readouterr().out)} == set(range(6))


def test_a_worker_that_cannot_write_loses_its_trial_with_the_reason(s3):
    from trainables.core.ray_trainable import ATTEMPT, REPORT, SweepTrial

    attempt = {"method": "beta_vae", "config": {"network": "mlp"}, "seed": 0, "steps": 2, "reports": [2]}
    said = json.loads(SweepTrial({ATTEMPT: {**attempt, "folder": "s3://not-there/trials/000"}}).step()[REPORT])
    assert "there is no such bucket: 's3://not-there/trials/000/step-000002" in said["lost"]


def test_what_must_be_on_a_disk_lies_below_results(s3, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert beside(s3) == tmp_path / "results" / s3.replace("://", "/")
    assert beside("results") == tmp_path / "results"


@pytest.mark.parametrize(
    ("storage", "expected"),
    [
        ("s3://not-there/a", "There is no bucket s3://not-there"),
        ("ftp://host/a", "There is no storage of the kind ftp://"),
        ("s3://key:hunter2@bucket/a", "AWS_ACCESS_KEY_ID"),
    ],
)
def test_a_storage_that_cannot_be_is_refused_before_any_work(s3, storage, expected):
    for words in (["run", "beta_vae", *WORDS], ["top", "nothing"]):
        said = " ".join(finish(teasel(*words, "--storage", storage, sets=[]), code=2).split())
        assert expected in said and "hunter2" not in said and "Traceback" not in said
