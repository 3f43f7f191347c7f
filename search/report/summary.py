"""The first parts of the page: what was searched, and the configuration that was chosen with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from search.goals import Goal
from search.history import COMPLETE, RUNNING, History
from search.ledger import Row
from search.report.contact import tile
from search.report.latents import inside
from search.report.markup import Html, element, escaped, joined, paragraph, picture, section, table
from search.report.told import Told
from search.report.words import STATES, dataset, measured, moment, number, one_line, pairs, reason, whole
from search.results import duration, symbol
from search.standings import Standing, constraints
from search.sweep import Sweep
from spaces import Domain
from trainables.scores import metrics


def figures(told: Told) -> Html:
    """The few numbers that stand below the page's title."""
    history = told.history
    ended = Counter(c.state for c in history.configurations)
    what = "configurations" if len(history.trials) > len(history.configurations) else "trials"
    said = [(str(len(history.configurations)), what)]
    said += [(str(ended[state]), word) for state, word in STATES.items() if ended[state]]
    best = told.order[0] if told.order and told.order[0].values else None
    for goal in told.goals if best is not None else ():
        assert best is not None
        found = best.intervals.get(goal.metric)
        said.append((measured(found), f"{goal.metric} of the first"))
    said.append((duration(history.spent), "spent" if history.closed else "spent so far"))
    return element("dl", *(element("div", element("dd", value), element("dt", what)) for value, what in said))


def searched(told: Told) -> Html:
    """Methods with their spaces, data, objectives, budget, sampler, schedule, seeds, constraints, time, versions."""
    said = told.history.sweep
    budget, sampler, schedule = (said.get(key) or {} for key in ("budget", "sampler", "schedule"))
    wall = f", {duration(budget['wall_time'])} at most" if budget.get("wall_time") else ""
    facts = {
        "Data": dataset(said.get("data") or {}),
        "Budget": f"{told.history.budget} trials of {budget.get('steps', '?')} steps{wall}",
        "Seeds": _seeds(told.history),
        "Sampler": pairs(sampler),
        "Early stopping": _schedule(schedule, told.sweep),
        "Constraints": joined(map(_limit, constraints(said).items()), ", ") or "none",
        "Time": _time(told.history),
        "Versions": _versions(told.rows),
    }
    if told.history.closed:
        facts["Ended"] = one_line(told.history.closed)
    if picked := said.get("picked"):
        facts["Trained for good"] = f"trial {picked.get('trial')} of {one_line(picked.get('sweep'))}"
    listed = [element("div", element("dt", name), element("dd", value)) for name, value in facts.items()]
    parts = [element("div", *map(_objective, told.goals), class_="cards"), element("dl", *listed, class_="facts")]
    return section("searched", "What was searched", *parts, *_spaces(told))


def _objective(goal: Goal) -> Html:
    known = metrics().get(goal.metric)
    lines = [element("h3", "maximize " if goal.maximize else "minimize ", element("code", goal.metric))]
    if known is not None and known.ceiling:
        lines.append(paragraph(element("b", "Ceiling "), known.ceiling))
    if known is not None and known.floor:
        lines.append(paragraph(element("b", "Noise gets "), known.floor))
    if known is None or not (known.ceiling or known.floor):
        lines.append(paragraph("Its definition sets no ceiling, and what noise gets is not known.", class_="faint"))
    if goal.over != "mean":
        lines.append(paragraph(element("b", "Over seeds "), goal.over.replace("_", " ")))
    return element("div", *lines, class_="card")


def _limit(limit: tuple[str, float]) -> Html:
    name, most = limit
    return joined([element("code", name), f" at most {most:g}"])


def _seeds(history: History) -> str:
    said = history.sweep.get("seeds") or {}
    first = history.sweep.get("seed", 0)
    if said.get("adaptive"):
        return f"adaptive: one, and up to {said.get('count')} for promising configurations, from {first}"
    count = said.get("count", 1)
    return f"one, {first}" if count == 1 else f"{count} for each configuration, {first} to {first + count - 1}"


def _schedule(said: Mapping[str, object], sweep: Sweep | None) -> str:
    if said.get("name") == "none":
        return "none: every trial runs to its end"
    if sweep is None or not sweep.rungs:
        return pairs(said)
    return f"{one_line(said.get('name'))}, at step{'s' * (len(sweep.rungs) > 1)} {', '.join(map(str, sweep.rungs))}"


def _time(history: History) -> str:
    trained = sum(t.reports[-1].time - t.started for t in history.trials if t.reports and t.started is not None)
    sessions = f" in {len(history.sessions)} sessions" if len(history.sessions) > 1 else ""
    said = f"{duration(history.spent)}{sessions}, {duration(trained)} of training"
    return f"{said}; begun {moment(history.created)}" if history.created else said


