"""What went wrong: failures by kind, conditions that were met, and why trials were stopped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from search.history import FAIL, PRUNED, Trial
from search.replicates import last, worst
from search.report.markup import Html, element, paragraph, section, table
from search.report.told import Told
from search.report.words import numbers, one_line
from search.standings import constraints
from trainables.core.conditions import CONDITIONS

NUMBER = re.compile(r"\d[\d.]*(e[+-]?\d+)?")
RUNG = re.compile(r"at rung (\d+)")
LISTED = 12
"""Trials of a kind that are listed, at most."""


def failed(told: Told) -> Html:
    """Failures, conditions and early stops, counted by kind and listed."""
    trials = told.history.trials
    parts = [element("h3", "Failed trials"), *_kinds([t for t in trials if t.state == FAIL], "No trial failed.")]
    lost = [(trial, why) for trial in trials for why in trial.lost]
    if lost:
        said = "; ".join(f"{trial.number:03d}: {one_line(why)}" for trial, why in lost[:LISTED])
        more = "; …" if len(lost) > LISTED else ""
        head = f"Attempts that were lost and begun again: {len(lost)}"
        parts.append(paragraph(f"{head} ({said}{more}).", class_="faint"))
    parts += [element("h3", "Failure conditions"), *_conditions(told)]
    stopped = [t for t in trials if t.state == PRUNED]
    parts += [element("h3", "Stopped early"), *_kinds(stopped, "No trial was stopped early.")]
    return section("failures", "Failures and conditions", *parts)


def kind(trial: Trial) -> str:
    """What kind of ending a trial had: its failure condition, the rung that it did not pass, or its reason.

    The reason is told without its numbers, and without the conditions that schedules name after it.
    """
    if trial.condition:
        return trial.condition
    if trial.state == PRUNED and (rung := RUNG.search(trial.reason)):
        return f"at rung {rung[1]}"
    return NUMBER.sub("…", one_line(trial.reason).partition("; ")[0]) or "no reason was given"


def _kinds(found: Sequence[Trial], none: str) -> list[Html]:
    if not found:
        return [paragraph(none, class_="faint")]
    kinds: dict[str, list[Trial]] = {}
    for trial in found:
        kinds.setdefault(kind(trial), []).append(trial)
    rows = []
    for name, trials in sorted(kinds.items(), key=lambda item: (-len(item[1]), item[0])):
        listed = [element("li", f"{t.number:03d}, step {t.step}: {one_line(t.reason)}") for t in trials[:LISTED]]
        if len(trials) > LISTED:
            listed.append(element("li", f"and {len(trials) - LISTED} more"))
        inside = element("details", element("summary", name), element("ul", *listed))
        rows.append([str(len(trials)), inside])
    return [table(["trials", "kind"], rows, numeric=["trials"], caption=f"{len(found)} trials by kind")]


def _conditions(told: Told) -> list[Html]:
    limits = constraints(told.history.sweep)
    known = {c.number: worst(last(c), [x.metric for x in CONDITIONS.values()]) for c in told.history.configurations}
    rows = [row for name in CONDITIONS if (row := _condition(told, name, known, limits)) is not None]
    if not rows:
        return [paragraph("No condition was measured.", class_="faint")]
    heads = ["condition", "met above", "configurations", "worst", "which, by their trials"]
    counted = paragraph("Of each configuration, the worst seed at its last report.", class_="faint")
    return [counted, table(heads, rows, numeric=heads[1:4], caption="Failure conditions")]


def _condition(
    told: Told, name: str, known: Mapping[int, Mapping[str, float]], limits: Mapping[str, float]
) -> list[str] | None:
    condition = CONDITIONS[name]
    values = {n: found[condition.metric] for n, found in known.items() if condition.metric in found}
    if not values:
        return None
    limit = limits.get(name, condition.limit)
    met = sorted((n for n, value in values.items() if value > limit), key=lambda n: (-values[n], n))
    which = [f"{numbers(told.history.configurations[n])}" for n in met[:LISTED]]
    more = [f"and {len(met) - LISTED} more"] if len(met) > LISTED else []
    label = element("span", element("code", name), " (constraint)" if name in limits else "")
    return [label, f"{limit:g}", f"{len(met)} of {len(values)}", f"{max(values.values()):.3g}", "; ".join(which + more)]
