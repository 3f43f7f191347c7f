"""``make bench-search``: how good a search is against time, in simulated time on recorded learning curves.

Teasel's defaults, Ray's OptunaSearch with ASHA, and random search with and without ASHA have the same time, workers,
reports and tables of curves (``curves.parquet``), each under many seeds. Regret is what the best complete trial lacks
of the best recorded configuration, as a share of what the median one lacks; 1 at most, and before a trial is complete.
Writes a section of its own into RESULTS.md.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import multiprocessing
import statistics
import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import sections
import stock_search
from scipy.stats import spearmanr

from search.curves_file import read
from search.simulate import simulate, unstopped
from search.surrogate import AMONG, Surrogate, distance
from search.sweep_file import load

HERE = Path(__file__).parent
CURVES = HERE / "curves.parquet"
SHORT = {"beta_vae": "β-VAE", "factor_vae": "FactorVAE"}
TABLES = tuple(
    (data, methods)
    for data in ("sprites", "digits", "shapes")
    for methods in (("beta_vae",), ("factor_vae",), ("beta_vae", "factor_vae"))
)
WHOLE = 32
"""The time of a search: what so many trials take on its workers when none is stopped."""
SHARES = (0.125, 0.25, 0.5, 0.75, 1.0)
EARLY = ((1 / 9, "a ninth"), (1 / 3, "a third"), (1 / 2, "half"))
RESAMPLED = 1000

HEAD = """\
The last run of `make bench-search`: {seeds} seeds of each search, {workers} trials at once, in simulated time on
{many} recorded configurations ({name}, made with `teasel record`). A search has the time that {whole} whole trials
take. Regret: 0 is the best recorded configuration, 1 the median one; mean over seeds ± half of its 95 % interval."""

FOOT = """\
Ray's example of OptunaSearch has `AsyncHyperBandScheduler()`, whose defaults stop from the first report on with a
factor of 4; its page on schedulers has a tenth of a trial and a factor of 3. Both are told a whole trial's number
of reports. A configuration takes the curve of one of the {among} nearest recorded ones; left out one by one,
recorded configurations are so foretold with {better:.0%} less error (CRPS of the objective) than by the nearest
alone. Of Teasel's settings (`search/exploration.py`, `search/sweep.py`) the share of random configurations was chosen
among 14 variants of sampler and schedule on another recording, of 160 configurations and 3,600 steps, and is only
tried here. The number of candidates (4; of 1, 2, 4, 8 and 24) was chosen on the tables of sprites and digits, and the
first rung (a third of the steps; of 15 schedules) on all of them, under other seeds."""

TEASEL, EXAMPLE, PAGE = "Teasel", "OptunaSearch + ASHA, as in Ray's example", "OptunaSearch + ASHA, as on Ray's page"
ARMS = (TEASEL, EXAMPLE, PAGE, "random + ASHA, as in Ray's example", "random + ASHA, as on Ray's page", "random")


@dataclass(frozen=True)
class Search:
    """One search to simulate."""

    table: tuple[str, tuple[str, ...]]
    arm: str
    seed: int
    workers: int
    curves: str


@cache
def surrogate(table, curves):
    """The curves of a table for the sweep that it is searched by: methods of one dataset, all else by default."""
    data, methods = table
    sweep = load(HERE / f"quality_{data}.yaml")
    kept = {k: v for k, v in sweep.space.items() if k not in SHORT or k in methods}
    # Time ends a search, not a number of trials.
    budget = {**sweep.budget.model_dump(), "trials": 10**6}
    return Surrogate(sweep.replace(methods=methods, space=kept, budget=budget), _read(curves))


@cache
def _read(curves):
    return read(Path(curves))


@cache
def horizon(table, curves, workers):
    """Seconds of a search."""
    groups = surrogate(table, curves).groups
    return WHOLE * statistics.fmean(sum(curve.seconds) for group in groups for curve in group) / workers


def regret(known, value):
    """0 for the best recorded configuration, 1 for the median one, for all that are worse, and for none."""
    worths = known.complete
    return 1.0 if value is None else min(1.0, (worths[0] - value) / (worths[0] - statistics.median(worths)))


def searched(search):
    """A search's regret over time: the shares of its time when it changed, and what it was then."""
    known = surrogate(search.table, search.curves)
    until = horizon(search.table, search.curves, search.workers)
    common = {"workers": search.workers, "until": until, "seed": search.seed}
    sweep = known.sweep
    # A tenth of a trial's reports and a factor of 3 is what Ray's page on schedulers has; its example has defaults.
    page = {"grace_period": round(len(sweep.report_steps) / 10), "reduction_factor": 3}
    run = {
        ARMS[0]: lambda: simulate(sweep, known, **common),
        ARMS[1]: lambda: stock_search.stock(known, **common),
        ARMS[2]: lambda: stock_search.stock(known, **common, **page),
        ARMS[3]: lambda: stock_search.stock(known, **common, random=True),
        ARMS[4]: lambda: stock_search.stock(known, **common, **page, random=True),
        ARMS[5]: lambda: simulate(unstopped(sweep), known, **common),
    }[search.arm]()
    return search, [(time / until, regret(known, value)) for time, value in run.found], run.trials, run.complete


