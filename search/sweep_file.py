"""Sweeps in and out: from a YAML file, from the command line's words, and back to YAML.

Errors say ``FILE:LINE: what was given, what is possible, the nearest name``, or the option instead
of file and line, and list every problem at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

import spaces
from search.problems import Path as Place
from search.problems import SweepError, problems
from search.sweep import Sweep
from search.sweep_data import SUBSET, option_names
from search.yaml_reader import BYTES, Document, YamlError, read, scalar
from spaces.core.domains import nearest, shown

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
OPTIONS: dict[Place, str] = {
    ("methods",): "METHOD",
    ("data",): "--data",
    ("data", "secondary"): "--secondary",
    ("objectives",): "--objective",
    ("constraints",): "--constraint",
    ("scores",): "--score",
    ("budget", "wall_time"): "--wall-time",
    ("budget", "disk"): "--disk",
    ("budget", "trials"): "--trials",
    ("budget", "steps"): "--steps",
    ("sampler",): "--sampler",
    ("schedule",): "--schedule",
    ("resources", "precision"): "--precision",
    ("resources",): "--cpu/--gpu",
}
"""The option that fills a part of the sweep; any other field is an option of its own name."""


def ready_made() -> dict[str, Path]:
    """The sweeps that come with the project, by name."""
    folder = Path(spaces.__file__).parent
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find(name: str) -> Path:
    """The file of a ready-made sweep's name, or the path itself.

    Raises ``SweepError`` where there is neither.
    """
    known = ready_made()
    if name in known:
        return known[name]
    if not name.isprintable() or len(name) > 1000 or not Path(name).is_file():
        raise SweepError(
            [f"no sweep file {shown(name)}; ready-made sweeps are {', '.join(known)}" + nearest(name, tuple(known))]
        )
    return Path(name)


def load(path: str | Path) -> Sweep:
    """The sweep in a file.  Raises ``SweepError`` with one line for each problem."""
    try:
        with open(path, "rb") as file:
            raw = file.read(BYTES + 1)
    except OSError as error:
        raise SweepError([f"{path}: cannot be read: {error.strerror}."]) from None
    return loads(raw, str(path))


def loads(raw: bytes | str, name: str = "sweep.yaml") -> Sweep:
    """The sweep in a YAML text; ``name`` is what errors call it."""
    try:
        document = read(raw.encode() if isinstance(raw, str) else raw)
    except YamlError as error:
        raise SweepError([f"{name}:{error.line}: {error}."]) from None
    if not isinstance(document.value, dict):
        given = "empty" if document.value is None else f"no mapping but {shown(document.value)}"
        raise SweepError([f"{name}:1: the file is {given}; it needs keys {', '.join(Sweep.model_fields)}."])
    return _checked(document.value, lambda path: _line(document, name, path))


def _line(document: Document, name: str, path: Place) -> tuple[tuple[int, int], str]:
    """How errors about ``path`` begin, with what sorts them."""
    if path and path[0] not in document.value:
        path = (
            {"methods": "method", "objectives": "objective"}.get(str(path[0]), path[0]),
            *path[1:],
        )
    place = document.place(path)
    return place, f"{name}:{place[0]}: "


def _checked(value: Mapping[str, Any], begin: Callable[[Place], tuple[Any, str]]) -> Sweep:
    try:
        return Sweep.model_validate(value)
    except ValidationError as error:
        found = [(*begin(p.path), p.message) for p in problems(error, Sweep)]
    raise SweepError([start + message for _, start, message in sorted(found, key=lambda f: f[0])])


class _Dumper(yaml.SafeDumper):
    """Quotes every text that is not plainly a word, lest a reader take it for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = PLAIN.fullmatch(text) and text.lower() not in (
        "null",
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
    )
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _text)


def dump(sweep: Sweep) -> str:
    """The sweep as YAML that ``load`` reads back as an equal sweep."""
    value = sweep.model_dump(mode="json", exclude_none=True)
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=100)


def setting(text: str) -> tuple[str, Any]:
    """One ``--set KEY=VALUE`` as key and value.

    ``lr=1e-4`` is a value, ``gamma=1..50`` a range, ``latents=8,10,12`` a list,
    ``batch_size=search`` opens a fixed hyperparameter. Raises ``SweepError`` without an equals
    sign.
    """
    key, equals, value = text.partition("=")
    key, value = key.strip(), value.strip()
    if not (key and equals and value):
        raise SweepError([f"--set {shown(text)}: write KEY=VALUE, such as lr=1e-4, gamma=1..50 or latents=8,10,12."])
    low, dots, high = value.partition("..")
    if dots and low and high:
        return key, {"low": scalar(low), "high": scalar(high)}
    if "," in value:
        return key, [scalar(part.strip()) for part in value.split(",") if part.strip()]
    return key, scalar(value)