def _versions(rows: Sequence[Row]) -> str:
    """Those that the ledger names, in the order in which drivers ran them."""
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        if row["kind"] in ("sweep", "session"):
            for name, version in {"teasel": row.get("teasel"), **(row.get("versions") or {})}.items():
                if version:
                    found.setdefault(one_line(name), {})[one_line(version)] = None
    return ", ".join(f"{name} {' and '.join(versions)}" for name, versions in found.items()) or "unknown"


def _spaces(told: Told) -> list[Html]:
    """The space of each method: what was free, and what was fixed."""
    if told.sweep is None:
        return [paragraph("This Teasel would refuse the sweep's specification, so its space is not shown.")]
    found = []
    for method, space in told.sweep.spaces().items():
        domains = space.domains
        rows = [
            [element("code", key), "" if symbol(key) == key else symbol(key), domains[key].range, _when(domains[key])]
            for key in space.searched
        ]
        fixed = [f"{k} = {d.fixed}" for k, d in domains.items() if d.fixed is not None and not space.dormant(k)]
        found.append(element("h3", element("code", method)))
        if rows:
            found.append(table(["hyperparameter", "sign", "range", "where"], rows, caption=f"Searched of {method}"))
        if fixed:
            found.append(paragraph("Fixed: ", element("span", ", ".join(fixed), class_="mono"), class_="faint"))
    return found


def _when(domain: Domain) -> str:
    return ", ".join(f"{name} is {' or '.join(map(str, values))}" for name, values in (domain.when or {}).items())


# -- the choice ---------------------------------------------------------------------------------------------------


def chosen(told: Told) -> Html:
    """The configuration that was picked, or the first in the ranking, whole and with its reason."""
    history = told.history
    if history.picks:
        pick = history.picks[-1]
        trial = history.trials[pick.trial]
        configuration = history.configuration(trial)
        head, because = f"Picked: trial {trial.number:03d}", escaped(one_line(pick.because) or "No reason was given.")
    elif told.order and told.order[0].configuration.first.reports:
        configuration = told.order[0].configuration
        trial = configuration.first
        head, because = f"First in the ranking: trial {trial.number:03d}", _first(told)
    else:
        return section("picked", "Picked configuration", paragraph("No trial has reported yet."))
    parts = [element("h3", head), paragraph(because)]
    yaml = element("pre", element("code", whole(trial)), id="configuration")
    parts.append(
        element("div", element("button", "Copy", type="button", data_copy="configuration"), yaml, class_="code")
    )
    shown = [element("div", *parts)]
    if trial.pictures and (file := inside(told.folder, trial.pictures[0])) is not None:
        step = next(report.step for report in reversed(trial.reports) if report.pictures)
        said = (
            f"{file.name.partition('.')[0].replace('_', ' ').capitalize()} of trial {trial.number:03d} at step {step}"
        )
        shown.append(
            element("figure", picture(tile(file, most=760), said), element("figcaption", said), class_="paper")
        )
    standing = next(s for s in told.order if s.configuration is configuration)
    return section("picked", "Picked configuration", element("div", *shown, class_="beside"), _values(told, standing))


def _first(told: Told) -> Html:
    configuration = told.order[0].configuration
    said = "Nobody has picked yet; this one is the best of those that were trained to their end."
    if told.order[0].pareto:
        said = "Nobody has picked yet; this one is on the Pareto front, and on it the best by the first objective."
    elif configuration.state != COMPLETE:
        said = f"None was trained to its end yet, and nobody has picked; this one {STATES[configuration.state]}"
        said += f": {reason(configuration)}." if configuration.state != RUNNING else "."
    command = f"teasel pick {one_line(told.history.sweep.get('name', 'NAME'))}"
    return joined([said, " ", element("code", command), " chooses one."])


def _values(told: Told, standing: Standing) -> Html:
    """The configuration's objectives and every other measure that it has, over its seeds."""
    configuration = standing.configuration
    last = configuration.reports(configuration.step) if configuration.step else configuration.first.reports[-1:]
    aims = [goal.metric for goal in told.goals]
    found = [(name, measured(standing.intervals.get(name)), True) for name in aims]
    for name in sorted(metrics()):
        values = [report.metrics[name] for report in last if name in report.metrics]
        if values and name not in aims:
            found.append((name, number(sum(values) / len(values)), False))
    listed = [
        element("div", element("dt", name), element("dd", value), class_="aim" if aim else None)
        for name, value, aim in found
    ]
    over = f", mean over {len(last)} seeds; ± is half the 95 % interval" if len(last) > 1 else ""
    head = element("h3", f"Measures at step {last[0].step}" if last else "Measures", element("small", over))
    return joined([head, element("dl", *listed, class_="measures")])
