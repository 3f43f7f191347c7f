"""The tables of the reports: intervals and verdicts, records that survive, the page, and every table's own shape."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import spaces
import trainables
from search import reproduction
from search.reproduction.core import results_page
from search.reproduction.core.claims import FAILS, HOLDS, OPEN, Interval, Page, Results, claim, interval
from search.reproduction.core.experiment import Experiment, Plan
from search.reproduction.core.runner import recorded, run
from trainables.core.dataset import Source

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20)


@given(NUMBERS)
def test_interval_is_students(values):
    found = interval(values)
    assert found.count == len(values) and found.low <= found.mean <= found.high
    if np.std(values) > 1e-9:
        low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
        assert (found.low, found.high) == (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6))


def test_one_run_tells_nothing():
    found = interval([3.0])
    assert math.isinf(found.high) and "one run" in found.shown()
    assert claim("", "", found, above=0.0).verdict == OPEN
    with pytest.raises(ValueError, match="at least one"):
        interval([])


@pytest.mark.parametrize(
    ("low", "high", "above", "below", "verdict"),
    [
        (1, 2, 0, None, HOLDS),
        (-2, -1, 0, None, FAILS),
        (-1, 1, 0, None, OPEN),
        (1, 2, None, 3, HOLDS),
        (4, 5, None, 3, FAILS),
        (1, 2, 0, 3, HOLDS),
        (2, 4, 0, 3, OPEN),
        (4, 5, 0, 3, FAILS),
        (0, 0, 0, None, FAILS),
    ],
)
def test_verdicts(low, high, above, below, verdict):
    found = Interval(mean=(low + high) / 2, low=low, high=high, count=5)
    assert claim("", "", found, above=above, below=below).verdict == verdict


def test_what_was_too_short_to_tell_is_not_told():
    found = Interval(mean=1.5, low=1, high=2, count=5)
    assert claim("", "", found, above=0.0, decidable=False).verdict == OPEN


def test_differences_are_paired_by_seed():
    records = [
        {"row": row, "seed": seed, "values": {"x": offset + 100.0 * seed}, "seconds": {"training": 30.0}}
        for row, offset in (("a", 1.0), ("b", 0.0))
        for seed in (0, 1, 2)
    ]
    results = Results([*records, {"row": "a", "seed": 9, "values": {"x": 5.0}, "seconds": {}}])
    found = results.difference("a", "b", "x")
    assert (found.low, found.mean, found.high, found.count) == (1.0, 1.0, 1.0, 3)
    assert results.core_minutes == pytest.approx(3.0) and results.rows == ("a", "b")


def experiment(seed: int, **changes) -> Experiment:
    return Experiment(
        **{
            "row": "tiny",
            "method": "beta_vae",
            "config": {"network": "mlp", "hidden": 8, "latents": 2, "batch_size": 8},
            "source": Source(name="digits", options={"size": 8}),
            "steps": 4,
            "seeds": (seed,),
            "measure": "tested",
            **changes,
        }
    )


def test_what_is_recorded_is_not_done_again_and_a_torn_line_is_mended(tmp_path):
    file, plan = tmp_path / "reproduction" / "tiny.jsonl", Plan(workers=1)
    told = []
    first = run([experiment(0)], plan, file, told.append)
    with open(file, "a") as log:
        log.write('{"key": "torn')
    second = run([experiment(0, row="renamed"), experiment(1)], plan, file, told.append)
    assert second[0] == {**first[0], "row": "renamed"} and second[1]["values"] != first[0]["values"]
    assert len(recorded(file)) == 2 and len(told) == 3
    assert math.isfinite(first[0]["values"]["val/elbo"])
    assert run([experiment(1)], plan, file, told.append) == [{**second[1]}]
    assert [json.loads(line)["seed"] for line in file.read_text().splitlines() if line.endswith("}")] == [0, 1]


@pytest.mark.parametrize("changes", [{"steps": 5}, {"seeds": (1,)}, {"config": {}}, {"measure": "factors"}])
def test_whatever_changes_the_numbers_changes_the_key(changes):
    assert experiment(0).key != experiment(0, **changes).key
    assert experiment(0).key == experiment(0, row="another name").key


def test_the_page_keeps_other_sections_and_their_order():
    order = ("first", "second")
    mark = results_page._mark
    one, two = (f"{mark(n, 'begin')}\n## {n}\n{mark(n, 'end')}" for n in order)
    text = results_page.written("", order, "second", two)
    text = results_page.written(text, order, "first", one)
    assert text.index("## first") < text.index("## second") and text.startswith("# The reports")
    again = results_page.written(text, order, "second", two.replace("## second", "## second, again"))
    assert "second, again" in again and again.count("## ") == 2 and one in again


@pytest.mark.parametrize("name", reproduction.names())
@pytest.mark.parametrize("full", [False, True])
def test_every_table_can_be_run_and_shown(name, full, monkeypatch):
    """Its experiments are of methods, spaces and datasets that exist, and its page needs no number they do not give."""
    table = reproduction.load(name)
    assert table.TITLE and table.REPORT and table.DIFFERENCE and table.SEEDS >= 3
    if hasattr(table, "winner"):
        # What a sweep would choose; the sweep itself is minutes of training.
        monkeypatch.setattr(table, "winner", lambda sweep, plan: {"lr": 1e-3})
    plan = Plan(full=full, seeds=tuple(range(table.SEEDS)))
    experiments = table.experiments(plan)
    assert len({e.key for e in experiments}) == len(experiments)
    for one in experiments:
        assert spaces.load(one.method).check(dict(one.config)) == dict(one.config)
        assert trainables.data.describe(one.source.name, one.source.options)
    everything = _Anything()
    records = [{"row": e.row, "seed": e.seed, "values": everything, "seconds": {"training": 60.0}} for e in experiments]
    page = table.page(Results(records), plan)
    assert isinstance(page, Page) and page.claims
    assert all(len(row) == len(page.columns) for row in page.rows)
    text = results_page.section(name, table, page, Results(records), plan, "this machine")
    assert table.TITLE in text and text.count("|---|") >= 2


class _Anything(dict):
    """Any number that is asked for."""

    def __contains__(self, name):
        return True

    def __missing__(self, name):
        return 1.0


def test_the_command_names_what_exists():
    def teasel(*words):
        return subprocess.run([sys.executable, "-m", "search", *words], capture_output=True, text=True, timeout=60)

    listed = teasel("reproduce")
    assert listed.returncode == 0 and all(name in listed.stdout for name in reproduction.names())
    wrong = teasel("reproduce", "jad")
    assert wrong.returncode == 2 and "jade" in wrong.stderr
