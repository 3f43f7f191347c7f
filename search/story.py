"""The story of one trial: why it was suggested, what it reported, and the decisions with the numbers they rest on.

Everything is told from the ledger's rows, replayed as they came. This module writes nothing and knows no MLflow.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from search.exploration import EVERY, STARTUP, explores
from search.goals import Goal, goals
from search.history import COMPLETE, FAIL, PRUNED, RUNNING, Configuration, History, Trial, replay
from search.judge import Judge, Verdict
from search.ledger import Row
from search.replicates import last, together
from search.results import short_config, title
from search.schedule import Stop, schedule
from search.standings import standings
from search.sweep import Sweep
from trainables.core.conditions import met


@dataclass(frozen=True)
class Part:
    """One part of a story: a heading and its lines."""

    title: str
    lines: tuple[str, ...]


def story(rows: Sequence[Row], sweep: Sweep, number: int) -> list[Part]:
    """The parts of trial ``number``'s story.  Raises ``ValueError`` when there is no such trial."""
    whole = replay(rows)
    if not 0 <= number < len(whole.trials):
        there = f"trials are 0 to {len(whole.trials) - 1}" if whole.trials else "there is none yet"
        raise ValueError(f"{whole.sweep.get('name', 'The sweep')} has no trial {number}; {there}.")
    judge = Judge(
        sweep, schedule(sweep.schedule, objectives=sweep.objectives, steps=sweep.budget.steps, rungs=sweep.rungs)
    )
    judge.replay(rows)
    trial = judge.history.trials[number]
    configuration = judge.history.configuration(trial)
    first = next(i for i, row in enumerate(rows) if row["kind"] == "trial" and row["trial"] == number)
    wanted = goals(sweep.objectives)
    parts = [
        Part(title(trial), (f"Configuration {configuration.number}, seed {trial.seed}: {trial.state.lower()}.",)),
        Part("Suggested", tuple(_suggested(replay(rows[:first]), sweep, trial, configuration))),
        Part("Configuration", tuple(_configuration(trial))),
        Part("Attempts", (*_attempts(rows, number), *(f"on {host}" for host in trial.hosts))),
        Part("Reports", tuple(_reports(trial, wanted))),
        Part("Decisions", tuple(_decisions(judge.verdicts, sweep, trial, configuration))),
        Part("End", tuple(_end(judge.history, trial))),
    ]
    return [part for part in parts if part.lines]


# -- why it was suggested -----------------------------------------------------------------------------------------


def _suggested(before: History, sweep: Sweep, trial: Trial, configuration: Configuration) -> Iterator[str]:
    if trial is not configuration.first:
        yield _repeated(before, sweep, trial, configuration)
        return
    known = [c for c in before.configurations if c.state in (COMPLETE, PRUNED)]
    name, number = sweep.sampler.name, configuration.number
    startup = sweep.sampler.startup or STARTUP.get(name, 0)
    if not trial.params:
        yield "Nothing is searched: every hyperparameter is fixed."
    elif name == "random":
        yield "Drawn at random from the space, as every configuration of this sweep is."
    elif name == "qmc":
        yield f"Point {number} of a sequence that covers the space evenly (QMC)."
    elif name == "nsga2":
        yield f"By NSGA-II, bred from the {len(known)} configurations known by then, or drawn at random at first."
    elif name in ("gp", "cmaes"):
        word = "a Gaussian process over" if name == "gp" else "CMA-ES's distribution, after"
        random = number < startup
        yield "Drawn at random, as first configurations are." if random else f"By {word} {len(known)} configurations."
    elif len(known) < startup:
        yield f"Drawn at random: until {startup} configurations have ended (by then {len(known)} had) TPE draws so."
    elif explores(name, number):
        yield f"Drawn at random, as every {_ordinal(EVERY[name])} configuration is, lest a few good ones lead astray."
    else:
        yield from _by_tpe(known, sweep, trial)


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third", 4: "fourth"}.get(number, f"{number}th")


def _by_tpe(known: Sequence[Configuration], sweep: Sweep, trial: Trial) -> Iterator[str]:
    """TPE draws where the density of the best configurations exceeds that of the rest (Bergstra et al. 2011)."""
    best = _best(known, goals(sweep.objectives))[: min(math.ceil(0.1 * len(known)), 25)]
    names = ", ".join(f"{c.first.number:03d} ({short_config(c.first.config, c.first.params)})" for c in best)
    yield f"By TPE, which knew {len(known)} ended configurations and drew near the best {len(best)}: {names}."
    same = [c for c in best if set(c.first.params) == set(trial.params)]
    if same:
        near = min(same, key=lambda c: sum(c.first.params[k] != v for k, v in trial.params.items()))
        changed = {k: (near.first.params[k], v) for k, v in trial.params.items() if near.first.params[k] != v}
        shown = ", ".join(f"{k.rpartition('.')[2]} {_value(a)} → {_value(b)}" for k, (a, b) in changed.items())
        yield f"Beside trial {near.first.number:03d}: {shown or 'the same values'}."


