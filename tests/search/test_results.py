"""Ranking and tables: order, and numbers that are the ledger's bit for bit."""

import csv
import io
import json
import math

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests_search import ledgers

from search import results, standings
from search.history import COMPLETE, FAIL, PRUNED, RUNNING, History, Report, Trial
from search.ledger import Reader

MIG = {"metric": "score/mig", "direction": "maximize"}
KL = {"metric": "kl", "direction": "minimize"}


def trial(number, state, step, **metrics):
    report = Report(step=step, attempt=1, time=1.0, metrics={k.replace("_", "/"): v for k, v in metrics.items()})
    said = {"method": "beta_vae", "config": {"beta": 4.0}, "params": {"beta": 4.0}, "seed": 0, "time": 0.0}
    return Trial(number=number, steps=100, state=state, reports=[report] if step else [], **said)


def history(*trials, objectives=(MIG,)):
    return History(sweep={"objectives": list(objectives)}, trials=list(trials))


def numbers(found):
    return [t.number for t in found]


def test_complete_then_stopped_then_running_then_failed():
    said = history(
        trial(0, FAIL, 100, score_mig=0.9),
        trial(1, PRUNED, 50, score_mig=0.1),
        trial(2, COMPLETE, 100, score_mig=0.2),
        trial(3, PRUNED, 20, score_mig=0.8),
        trial(4, RUNNING, 0),
        trial(5, COMPLETE, 100, score_mig=0.3),
        trial(6, PRUNED, 50, score_mig=0.3),
    )
    assert numbers(standings.ranking(said)) == [5, 2, 6, 1, 3, 4, 0]
    worse = [{**MIG, "direction": "minimize"}]
    assert numbers(standings.ranking(said, worse)) == [2, 5, 1, 6, 3, 4, 0]


def test_a_missing_value_comes_last_of_its_state():
    said = history(trial(0, COMPLETE, 100, score_mig=math.nan), trial(1, COMPLETE, 100, score_mig=-5.0))
    assert numbers(standings.ranking(said)) == [1, 0]


def test_several_objectives_are_ranked_by_front():
    said = history(
        trial(0, COMPLETE, 100, score_mig=0.9, kl=9.0),
        trial(1, COMPLETE, 100, score_mig=0.5, kl=5.0),
        trial(2, COMPLETE, 100, score_mig=0.8, kl=9.5),
        trial(3, COMPLETE, 100, score_mig=0.1, kl=1.0),
        objectives=(MIG, KL),
    )
    assert numbers(standings.ranking(said)) == [0, 1, 3, 2]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)), max_size=25))
def test_fronts_agree_with_their_definition(points):
    def beaten(one, others):
        return any(all(a <= b for a, b in zip(o, one, strict=True)) and o != one for o in others)

    expected, left, front = {}, dict(enumerate(points)), 0
    while left:
        best = [n for n, p in left.items() if not beaten(p, left.values())]
        expected.update(dict.fromkeys(best, front))
        left = {n: p for n, p in left.items() if n not in best}
        front += 1
    assert standings.fronts(dict(enumerate(points))) == expected


@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    folder = ledgers.small(tmp_path_factory.mktemp("storage") / "look")
    said = History()
    for row in Reader(folder / "ledger.jsonl").rows():
        said.add(row)
    return said


def test_every_view_holds_the_ledgers_bits(replayed, tmp_path):
    records = results.records(replayed)
    assert [r["rank"] for r in records] == list(range(1, 9))
    results.write_parquet(results.table(replayed), tmp_path / "a.parquet")
    assert [p.name for p in tmp_path.iterdir()] == ["a.parquet"]
    parquet = pq.read_table(tmp_path / "a.parquet").to_pylist()
    written = list(csv.DictReader(io.StringIO(results.csv_text(replayed))))
    for said, row, line in zip(json.loads(json.dumps(records, allow_nan=False)), parquet, written, strict=True):
        metrics = replayed.trials[said["trial"]].metrics
        assert said["metrics"].keys() == metrics.keys()
        for name, value in metrics.items():
            shown = value if math.isfinite(value) else None
            assert said["metrics"][name] == row[name] == shown
            assert line[name] == ("" if shown is None else repr(shown))
        assert line["config.lr"] == "0.001" and row["config.lr"] == 0.001
        assert int(line["trial"]) == row["trial"] == said["trial"]


def test_columns_of_several_kinds_become_text():
    one, other = trial(0, COMPLETE, 100, score_mig=1.0), trial(1, COMPLETE, 100, score_mig=2.0)
    other.config = {"beta": "auto"}
    assert results.table(history(one, other)).column("config.beta").to_pylist() == ["auto", "4.0"]


def test_an_empty_sweep_has_empty_tables():
    assert results.records(history()) == []
    assert results.csv_text(history()) == ""
    assert results.table(history()).num_rows == 0


@pytest.mark.parametrize(
    ("config", "searched", "shown"),
    [
        ({"gamma": 6.4, "latents": 10, "lr": 1e-4}, ["gamma", "latents"], "γ=6.4 Z=10"),
        ({"gamma": 6.4, "lr": 1e-4}, ["method", "factor_vae.lr"], "lr=0.0001"),
        ({"beta_tc": 1 / 3, "capacity": 25.0, "network": "mlp"}, None, "β_tc=0.333 C=25 network=mlp"),
    ],
)
def test_short_names(config, searched, shown):
    assert results.short_config(config, searched) == shown