def from_command_line(
    methods: Sequence[str] = (),
    *,
    base: Sweep | None = None,
    data: str | None = None,
    secondary: str | None = None,
    objectives: Sequence[str] = (),
    constraints: Sequence[Any] = (),
    scores: Sequence[str] = (),
    seeds: str | int | None = None,
    sets: Sequence[str] = (),
    trials: int | None = None,
    steps: int | None = None,
    wall_time: str | float | None = None,
    disk: str | None = None,
    sampler: str | None = None,
    sampler_seed: int | None = None,
    schedule: str | None = None,
    cpu: float | None = None,
    gpu: float | str | None = None,
    precision: str | None = None,
    **fields: Any,
) -> Sweep:
    """The sweep that the command line's words mean, over ``base`` (a file's sweep) if given.

    ``sets`` are ``KEY=VALUE`` as in ``setting``; ``METHOD.KEY=VALUE`` is for one method, and
    ``data.KEY=VALUE`` and ``secondary.KEY=VALUE`` are options or subset keys of the datasets.
    ``fields`` are further fields of ``Sweep`` (name, seed, storage, concurrency, report_every);
    ``None`` leaves one alone. Raises ``SweepError`` naming the option.
    """
    value = base.model_dump() if base else {}
    given: dict[str, Any] = {
        "methods": tuple(methods) or None,
        "objectives": tuple(objectives) or None,
        "constraints": tuple(_constraint(text) for text in constraints) or None,
        "scores": tuple(scores) or None,
        "seeds": scalar(seeds) if isinstance(seeds, str) else seeds,
        **fields,
    }
    value |= {key: v for key, v in given.items() if v is not None}
    parts: dict[str, dict[str, Any]] = {
        "data": {"name": data},
        "budget": {"trials": trials, "steps": steps, "wall_time": wall_time, "disk": disk},
        "sampler": {"name": sampler, "seed": sampler_seed},
        "schedule": {"name": schedule},
        "resources": {"cpu": cpu, "gpu": scalar(gpu) if isinstance(gpu, str) else gpu, "precision": precision},
    }
    if data is not None and base is not None and data != base.data.name:
        value["data"] = {k: v for k, v in value["data"].items() if k == "secondary"}
    if schedule is not None and base is not None and schedule != base.schedule.name:
        value["schedule"] = {}
    for part, entries in parts.items():
        if entries := {k: v for k, v in entries.items() if v is not None}:
            value[part] = {**value.get(part, {}), **entries}
    if secondary is not None:
        second = value.get("data", {}).get("secondary") or {}
        second = second if second.get("name") == secondary else {"name": secondary}
        value["data"] = {**value.get("data", {}), "secondary": second}
    options: dict[Place, str] = {}
    for text in sets:
        _apply(value, options, text)
    if "name" not in value and value.get("methods") and "data" in value:
        used = [value["data"].get("name"), (value["data"].get("secondary") or {}).get("name")]
        value["name"] = "-".join([*value["methods"], *(str(each) for each in used if each)])[:80]
    return _checked(value, lambda path: _option(path, options))


def _constraint(text: Any) -> Any:
    """``dead_latents=0.3`` as condition and limit; a condition alone has its own limit."""
    if not isinstance(text, str) or "=" not in text:
        return text
    name, _, limit = text.partition("=")
    return {"condition": name.strip(), "at_most": scalar(limit.strip())}


def _apply(value: dict[str, Any], options: dict[Place, str], text: str) -> None:
    """Put one ``--set`` in its place, and remember the option for errors about it."""
    key, meant = setting(text)
    head, dot, rest = key.partition(".")
    path: Place = ("space", head, rest) if dot else ("space", key)
    if dot and head in ("data", "secondary"):
        path = _data_place(value, head, rest)
    if path in options:
        raise SweepError([f"--set {shown(text)[1:-1]}: {key} is set twice."])
    inner: dict[Any, Any] = value
    for part in path[:-1]:
        here = inner.get(part, {})
        if not isinstance(here, Mapping):
            raise SweepError([f"--set {shown(text)[1:-1]}: {part} is given a value of its own already."])
        inner[part] = dict(here)
        inner = inner[part]
    inner[path[-1]] = meant
    options[path] = text
    if not dot:
        _forget(value["space"], key, options)


def _data_place(value: Mapping[str, Any], head: str, key: str) -> Place:
    """Where ``data.KEY`` or ``secondary.KEY`` belongs: ``options.KEY`` and ``subset.KEY`` say it themselves.

    An option of the dataset comes before a subset's key of the same name.
    """
    place: Place = ("data",) if head == "data" else ("data", "secondary")
    named: Any = value.get("data", {})
    if head == "secondary":
        named = named.get("secondary") or {}
    kind, dot, rest = key.partition(".")
    if dot and kind in ("options", "subset"):
        return (*place, kind, rest)
    chosen = key in SUBSET and key not in option_names(named.get("name"))
    return (*place, "subset" if chosen else "options", key)


def _forget(space: dict[str, Any], key: str, options: Mapping[Place, str]) -> None:
    """The command line beats a file: drop what the file says of ``key`` for single methods."""
    for name, own in space.items():
        if isinstance(own, Mapping) and name in spaces.names() and ("space", name, key) not in options:
            space[name] = {k: v for k, v in own.items() if k != key}


def _option(path: Place, sets: Mapping[Place, str]) -> tuple[Any, str]:
    """How errors about ``path`` begin, with what sorts them."""
    for length in range(len(path), 0, -1):
        here = path[:length]
        if here in sets:
            return str(here), f"--set {shown(sets[here])[1:-1]}: "
        group = here[-1] in ("options", "subset") or (here[0] == "space" and length == 2)
        if group and any(s[:length] == here for s in sets):
            first = next(text for s, text in sets.items() if s[:length] == here)
            return str(here), f"--set {shown(first)[1:-1]}: "
        if here in OPTIONS:
            return str(here), f"{OPTIONS[here]}: "
    if not path or path[0] == "space":
        return str(path), "space: " if path else ""
    return str(path), f"--{str(path[0]).replace('_', '-')}: "
