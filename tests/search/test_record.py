"""``teasel record``: curves of sweeps that were run, and of sweeps that it runs itself."""

from pathlib import Path

import pytest
from tests_search import recordings, simulation
from tests_search.command import teasel
from typer.testing import CliRunner

from search import curves_file
from search.__main__ import app
from search.folder import folder
from search.ledger import Ledger
from search.surrogate import Surrogate
from search.sweep_file import load

SWEEP = """
name: tiny
methods: [beta_vae]
data: {name: digits, options: {size: 8}}
objectives: [val/elbo]
budget: {trials: 4, steps: 40}
space: {network: mlp, hidden: 64, form: beta, latents: [2, 3]}
schedule: {rungs: [5, 15]}
"""


def record(*words, code=0):
    done = CliRunner().invoke(app, ["record", *map(str, words)])
    assert done.exit_code == code, done.output
    return " ".join(done.output.split())


@pytest.fixture
def run(tmp_path):
    """The storage of two sweeps that were driven without training, one of them with early stopping."""
    for name, changes in (("one", {"schedule": "asha"}), ("two", {"schedule": "none", "sampler": "random"})):
        sweep = recordings.sweep(tmp_path, name=name, **changes)
        path = Path(folder(tmp_path, name).path) / "ledger.jsonl"
        path.parent.mkdir()
        simulation.play(simulation.begin(sweep, path))
    return tmp_path


def test_curves_of_sweeps_that_were_run(run):
    said = record("--from", "one", "--from", "two", "--output", run / "c.parquet", "--storage", run)
    assert "two: 12 curves" in said and "stopped" in said and "c.parquet: " in said
    found = curves_file.read(run / "c.parquet")
    assert set(found.sweeps) == {"one", "two"} and len([c for c in found.curves if c.sweep == "two"]) == 12
    assert "storage" not in found.sweeps["one"], "where it was recorded is nobody's business"


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ((), "Nothing to record: name a sweep file, or with --from"),
        (("--from", "one", "--from", "one"), "one is named twice"),
        (("--from", "three"), "No sweep named 'three'"),
        (("three.yaml",), "no sweep file 'three.yaml'"),
    ],
)
def test_what_cannot_be_recorded_is_refused(run, words, match):
    assert match in record(*words, "--output", run / "c.parquet", "--storage", run, code=2)
    assert not (run / "c.parquet").exists()
    if words:
        assert "There is no folder" in record(*words[:2], "--output", run / "no" / "c", "--storage", run, code=2)


def test_a_sweep_is_recorded_and_the_command_again_only_writes(tmp_path, ray_address):
    """On a real Ray; a recording of another kind under its name is refused."""
    file = tmp_path / "tiny.yaml"
    file.write_text(SWEEP)
    words = (file, "--output", tmp_path / "c.parquet", "--storage", tmp_path, "--trials", 3)
    said = teasel("record", *words, "--reports", 4, "--address", ray_address)
    assert "tiny-curves: 3 curves" in said
    first = curves_file.read(tmp_path / "c.parquet")
    assert {c.steps for c in first.curves} == {(5, 10, 15, 20, 25, 30, 35, 40)}, (
        "wherever the sweep has a report or a rung"
    )
    assert all(min(c.seconds) > 0 and "val/elbo" in c.metrics for c in first.curves)
    before = (tmp_path / "tiny-curves" / "ledger.jsonl").read_bytes()
    assert "tiny-curves: 3 curves" in record(*words, "--reports", 4)
    assert curves_file.read(tmp_path / "c.parquet") == first
    assert (tmp_path / "tiny-curves" / "ledger.jsonl").read_bytes() == before
    assert "with other reports" in record(*words, "--reports", 20, code=2)
    Surrogate(load(file), first)


def test_an_interrupted_recording_goes_on(tmp_path):
    """What ``record`` would do with the ledger of a recording that was killed: its missing trials are asked for."""
    from search.command_line.record_commands import _missing
    from search.recording import recording

    sweep = recording(recordings.sweep(tmp_path), trials=6)
    assert _missing(sweep) == 0, "it is to begin"
    path = tmp_path / sweep.name / "ledger.jsonl"
    path.parent.mkdir()
    with pytest.raises(simulation.Killed):
        simulation.play(simulation.begin(sweep, path, left=40))
    assert _missing(sweep) == 0, "it is to go on"
    simulation.play(simulation.begin(sweep, path))
    assert _missing(sweep) is None, "it has ended"
    more = recording(recordings.sweep(tmp_path), trials=10)
    assert _missing(more) == 4
    with Ledger.open(path) as ledger:
        assert len([row for row in ledger.rows if row["kind"] == "trial"]) == 6
