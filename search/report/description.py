"""A page of Markdown on what was searched and what won, for MLflow.

Reads a ``History`` and nothing else; knows nothing of MLflow or torch.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

from search.goals import Goal, goals
from search.history import COMPLETE, FAIL, RUNNING, History, Trial
from search.report.words import STATES, configured, dataset, measured, number, numbers, one_line, pairs, replicated
from search.results import title
from search.standings import Standing, standings, told_apart

NOTE = 7500
"""Characters of the page at most: MLflow keeps 8,000 of a tag."""


def description(history: History, ranking: Sequence[Trial], *, rows: int = 10) -> str:
    """What was searched, what won with its whole configuration, and the best ``rows``.

    Those are trials, or configurations with their means over seeds where there are several. With several objectives
    the Pareto front is marked.
    """
    sweep = history.sweep
    wanted = goals(sweep.get("objectives", ()))
    order = standings(history)
    best = next((t for t in ranking if t.reports and t.state != FAIL), None)
    # MLflow's page folds all but the first lines away: what won comes first.
    parts = [f"## {plain(sweep.get('name', 'sweep'))}"]
    parts.append("No trial has reported yet." if best is None else _won(best, history, order, wanted))
    if apart := told_apart(history):
        parts.append(plain(apart))
    parts.append(_searched(history, wanted))
    if best is not None:
        config = "\n".join(f"{k}: {json.dumps(v, ensure_ascii=False)}" for k, v in best.config.items())
        parts.append(f"```yaml\nmethod: {best.method}\n{config}\n```")
    shown = [standing for standing in order if standing.configuration.first.reports][:rows]
    if shown:
        parts.append(_table(shown, wanted, seeds=replicated(history)))
    parts.extend(_failures(history))
    text = "\n\n".join(parts)
    return text if len(text) <= NOTE else text[:NOTE].rpartition("\n")[0] + "\n\n…"


def _searched(history: History, wanted: Sequence[Goal]) -> str:
    sweep = history.sweep
    data, budget, sampler, schedule = (sweep.get(k) or {} for k in ("data", "budget", "sampler", "schedule"))
    aims = ", ".join(f"{'maximize' if g.maximize else 'minimize'} `{g.metric}`" for g in wanted)
    names: dict[str, list[str]] = {}
    for trial in history.trials:
        known = names.setdefault(trial.method, [])
        free = (p.rpartition(".")[2] for p in trial.params if p != "method")
        known.extend(f"`{key}`" for key in free if f"`{key}`" not in known)
    methods = [f"**{m}**" + (f" ({', '.join(free)})" if free else "") for m, free in sorted(names.items())]
    ended = Counter(t.state for t in history.trials)
    states = ", ".join(f"{ended[s]} {word}" for s, word in STATES.items() if ended[s])
    wall = f", {budget['wall_time']:g} s at most" if budget.get("wall_time") else ""
    lines = [
        f"- **Searched:** {'; '.join(methods) or ', '.join(sweep.get('methods', ()))}",
        f"- **On:** {plain(dataset(data))}",
        f"- **To:** {aims}",
        f"- **Budget:** {history.budget} trials of {budget.get('steps', '?')} steps{wall}",
        f"- **By:** {plain(pairs(sampler))}; stopped by {plain(pairs(schedule))}",
        f"- **Trials:** {states or 'none yet'}",
    ]
    return "\n".join(lines)


def _won(best: Trial, history: History, order: Sequence[Standing], wanted: Sequence[Goal]) -> str:
    one = history.configuration(best)
    over = all(t.state != RUNNING for t in history.trials)
    word = "Best" if over and one.state == COMPLETE else "Best so far"
    if len(one.trials) > 1:
        standing = next(s for s in order if s.configuration is one)
        reached = ", ".join(f"`{g.metric}` = {measured(standing.intervals.get(g.metric))}" for g in wanted)
        seeds = f" over {len(one.counted)} seeds"
        return f"### {word}: trials {numbers(one)}, {best.method}, {reached}{seeds} at step {one.step}"
    reached = ", ".join(f"`{g.metric}` = {number(best.metrics.get(g.metric))}" for g in wanted)
    return f"### {word}: trial {best.number:03d}, {best.method}, {reached} at step {best.step}"


def _table(shown: Sequence[Standing], wanted: Sequence[Goal], *, seeds: bool) -> str:
    several = len(wanted) > 1
    head = ["rank", "trials" if seeds else "trial", "configuration", "step", *(g.metric for g in wanted)]
    head += ["front"] * several + ["state"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for standing in shown:
        one = standing.configuration
        cells = [
            str(standing.rank),
            numbers(one),
            plain(configured(one.first)),
            f"{one.step or one.first.step}/{one.first.steps}",
            *(_value(standing, goal) for goal in wanted),
            *(["★" if standing.pareto else ""] * several),
            STATES[one.state],
        ]
        lines.append("| " + " | ".join(cells) + " |")
    notes = ["± is half the 95 % interval of the mean over seeds."] * seeds
    notes += ["★: on the Pareto front."] * several
    return "\n".join(lines) + ("\n\n" + " ".join(notes) if notes else "")


def _value(standing: Standing, goal: Goal) -> str:
    if goal.metric in standing.intervals:
        return measured(standing.intervals[goal.metric])
    return number(standing.configuration.first.metrics.get(goal.metric))


def _failures(history: History) -> list[str]:
    failed = [t for t in history.trials if t.state == FAIL]
    lines = [f"- {plain(title(t))}: {plain(t.reason)[:200]}" for t in failed[:5]]
    if len(failed) > len(lines):
        lines.append(f"- and {len(failed) - len(lines)} more")
    return ["**Failed**\n\n" + "\n".join(lines)] if lines else []


def plain(value: object) -> str:
    """Text that Markdown and HTML take for nothing but text, on one line."""
    return re.sub(r"[|`<>*\[\]]", lambda m: "\\" + m[0], one_line(value))
