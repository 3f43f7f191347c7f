# ruff: noqa: E501 - one line for each case
"""Ledgers that somebody else wrote: damaged, huge, of wrong types under right checksums, leading elsewhere."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests_chaos.hostile.case import Call, Case

SWEEP = {
    "name": "look",
    "methods": ["beta_vae"],
    "data": {"name": "sprites", "options": {"size": 32}},
    "objectives": [{"metric": "score/mig", "direction": "maximize"}],
    "budget": {"trials": 2, "steps": 80},
}
TRIAL = {
    "kind": "trial", "trial": 0, "method": "beta_vae", "config": {"beta": 1.0}, "params": {"beta": 1.0}, "steps": 80,
    "seed": 0,
}  # fmt: skip
REPORT = {
    "kind": "report", "trial": 0, "attempt": 1, "step": 80, "metrics": {"score/mig": 0.5}, "pictures": [],
    "checkpoint": "trials/000/step-000080-attempt-1",
}  # fmt: skip
END = {"kind": "end", "trial": 0, "state": "COMPLETE", "reason": "finished", "step": 80}
ROWS: list[dict[str, Any]] = [
    {"kind": "sweep", "sweep": SWEEP, "id": "0123456789ab", "trials": 2, "teasel": "0", "format": 1},
    {"kind": "session", "host": "here", "teasel": "0", "concurrency": 1},
    TRIAL,
    {"kind": "start", "trial": 0, "attempt": 1, "step": 0},
    REPORT,
    END,
    {"kind": "close", "reason": "finished"},
]
PLACE = {row["kind"]: index for index, row in enumerate(ROWS)}
DEEP = "[" * 100_000 + "]" * 100_000


def lines(rows: list[Any]) -> bytes:
    """Rows, or the bytes of some, with checksums that are right."""
    from search.ledger_rows import Chain

    chain, found = Chain(), b""
    for row in rows:
        body = row if isinstance(row, bytes) else json.dumps({"time": 1.7e9, **row}).encode()
        line, chain = _line(chain, body)
        found += line
    return found


def _line(chain: Any, body: bytes) -> tuple[bytes, Any]:
    import zlib

    from search.ledger_rows import Chain

    checksum = zlib.crc32(body, chain.checksum)
    return b"%08x %s\n" % (checksum, body), Chain(chain.count + 1, checksum)


def changed(of: str, /, **fields: Any) -> bytes:
    """The ledger with some fields of one row changed; ``...`` takes one away."""
    rows = [dict(row) for row in ROWS]
    row = {**rows[PLACE[of]], **fields}
    rows[PLACE[of]] = {name: value for name, value in row.items() if value is not ...}
    return lines(rows)


def sweep(**fields: Any) -> bytes:
    return changed("sweep", sweep={**SWEEP, **fields})


def body(raw: bytes) -> bytes:
    """The ledger with a row whose text is ``raw``."""
    return lines([*ROWS[:3], raw])


LEDGERS = {
    "an unknown kind": changed("close", kind="os.system"),
    "a kind that is a number": changed("close", kind=7),
    "no kind": changed("close", kind=...),
    "a list for a row": body(b"[1, 2]"),
    "text for a row": body(b'"end"'),
    "null for a row": body(b"null"),
    "not JSON": body(b"{'kind': 'end'}"),
    "a row that is deep": body(b'{"kind": "end", "time": 1, "reason": ' + DEEP.encode() + b"}"),
    "a configuration that is deep": changed("trial", config={"a": json.loads("[" * 200 + "]" * 200)}),
    "a row of 8 MB": body(b'{"kind": "close", "time": 1, "reason": "' + b"x" * 8_000_000 + b'"}'),
    "a row of lists, 5 MB": body(b"[" + b"[]," * 1_700_000 + b"[]]"),
    "a number of 5,000 digits": body(b'{"kind": "close", "time": ' + b"9" * 5000 + b"}"),
    "a number of 400 digits": changed("report", step=10**400),
    "a time that is text": changed("close", time="now"),
    "a time that is not a number": changed("close", time=float("nan")),
    "a time without end": changed("close", time=float("inf")),
    "a time of 400 digits": changed("close", time=10**400),
    "a trial that is text": changed("trial", trial="0"),
    "a trial that is true": changed("report", trial=True),
    "a trial below 0": changed("report", trial=-1),
    "a trial that is not there": changed("end", trial=7),
    "a trial of a billion": changed("trial", trial=10**9),
    "a trial that is a path": changed("trial", trial="../../x"),
    "a trial of configuration -1": changed("trial", configuration=-1),
    "a trial of configuration 9": changed("trial", configuration=9),
    "a method that is a list": changed("trial", method=["os"]),
    "a configuration that is a list": changed("trial", config=[1]),
    "parameters that are text": changed("trial", params="beta"),
    "steps that are text": changed("trial", steps="80"),
    "steps without end": changed("trial", steps=float("inf")),
    "a seed of 400 digits": changed("trial", seed=10**400),
    "a hyperparameter of 400 digits": changed("trial", config={"beta": 10**400}),
    "a report without metrics": changed("report", metrics=...),
    "metrics that are a list": changed("report", metrics=[0.5]),
    "a metric that is text": changed("report", metrics={"score/mig": "high"}),
    "a metric that is a mapping": changed("report", metrics={"score/mig": {"a": 1}}),
    "a metric of 400 digits": changed("report", metrics={"score/mig": 10**400}),
    "a metric that is null": changed("report", metrics={"score/mig": None}),
    "a checkpoint above": changed("report", checkpoint="../../../etc"),
    "a checkpoint above in the middle": changed("report", checkpoint="trials/../../x"),
    "an absolute checkpoint": changed("report", checkpoint="/etc"),
    "a checkpoint in a store": changed("report", checkpoint="s3://bucket/x/../y"),
    "a checkpoint with a zero": changed("report", checkpoint="a\x00b"),
    "a checkpoint of 10,000 letters": changed("report", checkpoint="x" * 10_000),
    "a checkpoint that is a number": changed("report", checkpoint=7),
    "an empty checkpoint": changed("report", checkpoint=""),
    "pictures that are text": changed("report", pictures="a.png"),
    "a picture that is a number": changed("report", pictures=[3]),
    "a host that is a mapping": changed("report", host={"a": 1}),
    "a state of its own": changed("end", state="OWNED"),
    "a state that is a list": changed("end", state=["COMPLETE"]),
    "a reason that is a number": changed("end", reason=1),
    "a condition that is a list": changed("end", condition=[1]),
    "a share that is text": lines([*ROWS[:5], {"kind": "lost", "trial": 0, "attempt": 1, "reason": "", "gpu": "all"}]),
    "a comparison of nobody": lines([*ROWS[:5], {"kind": "compared", "configuration": 0, "step": 80, "metrics": {"9": {}}}]),
    "a comparison of a word": lines([*ROWS[:5], {"kind": "compared", "configuration": 0, "step": 80, "metrics": {"a": {}}}]),
    "a comparison of 5,000 digits": lines(
        [*ROWS[:5], {"kind": "compared", "configuration": 0, "step": 80, "metrics": {"9" * 5000: {}}}]
    ),
    "a pick of nobody": lines([*ROWS, {"kind": "pick", "trial": 5, "because": "x", "by": "hand"}]),
    "a pick without a reason": lines([*ROWS, {"kind": "pick", "trial": 0, "by": "hand"}]),
    "a budget that is text": lines([*ROWS, {"kind": "budget", "trials": "all"}]),
    "a second sweep": lines([*ROWS, ROWS[0]]),
    "a trial before its sweep": lines([TRIAL]),
    "a sweep that is a list": changed("sweep", sweep=[1]),
    "a name above": sweep(name="../../x"),
    "an absolute name": sweep(name="/tmp/x"),
    "a name with a quote": sweep(name="a' or tags.`b` = 'c"),
    "a name with an escape": sweep(name="a\x1b[2J"),
    "a name of 10,000 letters": sweep(name="x" * 10_000),
    "a name that is a number": sweep(name=7),
    "no name": changed("sweep", sweep={"methods": ["beta_vae"]}),
    "picked from above": sweep(picked={"sweep": "../../x", "trial": 0}),
    "picked from a number": sweep(picked={"sweep": 7, "trial": 0}),
    "picked as text": sweep(picked="x"),
    "objectives that are text": sweep(objectives="score/mig"),
    "objectives of numbers": sweep(objectives=[1]),
    "an objective that is a list": sweep(objectives=[{"metric": ["a"], "direction": "maximize"}]),
    "a budget that is a list": sweep(budget=[1]),
    "a wall time that is text": sweep(budget={"trials": 2, "steps": 80, "wall_time": "long"}),
    "seeds that are text": sweep(seeds="many"),
    "a billion seeds": sweep(seeds={"count": 10**9}),
    "no seeds at all": sweep(seeds={"count": 0}),
    "data that are a list": sweep(data=["sprites"]),
    "constraints that are numbers": sweep(constraints=[1]),
    "an id that is a list": changed("sweep", id=["a"]),
    "a total below 0": changed("sweep", trials=-1),
    "a wrong checksum": lines(ROWS).replace(b"finished", b"finishes"),
    "no checksums": b"".join(json.dumps(row).encode() + b"\n" for row in ROWS),
    "zeros": bytes(1000) + b"\n",
    "a line of 100,000 zeros": lines(ROWS) + bytes(100_000) + b"\n",
    "a pickle": b"\x80\x04\x8c\x05posix\x8c\x06system\x93.\n",
    "nothing": b"",
}  # fmt: skip


def _told(folder: Path, raw: bytes) -> Call:
    from search.folder import existing

    (folder / "results/look").mkdir(parents=True)
    (folder / "results/look/ledger.jsonl").write_bytes(raw)
    return lambda: existing(folder / "results", "look").history()


def _file(folder: Path, make: str) -> Call:
    from search.folder import existing
    from search.ledger import Ledger

    path = folder / "results/look/ledger.jsonl"
    path.parent.mkdir(parents=True)
    victim = folder / "victim"
    victim.write_text("machine host login me password secret")
    if make == "a pipe":
        os.mkfifo(path)
    elif make == "sparse, of a terabyte":
        with path.open("wb") as file:
            file.truncate(2**40)
    elif make == "a folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if "device" in make else victim)
    if make.endswith("to be resumed"):
        # What lies after the last line break is cut off when a ledger is opened.
        return lambda: Ledger.open(path)
    return lambda: existing(folder / "results", "look").history()


def _linked(folder: Path, name: str) -> Call:
    """A sweep whose trials lie behind links: going on with it would write there, and free what is not its own."""
    from search.run import reopen

    call = _told(folder, lines(ROWS))
    call()
    (folder / "victim/.ssh").mkdir(parents=True)
    path = folder / "results/look" / name
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(folder / "victim")
    return lambda: reopen(folder / "results", "look")


FILES = (
    *("a pipe", "sparse, of a terabyte", "a folder", "a link to a device", "a link to a file"),
    *("a link to be resumed", "a device to be resumed"),
)


CASES = [Case(name=name, make=lambda folder, raw=raw: _told(folder, raw)) for name, raw in LEDGERS.items()] + [
    *(Case(name=f"a ledger that is {make}", make=lambda folder, make=make: _file(folder, make)) for make in FILES),
    *(
        Case(name=f"{name} that is a link", make=lambda folder, n=name: _linked(folder, n))
        for name in ("trials", "trials/000")
    ),
]
