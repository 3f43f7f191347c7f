"""The benchmarks' parts at a tiny size: what they measure is not looked at here, only that they measure it."""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

HERE = Path(__file__).parent


@pytest.fixture
def bench(monkeypatch):
    """Imports a module of tests/benchmarks, whose scripts import each other by their plain names."""
    for folder in ("search", "benchmarks"):
        monkeypatch.syspath_prepend(str(HERE / folder))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if (file := getattr(sys.modules[name], "__file__", None)) and Path(file).parent == HERE / "benchmarks":
            del sys.modules[name]


def test_sections(bench, tmp_path):
    """A benchmark writes its own section and leaves the others alone."""
    sections, page = bench("sections"), tmp_path / "RESULTS.md"
    page.write_text("# Benchmarks\n\n## Long runs\n\nlong\n\n### inside\n\nmore\n")
    sections.put("## Speed", "## Speed\n\nfast", page)
    sections.put("## Others", "beside", page)
    sections.put("## Speed", "faster\n", page)
    assert page.read_text() == (
        "# Benchmarks\n\n## Speed\n\nfaster\n\n## Long runs\n\nlong\n\n### inside\n\nmore\n\n## Others\n\nbeside\n"
    )


def test_rows(bench):
    row = bench("table").Row
    assert (
        str(row(what="images/s", ours=2000, peer=500, times=4)) == "| images/s | 2,000 | 500 | 4.00 × | ≥ 4 × | yes |"
    )
    assert str(row(what="s", ours=2, peer=5, better="less", times=3)) == "| s | 2 | 5 | 2.50 × | ≥ 3 × | **no** |"
    assert str(row(what="gap, s", ours=0.25, most=0.3)) == "| gap, s | 0.25 |  |  | ≤ 0.3 | yes |"
    assert row(what="share", ours=94.9, least=95).met is False
    assert row(what="trials", ours=3, peer=1).met is None


@pytest.fixture
def work(bench, tmp_path):
    """Two reports of one step each, on noise."""
    rng = np.random.default_rng(0)
    for name, count in (("train", 20), ("held_out", 30)):
        np.save(tmp_path / name, rng.integers(2, size=(count, 1, 32, 32)).astype(np.uint8))
    np.save(tmp_path / "factors", rng.integers(3, size=(30, 2)))
    return bench("workload").Work(folder=str(tmp_path), size=32, trials=1, steps=2, reports=2, batch=4)


def test_stock_trial(bench, work):
    """The peers' trial trains, reports what they log, and says when it began and ended."""
    stock_trial = bench("stock_trial")
    reports = list(stock_trial.trial({"lr": 1e-3, "beta": 4.0}, work, work.arrays()))
    assert [report["step"] for report in reports] == [1, 2]
    assert reports[0]["loss"] > 0 and 0 <= reports[0]["mig"] <= 1
    (first,), (last,) = stock_trial.read(work)
    assert first <= last


def test_same_mig(bench):
    """The peers' MIG is ours, so both sides do the same work."""
    from trainables.scores import mig

    rng = np.random.default_rng(1)
    factors = rng.integers((3, 6), size=(400, 2))
    codes = (factors @ rng.normal(size=(2, 5)) + 0.1 * rng.normal(size=(400, 5))).astype(np.float32)
    assert bench("stock_trial").mig(codes, factors) == pytest.approx(mig.score(codes, factors)["mig"], abs=1e-6)


def test_sweep_is_valid(bench, work):
    """What Teasel is given is a sweep, over the range that the peers search."""
    from search.sweep import Sweep

    workload = bench("workload")
    sweep = Sweep.model_validate(workload.sweep(work))
    assert tuple(sweep.space["lr"].values()) == workload.LR
    assert sweep.report_steps == (1, 2)


def test_gaps(bench):
    """Each end is followed by the trial that took its place, whoever ended first."""
    gaps = bench("whole_sweep").gaps
    assert gaps([0.0, 0.1, 5.5, 6.5], [5.0, 6.0, 9.0, 9.5], 2) == [0.5, 0.5]


