"""A sweep's datasets, methods and objectives against each other: what each needs, and what the others give.

The registries of datasets and metrics, and what spaces say of their methods, are asked here; nothing is read but
descriptions, so that a refusal is quick.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import spaces
import trainables.data
import trainables.scores
from search.problems import Problem, unknown
from trainables.core.conditions import CONDITIONS
from trainables.core.split import IDENTITY
from trainables.core.subset import Subset

if TYPE_CHECKING:
    from search.sweep import DataSpec, Objective
    from trainables.core.arrays import Description

Before = Mapping[str, Any]

SUBSET = tuple(field.name for field in dataclasses.fields(Subset))
"""The keys of a subset."""

DATA = ("labels", "factors", "identity", "secondary")
"""What a dataset has or has not; all else that metrics need, methods give."""

AGREEMENT = "score/udr"
"""The metric that replicates have only together."""

LISTED = 12
"""Classes in a message at most."""


def metrics() -> Mapping[str, Any]:
    """Every metric that a trial reports, by its full name."""
    return trainables.scores.metrics()


def dataset(name: str) -> str:
    """``name`` if there is such a dataset.  Raises ``ValueError`` otherwise."""
    known = trainables.data.names()
    if name not in known:
        raise ValueError(unknown("dataset", name, known))
    return name


def option_names(name: Any) -> tuple[str, ...]:
    """The options of a dataset; none where there is no such dataset."""
    if name not in trainables.data.names():
        return ()
    return tuple(field.name for field in dataclasses.fields(trainables.data.load(name).Options))


def options_problems(name: str, options: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a dataset's options, at the option where one alone is to blame."""
    if (whole := _refusal(lambda: trainables.data.options(name, dict(options)))) is None:
        return []
    alone = {k: _refusal(lambda k=k, v=v: trainables.data.options(name, {k: v})) for k, v in options.items()}
    found = [Problem((key,), text) for key, text in alone.items() if text is not None]
    return found or [Problem((), whole)]


