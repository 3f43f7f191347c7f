# ruff: noqa: E501, UP031 - one line for each case
"""Sweep files: bombs, references to code, wrong types and names that lead elsewhere.

What a person may mistype is in ``tests/search/test_sweep_file.py``.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests_chaos.hostile.case import Call, Case

PARTS = {
    "name": "s",
    "methods": "[beta_vae]",
    "data": "{name: sprites, options: {size: 32}}",
    "objectives": "[score/mig]",
    "budget": "{trials: 8, steps: 900}",
}


def text(**changes: str) -> bytes:
    """A sweep file with other parts, or more of them."""
    return "".join(f"{key}: {value}\n" for key, value in {**PARTS, **changes}.items()).encode()


LAUGHS = b"a: &a [l,l,l,l,l,l,l,l,l]\n" + b"".join(
    b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9)) for i in range(9)
)
FILES = {
    "a billion laughs": LAUGHS,
    "laughs in a value": text(space="{lr: &a [1, 2], beta: *a}"),
    "an anchor on itself": b"name: &a [*a]\n",
    "a merge key": text() + b"<<: {name: t}\n",
    "a merge of an alias": b"x: &x {a: 1}\ny:\n  <<: *x\n",
    "an object of Python": text(name="!!python/object/apply:os.system ['id']"),
    "a module of Python": text(name="!!python/module:os"),
    "a name of Python": text(methods="[!!python/name:os.system ]"),
    "a tuple of Python": text(methods="!!python/tuple [beta_vae]"),
    "a tag of two words": b"%TAG ! tag:yaml.org,2002:python/\n---\nname: !name:os.system x\n",
    "binary": text(name="!!binary aGk="),
    "a set": text(name="!!set {a, b}"),
    "a method os:system": text(methods="['os:system']"),
    "a method os.system": text(methods="[os.system]"),
    "a method in a path": text(methods="[../trainables/beta_vae]"),
    "a method core": text(methods="[core]"),
    "a method __init__": text(methods="[__init__]"),
    "a method of a dataset": text(methods="[data.sprites]"),
    "a dataset subprocess": text(data="subprocess"),
    "a dataset __init__": text(data="__init__"),
    "a dataset in a path": text(data="../../etc/passwd"),
    "a dataset's option __class__": text(data="{name: sprites, options: {__class__: 1}}"),
    "a dataset's option is a mapping": text(data="{name: sprites, options: {size: {a: 1}}}"),
    "a dataset's option is huge": text(data="{name: sprites, options: {positions: 999999999}}"),
    "a subset __dict__": text(data="{name: mnist, subset: {__dict__: 1}}", methods="[beta_vae]", objectives="[val/elbo]"),
    "a subset of -1": text(data="{name: mnist, subset: {images: -1}}", objectives="[val/elbo]"),
    "a metric __import__": text(objectives="['__import__(''os'')']"),
    "a score os": text(scores="[os]"),
    "a score in a path": text(scores="[../probe]"),
    "a sampler of another module": text(sampler="'optuna.samplers:TPESampler'"),
    "a sampler's option": text(sampler="{name: tpe, module: os}"),
    "a schedule of code": text(schedule="{name: 'lambda: 0'}"),
    "a condition of code": text(constraints="[{condition: 'os.system', at_most: 1}]"),
    "a name that is a folder above": text(name="'..'"),
    "a name with a folder above": text(name="a/../../b"),
    "an absolute name": text(name="/etc/cron.d/x"),
    "a name of Windows": text(name="'C:\\x'"),
    "a name with an escape": text(name='"a\\e[2Jb"'),
    "a name with a carriage return": text(name='"a\\rb"'),
    "a name that turns text": text(name='"a\\u202Eb"'),
    "a name with a quote": text(name="\"a' or tags.x = 'y\""),
    "a name with a backquote": text(name='"a`b"'),
    "a name with a line end": text(name='"a\\n"'),
    "a name of digits in full width": text(name="\uff11\uff12"),
    "a hidden name": text(name=".ssh"),
    "a name that is an option": text(name="--help"),
    "a name of 10,000 letters": text(name="n" * 10_000),
    "a name that is null": text(name="null"),
    "a name that is a list": text(name="[a]"),
    "a storage with a zero": text(storage='"file:///tmp/%00x"'),
    "a storage with an escape": text(storage='"a\\e[31mb"'),
    "a storage with a password": text(storage="s3://me:secret@bucket/x"),
    "a storage above its bucket": text(storage="s3://bucket/../other"),
    "a storage of another kind": text(storage="http://169.254.169.254/latest"),
    "a storage of 10,000 letters": text(storage="x" * 10_000),
    "a picked sweep above": text(picked="{sweep: ../../x, trial: 0}"),
    "a picked sweep with a quote": text(picked="{sweep: \"a' or 1\", trial: 0}"),
    "a picked trial below 0": text(picked="{sweep: a, trial: -1}"),
    "a latent for every atom": text(space="{latents: 100000000000000}"),
    "a batch for every atom": text(space="{batch_size: 100000000000000}"),
    "steps of a hundred digits": text(budget="{steps: %s}" % ("9" * 100)),
    "trials of a thousand digits": text(budget="{trials: %s}" % ("9" * 1000)),
    "a wall time without end": text(budget="{wall_time: .inf}"),
    "a wall time of 5,000 digits": text(budget="{wall_time: %sh}" % ("9" * 5000)),
    "a seed of a hundred digits": text(seed="9" * 90),
    "too many seeds": text(seeds="1000000"),
    "too many rungs": text(schedule="{rungs: [%s]}" % ",".join(map(str, range(1, 19_990)))),
    "a report at each of a billion steps": text(budget="{steps: 1000000000}", report_every="1"),
    "a gpu of not a number": text(resources="{gpu: .nan}"),
    "a cpu without end": text(resources="{cpu: .inf}"),
    "numbers with an exponent of a million": text(space="{lr: 1e999999}"),
    "a range from -inf": text(space="{lr: {low: -.inf, high: 1}}"),
    "keys that are numbers": text() + b"1: 2\n",
    "a key of 10,000 letters": text() + b"? " + b"k" * 10_000 + b"\n: 1\n",
    "10,000 unknown keys": text() + b"".join(b"k%d: 1\n" % i for i in range(9_000)),
    "mappings in flow, 10,000 deep": b"{a: " * 10_000,
    "mappings in blocks, 400 deep": b"".join(b" " * i + b"a:\n" for i in range(400)),
    "lists in blocks, 100,000 deep": b"- " * 100_000,
    "keys that ask, 50,000 deep": b"? " * 50_000,
    "UTF-16": "name: s".encode("utf-16"),
    "a byte that ends text": text() + b"\x00",
    "half a surrogate": b'name: "\xed\xa0\x80"\n',
    "a quote without an end": b'name: "' + b"x" * 200_000,
    "a block of 250 KB": b"name: |\n" + b"  x\n" * 60_000,
    "a comment of 250 KB without an end": b"#" * 262_000,
    "pickle": b"\x80\x04\x95\x0e\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93.",
    "a program": b"\x7fELF" + bytes(200),
}  # fmt: skip


def _read(raw: bytes) -> Call:
    from search.sweep_file import loads

    return lambda: loads(raw, "sweep.yaml")


def _found(folder: Path, make: str) -> Call:
    from search.sweep_file import find, load

    path = folder / "sweep.yaml"
    if make == "pipe":
        os.mkfifo(path)
    elif make == "folder":
        path.mkdir()
    elif make == "circle":
        path.symlink_to(path)
    elif make == "sparse":
        with path.open("wb") as file:
            file.truncate(2**40)
    elif make == "zeros":
        path.symlink_to("/dev/zero")
    return lambda: load(find(str(path) if make != "long" else "x" * 100_000 + ".yaml"))


CASES = [Case(name=name, make=lambda folder, raw=raw: _read(raw)) for name, raw in FILES.items()] + [
    Case(name=f"a file that is a {make}", make=lambda folder, make=make: _found(folder, make))
    for make in ("pipe", "folder", "circle", "sparse", "zeros", "long")
]