def test_watch(bench):
    """A command's wall time, memory and CPU time, its children's included; what fails says so."""
    watching = bench("watching")
    child = "import time\nheld = bytearray(50_000_000)\ntime.sleep(1.2)"
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])\nprint('done')"
    found = watching.watch([sys.executable, "-c", parent])
    assert found.output == "done\n" and found.seconds > 1.2
    assert found.resident > 50
    with pytest.raises(RuntimeError, match="ended with 3"):
        watching.watch([sys.executable, "-c", "raise SystemExit(3)"])


@pytest.mark.parametrize("side", ["ours", "peer"])
@pytest.mark.parametrize("method", ["beta_vae", "factor_vae"])
def test_training(bench, monkeypatch, side, method):
    """Both sides of the comparison take a step."""
    monkeypatch.setattr(bench("workload"), "OPTIONS", {"orientations": 1, "positions": 8, "scales": 2})
    run, _ = getattr(bench("training_speed"), side)(method, 32, 2)
    run(1)


def test_small(bench):
    found = bench("small").loop(3)
    assert found["trial"] > found["row"] > 0


def test_recorded_curves():
    """The file that `make bench-search` needs: enough configurations of both methods on all datasets, and small."""
    from search.curves_file import read

    path = HERE / "benchmarks" / "curves.parquet"
    found = read(path)
    assert path.stat().st_size < 2_000_000 and len({curve.key for curve in found.curves}) >= 200
    for name in ("quality_sprites-curves", "quality_digits-curves", "quality_shapes-curves"):
        for method in ("beta_vae", "factor_vae"):
            assert sum(c.sweep == name and c.method == method for c in found.curves) >= 30


def test_search_quality(bench, monkeypatch):
    """Every search on one table, in the time of three trials; and what is made of them."""
    quality = bench("search_quality")
    monkeypatch.setattr(quality, "WHOLE", 3)
    monkeypatch.setattr(quality, "RESAMPLED", 20)
    table, curves = quality.TABLES[0], str(quality.CURVES)
    results = {}
    for arm in quality.ARMS:
        found = [quality.searched(quality.Search(table, arm, seed, 2, curves)) for seed in (0, 1)]
        assert found == [quality.searched(quality.Search(table, arm, seed, 2, curves)) for seed in (0, 1)], arm
        results[table, arm], results[table, arm, "trials"] = [run for _, run, _, _ in found], found[0][2]
        assert all(0 <= value <= 1 and 0 < share <= 1 for run in results[table, arm] for share, value in run)
    given = SimpleNamespace(seeds=2, workers=2, curves=curves)
    text = quality.section(results, [table], given)
    assert text.count("\n| ") >= len(quality.ARMS) + 3 and "Goal: 0.5 or less" in text


def test_when_one_search_has_what_another_ends_with(bench):
    quality = bench("search_quality")
    grid = np.array([0.25, 0.5, 0.75, 1.0])
    ours, peer = np.array([[0.8, 0.4, 0.2, 0.1]] * 3), np.array([[0.9, 0.6, 0.5, 0.4]] * 3)
    assert quality.reached([ours], [peer], grid) == 0.5
    assert quality.reached([peer], [ours], grid) == float("inf")
    assert quality.ratio([ours], [peer], grid, np.random.default_rng(0)) == (0.5, 0.5, 0.5)
    assert quality.at([(0.2, 0.7), (0.6, 0.1)], 0.5) == 0.7 and quality.at([(0.2, 0.7)], 0.1) == 1.0


def test_gpu_script_on_a_cpu(bench, monkeypatch):
    """What will run on a lent GPU runs here first: checks, a pace of each way, and trials that share the device."""
    gpu = bench("gpu")
    monkeypatch.setattr(gpu, "SIZE", 32)
    monkeypatch.setitem(gpu.OPTIONS, "size", 32)
    lines, good = gpu.checks("cpu", ["beta_vae"])
    assert good and "| beta_vae |" in lines[-1] and "bit for bit" in lines[-1]
    monkeypatch.setattr(gpu, "WAYS", {way: gpu.WAYS[way] for way in ("eager, float32", "eager")})
    found = gpu.speeds("beta_vae", "cpu", 1, 1)
    assert found.keys() == {None, "eager, float32", "eager"} and all(pace > 0 for pace, _ in found.values())
    assert gpu.threads("beta_vae", "eager", "cpu", 1, 2) > 0