def at(found, share):
    """Regret at a share of the time."""
    return next((value for time, value in reversed(found) if time <= share), 1.0)


def curve(runs, shares):
    """Regret of each run (rows) at each share."""
    return np.array([[at(found, share) for share in shares] for found in runs])


def reached(ours, peers, grid):
    """When the mean over tables of our mean regret is what the peer's is at the end, as a share of the time.

    ``ours`` and ``peers`` are arrays of runs by grid, one for each table.
    """
    target = statistics.fmean(each[:, -1].mean() for each in peers)
    mean = np.mean([each.mean(0) for each in ours], axis=0)
    enough = np.flatnonzero(mean <= target + 1e-12)
    return float(grid[enough[0]]) if len(enough) else float("inf")


def ratio(ours, peers, grid, rng):
    """``reached`` with its 95 % interval over the seeds (bootstrap)."""

    def again(arrays):
        return [each[rng.integers(len(each), size=len(each))] for each in arrays]

    found = [reached(again(ours), again(peers), grid) for _ in range(RESAMPLED)]
    low, high = np.quantile(found, [0.025, 0.975], method="nearest")
    return reached(ours, peers, grid), low, high


def foretold(table, curves):
    """How much better the draw among neighbours foretells a left-out configuration than the nearest alone.

    The continuous ranked probability score of the final objective, summed over configurations; 1 is the same.
    """
    known = surrogate(table, curves)
    places, methods = known.scaled, [group[0].method for group in known.groups]
    worths = [known.worth(group) for group in known.groups]
    usable = [i for i, worth in enumerate(worths) if worth is not None]
    sums = [0.0, 0.0]
    for i in usable:
        others = sorted((distance(places[i], places[j]), j) for j in usable if j != i and methods[j] == methods[i])
        for slot, among in enumerate((1, AMONG)):
            values = np.array([worths[j] for _, j in others[:among]])
            weights = np.array([max(apart, 1e-9) ** -2 for apart, _ in others[:among]])
            weights /= weights.sum()
            spread = np.abs(values[:, None] - values[None]) * weights[:, None] * weights[None]
            sums[slot] += float((weights * np.abs(values - worths[i])).sum() - spread.sum() / 2)
    return sums[1] / sums[0]


def correlation(known, share):
    """The rank correlation (Spearman) of the objective at a share of the steps with that at the end."""
    at = max(1, round(share * len(known.sweep.report_steps))) - 1
    steps = (known.sweep.report_steps[at], known.sweep.budget.steps)
    said = [[p.metrics.get(known.goal.metric) for p in known.points(group[0], steps)] for group in known.groups]
    values = np.array([both for both in said if len(both) == 2 and None not in both])
    return float(spearmanr(*values.T).statistic)


def shown(value, low=None, high=None):
    """A share of the time; more than 1 was not reached."""
    text = "not reached" if value > 1 else f"{value:.2f}"
    return text if low is None else f"{text} ({low:.2f} to {'–' if high > 1 else f'{high:.2f}'})"