def _best(known: Sequence[Configuration], wanted: Sequence[Goal]) -> list[Configuration]:
    def key(configuration: Configuration) -> tuple[Any, ...]:
        values = together(last(configuration), wanted)
        done = configuration.state == COMPLETE
        return (not done, 0 if done else -configuration.step, *(goal.value(values) for goal in wanted))

    return sorted(known, key=key)


def _repeated(before: History, sweep: Sweep, trial: Trial, configuration: Configuration) -> str:
    first = configuration.first.number
    if not sweep.seeds.adaptive:
        seeds = f"seeds: {sweep.seeds.count}"
        return f"Not suggested: the configuration of trial {first:03d} again under seed {trial.seed} ({seeds})."
    order = [s.configuration.number for s in standings(before, sweep.objectives)]
    place = order.index(configuration.number) + 1
    return (
        f"Not suggested: the configuration of trial {first:03d} again under seed {trial.seed}, because it stood "
        f"{place}. of {len(order)} (seeds: adaptive)."
    )


# -- what it is and did -------------------------------------------------------------------------------------------


def _configuration(trial: Trial) -> Iterator[str]:
    free = {name.rpartition(".")[2] for name in trial.params}
    for key, value in trial.config.items():
        yield f"{key} = {_value(value)}" + ("" if key in free else "   fixed")


def _attempts(rows: Sequence[Row], number: int) -> Iterator[str]:
    for row in rows:
        if row.get("trial") != number:
            continue
        if row["kind"] == "start":
            where = f"from step {row['step']}" if row["step"] else "from the beginning"
            yield f"{_clock(row['time'])}  attempt {row['attempt']} began {where}"
        elif row["kind"] == "lost":
            yield f"{_clock(row['time'])}  attempt {row['attempt']} was lost: {row['reason']}"


def _reports(trial: Trial, wanted: Sequence[Goal]) -> Iterator[str]:
    names = [goal.metric for goal in wanted]
    names += [n for n in ("val/reconstruction", "val/kl", "val/active_units", "val/error") if n not in names]
    names = [name for name in names if any(name in report.metrics for report in trial.reports)]
    if not names:
        return
    width = [max(10, len(name)) for name in names]
    yield "step".rjust(8) + "  " + "  ".join(name.rjust(w) for name, w in zip(names, width, strict=True))
    for report in trial.reports:
        shown = (_number(report.metrics.get(n)).rjust(w) for n, w in zip(names, width, strict=True))
        yield f"{report.step:8d}  " + "  ".join(shown)


def _decisions(verdicts: Sequence[Verdict], sweep: Sweep, trial: Trial, configuration: Configuration) -> Iterator[str]:
    if sweep.schedule.name == "none":
        yield "The schedule is none: no trial is stopped early."
        return
    if trial not in configuration.trials[: configuration.expected]:
        yield "One more seed of a promising configuration is trained to its end: it is not judged."
        return
    begin = sweep.judged_from(trial.config)
    if early := [rung for rung in sweep.rungs if rung < begin]:
        yield f"Not judged at {', '.join(map(str, early))}: its ramp ends at step {begin}."
    for verdict in verdicts:
        if verdict.configuration == configuration.number and verdict.step >= begin:
            said = verdict.decision
            word = "stop" if isinstance(said, Stop) else "go on"
            yield f"step {verdict.step}: {word}. {said.reason}"


def _end(history: History, trial: Trial) -> Iterator[str]:
    if trial.state == RUNNING:
        yield f"It has not ended; its last report was at step {trial.step} of {trial.steps}."
    else:
        yield f"{trial.state} at step {trial.step} of {trial.steps}: {trial.reason}."
    if trial.state == FAIL and (wrong := met(trial.metrics)):
        yield f"At its last report: {'; '.join(wrong)}."
    for standing in standings(history):
        if trial in standing.configuration.trials:
            yield f"Its configuration stands {standing.rank}. of {len(history.configurations)}."
    for pick in history.picks:
        if pick.trial == trial.number:
            yield f"Picked on {_clock(pick.time)}: {pick.because}."
    for picture in trial.pictures[:1]:
        yield f"Its picture: {picture}"


def _clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
