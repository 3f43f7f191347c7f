"""Recorded learning curves without training: what configurations are worth is made up, all else is as recorded."""

from __future__ import annotations

from tests_search import simulation

from search.curves import Curve, Curves, joined, recorded
from search.history import COMPLETE, FAIL
from search.ledger import Ledger
from search.recording import recording
from search.sampler import Sampler

REPORTS = tuple(range(10, 91, 10))


def sweep(tmp_path, **changes):
    """A small real sweep of the simulation's kind."""
    return simulation.sweep(tmp_path, **changes)


def drawn(sweep, count):
    """Random configurations of a sweep's space, as (method, configuration, parameters)."""
    sampler = Sampler("random", sweep.search_space(), sweep.objectives, seed=99)
    for number in range(count):
        config, params = sampler.ask(number)
        yield config.pop("method", sweep.methods[0]), config, params


def curve(number, method, config, params, *, seed=0, fails=False, name="simulated-curves", steps=REPORTS):
    """A curve of the simulation's formula; a step costs 0.1 s, twice that for one method, and a report 0.5 s."""
    from search.assignment import Assignment

    given = Assignment(
        trial=number,
        attempt=1,
        method=method,
        config=config,
        seed=seed,
        steps=steps[-1],
        reports=steps,
        checkpoints=(),
        gpu=0,
    )
    kept = [step for step in steps if not fails or step <= 30]
    found = [simulation.curve(given, step) for step in kept]
    pace = 0.2 if method == "factor_vae" else 0.1
    return Curve(
        sweep=name,
        trial=number,
        method=method,
        config=config,
        params=params,
        seed=seed,
        state=FAIL if fails else COMPLETE,
        steps=tuple(kept),
        training=tuple(pace * (b - a) for a, b in zip((0, *kept), kept, strict=False)),
        reporting=(0.5,) * len(kept),
        rest=0.7 if fails else 0.0,
        metrics={metric: tuple(each[metric] for each in found) for metric in found[0]},
    )


def curves(sweep, count=40, *, seeds=1, failing=()):
    """Curves of ``count`` configurations of a sweep, each under ``seeds`` seeds."""
    spec = recording(sweep, trials=count * seeds).model_dump(mode="json")
    found = []
    for number, drawing in enumerate(drawn(sweep, count)):
        for seed in range(seeds):
            found.append(curve(number * seeds + seed, *drawing, seed=seed, fails=number in failing, name=spec["name"]))
    return Curves(sweeps={spec["name"]: spec}, curves=tuple(found))


def played(sweep, path, **play):
    """The curves of a sweep that was driven by a real loop into a ledger at ``path``; and what was left out."""
    simulation.play(simulation.begin(sweep, path), **play)
    with Ledger.open(path) as ledger:
        spec, found, left = recorded(ledger.rows)
    return joined([(spec, found)]), left