def named(table):
    data, methods = table
    return f"{' and '.join(SHORT[method] for method in methods)} on {data}"


def section(results, tables, given):
    """The section of RESULTS.md."""
    grid, rng = np.linspace(0, 1, 401)[1:], np.random.default_rng(0)
    known = {table: surrogate(table, given.curves) for table in tables}
    whole = {arm: [curve(results[table, arm], grid) for table in tables] for arm in ARMS}
    many = len({group[0].key for each in known.values() for group in each.groups})
    lines = [
        textwrap.fill(
            HEAD.format(seeds=given.seeds, workers=given.workers, many=many, name=Path(given.curves).name, whole=WHOLE),
            118,
        ),
        "",
    ]
    heads = [f"{share:.0%}" for share in SHARES]
    for table in tables:
        lines += [
            f"| {named(table)}, by {known[table].goal.metric}: regret after | " + " | ".join(heads) + " | trials |"
        ]
        lines += ["|" + "---|" * (len(heads) + 2)]
        for arm in ARMS:
            values = curve(results[table, arm], SHARES)
            half = 1.96 * values.std(0, ddof=1) / len(values) ** 0.5
            cells = [f"{m:.3f} ± {h:.3f}" for m, h in zip(values.mean(0), half, strict=True)]
            lines.append(f"| {arm} | " + " | ".join(cells) + f" | {results[table, arm, 'trials']:.0f} |")
        ranks = [f"{correlation(known[table], share):z.2f} at {words}" for share, words in EARLY]
        lines += ["", f"Rank correlation with the end: {', '.join(ranks)} of the steps.", ""]
    peers = (EXAMPLE, PAGE)
    lines += [
        "When Teasel has what the stock stack has at the end, as a share of the time (95 % interval over seeds, by",
        "bootstrap). Goal: 0.5 or less.",
        "",
        "| table | " + " | ".join(peers) + " |",
        "|---|---|---|",
    ]
    for i, table in enumerate(tables):
        cells = [shown(*ratio([whole[TEASEL][i]], [whole[peer][i]], grid, rng)) for peer in peers]
        lines.append(f"| {named(table)} | " + " | ".join(cells) + " |")
    found = [ratio(whole[TEASEL], whole[peer], grid, rng) for peer in peers]
    lines.append("| **all, mean regret** | " + " | ".join(f"**{shown(*each)}**" for each in found) + " |")
    goal = [f"{peer}: {'met' if value <= 0.5 else 'not met'}" for peer, (value, _, _) in zip(peers, found, strict=True)]
    better = statistics.fmean(foretold(table, given.curves) for table in tables)
    lines += [
        "",
        f"{'. '.join(goal)}.",
        "",
        textwrap.fill(FOOT.format(among=AMONG, better=1 - better), 118),
    ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", default=str(CURVES))
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=4, help="simulated trials at once")
    parser.add_argument("--tables", type=int, nargs="+", default=list(range(len(TABLES))))
    parser.add_argument("--print", action="store_true", help="write nothing into RESULTS.md")
    given = parser.parse_args()
    assert given.seeds > 1, "an interval needs two seeds"
    tables = [TABLES[i] for i in given.tables]
    asked = [
        Search(table, arm, given.first_seed + i, given.workers, given.curves)
        for table in tables
        for arm in ARMS
        for i in range(given.seeds)
    ]
    results = {}
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        for done, (search, found, trials, _) in enumerate(pool.imap_unordered(searched, asked, chunksize=5), 1):
            results.setdefault((search.table, search.arm), []).append(found)
            results.setdefault((search.table, search.arm, "all"), []).append(trials)
            if done % 100 == 0:
                print(f"{done} of {len(asked)} searches", flush=True)
    for key in [key for key in results if len(key) == 3]:
        results[(*key[:2], "trials")] = statistics.fmean(results[key])
    text = section(results, tables, given)
    print(text)
    if not given.print:
        sections.put(sections.QUALITY, text)


if __name__ == "__main__":
    main()