def subset_problems(name: str, options: Mapping[str, Any], subset: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a subset of a dataset, at the key where one alone is to blame."""
    found = [
        Problem((key,), unknown("subset key", key, SUBSET).replace("subset keys are", "a subset has"))
        for key in subset
        if key not in SUBSET
    ]
    if found:
        return found
    alone = {k: _refusal(lambda k=k, v=v: Subset(**{k: v})) for k, v in subset.items()}
    found = [Problem((key,), text) for key, text in alone.items() if text is not None]
    if found:
        return found
    if (whole := _refusal(lambda: Subset(**subset))) is not None:
        return [Problem((), whole)]
    about = trainables.data.describe(name, options)
    if (text := Subset(**subset).problem(name, about)) is None:
        return []
    return [Problem(("only" if "only" in subset else "per_class",), text)]


def _refusal(make: Any) -> str | None:
    try:
        make()
    except (ValueError, TypeError) as error:
        return str(error)
    return None


def describe(data: DataSpec) -> Description:
    """The dataset before any work."""
    return trainables.data.describe(data.name, dict(data.options))


def has(data: DataSpec) -> dict[str, bool]:
    """Which of ``DATA`` there is."""
    about = describe(data)
    return {**_described(about), "secondary": data.secondary is not None}


def _described(about: Description) -> dict[str, bool]:
    return {
        "labels": bool(about.classes),
        "factors": bool(about.factors),
        "identity": IDENTITY in about.factors,
    }


# -- datasets and methods -----------------------------------------------------------------------------------------


def data_problems(data: DataSpec, before: Before) -> list[Problem]:
    """The dataset has what the methods need, and a second one is there where it is used, with the same classes."""
    if "methods" not in before:
        return []
    needs = {name: spaces.needs(name) for name in before["methods"]}
    having = has(data)
    found = [
        Problem((), _lacking(name, data.name, missing))
        for name in needs
        if (missing := [n for n in needs[name] if n != "secondary" and not having[n]])
    ]
    learning = [name for name in needs if "labels" in needs[name]]
    if learning and having["labels"] and "only" in data.subset:
        found.append(Problem(("subset", "only"), _one_class(learning, data)))
    return found + _second_problems(data, [name for name in needs if "secondary" in needs[name]], before["methods"])


def _lacking(method: str, name: str, missing: Sequence[str]) -> str:
    would = [other for other in trainables.data.names() if all(_described(_default(other))[n] for n in missing)]
    those = f"datasets with {' and '.join(missing)} are {', '.join(would)}" if would else "no dataset has that"
    return f"{method} needs {' and '.join(missing)}, which dataset {name!r} does not have; {those}."


def _default(name: str) -> Description:
    return trainables.data.describe(name)


def _one_class(learning: Sequence[str], data: DataSpec) -> str:
    return (
        f"only {data.subset['only']!r} leaves one class of {data.name}, and {_list(learning)} "
        f"{'learns' if len(learning) == 1 else 'learn'} from several; leave `only` out, or use per_class."
    )


def _second_problems(data: DataSpec, using: Sequence[str], methods: Sequence[str]) -> list[Problem]:
    second = data.secondary
    if second is None:
        return [
            Problem(
                (),
                f"{name} trains on two datasets, and only {data.name} is given; give the second one as `secondary` "
                f"under data, such as data: {{name: {data.name}, secondary: mnist}}, or with --secondary mnist.",
            )
            for name in using
        ]
    if not using:
        those = [name for name in spaces.names() if "secondary" in spaces.needs(name)]
        would = f"; methods that use one: {', '.join(those)}" if those else ""
        return [
            Problem(
                ("secondary",),
                f"no method of this sweep uses a second dataset ({_list(methods)}); leave it out{would}.",
            )
        ]
    if "only" in second.subset:
        return [Problem(("secondary", "subset", "only"), _one_class(using, second))]
    mine, theirs = describe(data).classes, describe(second).classes
    if not theirs:
        return [Problem(("secondary",), _lacking(using[0], second.name, ["labels"]))]
    if not mine or mine == theirs:
        return []
    what = f"{data.name} has {_classes(mine)} and the second dataset, {second.name}, has {_classes(theirs)}"
    return [Problem(("secondary",), f"the two datasets must have the same classes in the same order: {what}.")]


def _classes(names: Sequence[str]) -> str:
    more = "" if len(names) <= LISTED else ", …"
    return f"{len(names)} ({', '.join(names[:LISTED])}{more})"


# -- objectives ---------------------------------------------------------------------------------------------------


def possible(methods: Iterable[str], data: DataSpec | None) -> tuple[str, ...]:
    """The metrics that every one of ``methods`` can give on ``data``; None leaves the dataset open."""
    gives = [spaces.gives(name) for name in methods]
    having = dict.fromkeys(DATA, True) if data is None else has(data)

    def given(need: str) -> bool:
        if need == "models":
            # Replicates give it together; that there are some is checked with the seeds.
            return all("posterior" in each for each in gives)
        return having[need] if need in DATA else all(need in each for each in gives)

    return tuple(name for name, metric in metrics().items() if all(given(need) for need in metric.needs))


def objectives_problems(objectives: Sequence[Objective], before: Before) -> list[Problem]:
    """At least one, each once, and the dataset and every method give what the metric needs."""
    if not objectives:
        return [Problem((), f"objectives is empty; metrics are {', '.join(metrics())}.")]
    found = repeated("metric", [o.metric for o in objectives])
    methods, data = before.get("methods", ()), before.get("data")
    can = ", ".join(possible(methods, data)) or "no metric"
    having = dict.fromkeys(DATA, True) if data is None else has(data)
    for i, objective in enumerate(objectives):
        needs = metrics()[objective.metric].needs
        missing = [n for n in needs if n in DATA and not having[n]]
        if missing:
            assert data is not None
            text = (
                f"{objective.metric} needs {' and '.join(missing)}, which dataset {data.name!r} does not have; "
                f"it can give {can}."
            )
            found.append(Problem((i,), text))
        asked = [{"models": "posterior"}.get(n, n) for n in needs if n not in DATA]
        failing = {m: [n for n in asked if n not in spaces.gives(m)] for m in methods}
        failing = {m: lacks for m, lacks in failing.items() if lacks}
        if failing:
            lacks = tuple(dict.fromkeys(n for each in failing.values() for n in each))
            cannot = f"which {_list(tuple(failing))} {'does' if len(failing) == 1 else 'do'} not give"
            all_can = "it can give" if len(methods) == 1 else "all methods of this sweep can give"
            found.append(Problem((i,), f"{objective.metric} needs {' and '.join(lacks)}, {cannot}; {all_can} {can}."))
    return found


def condition_problem(name: str, methods: Sequence[str], data: DataSpec | None) -> str:
    """Why no method could meet the failure condition ``name`` on this dataset; empty where one could."""
    needs = CONDITIONS[name].needs
    having = dict.fromkeys(DATA, True) if data is None else has(data)
    if missing := [need for need in needs if need in DATA and not having[need]]:
        assert data is not None
        return f"condition {name} needs {' and '.join(missing)}, which dataset {data.name!r} does not have."
    asked = [need for need in needs if need not in DATA]
    if methods and not any(set(asked) <= set(spaces.gives(method)) for method in methods):
        return f"condition {name} needs {' and '.join(asked)}, which {_list(methods)} cannot give."
    return ""


def repeated(kind: str, names: Sequence[str]) -> list[Problem]:
    """A problem for each name that stands there already."""
    return [
        Problem((i,), f"{kind} {name[:60]!r} is listed twice.") for i, name in enumerate(names) if name in names[:i]
    ]


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
