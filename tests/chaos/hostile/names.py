# ruff: noqa: E501 - one line for each case
"""Names, addresses, variables, tags and texts: paths, quotes, filters of MLflow, escapes for terminals."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

from tests_chaos.hostile.case import Call, Case

NEEDS = ("search.tracking.projection", "search.tracking.registry", "search.command_line.terminal", "cluster.capacity")
LONG = "x" * 10_000
ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\r\x08\u202eevil\u2066"
DEEP = "[" * 100_000


def _call(make: Callable[[str], object]) -> Callable[[str], Callable[[Path], Call]]:
    return lambda given: lambda folder: lambda: make(given)


def _sweep(given: str) -> Callable[[Path], Call]:
    def make(folder: Path) -> Call:
        from search.folder import existing

        (folder / "results/look").mkdir(parents=True)
        (folder / "ledger.jsonl").write_text("")
        return lambda: existing(folder / "results", given)

    return make


def _place(given: str) -> object:
    from trainables.core.storage import place

    return place(given)


def _tracking(given: str) -> object:
    from search.tracking.uri import address

    return address(given, Path())


def _head(given: str) -> object:
    from cluster.address import head_url

    return head_url(given, {})


def _registered(given: str) -> object:
    from search.tracking.registry import Named

    return Named.of(given)


def _groups(given: str) -> object:
    from cluster.capacity import declared

    return declared(given)


def _setting(given: str) -> object:
    from search.sweep_file import from_command_line

    return from_command_line(["beta_vae"], data="sprites", objectives=["score/mig"], sets=[given])


def _dataset(given: str) -> object:
    from trainables import data

    return data.options(given, {})


def _shared(given: str) -> object:
    from search.tracking.sharing import share

    return share("http://127.0.0.1:9", given, "bob", "READ")


def _env(given: str) -> object:
    from search.command_line.submission import variables

    return variables([given])


TABLES: dict[str, tuple[Callable[[str], Callable[[Path], Call]], tuple[str, ...]]] = {
    "a sweep": (_sweep, ("..", ".", "", "../results/look", "/etc", "look/..", "a\0b", LONG, ESCAPES, "look\n", "lo*k", "x' or '1'='1")),
    "a storage": (_call(_place), (
        "", "s3:", "s3://", "s3:///x", "s3://b/../c", "s3://b/./c", "s3://key:secret@b/x", "s3://b/x?token=1", "gs://b#x",
        "http://169.254.169.254/", "ftp://h/x", "javascript://x", "file://host/x", "file://../x", "file:///a%00b",
        "file:///a%1b[2J", "s3://[::1/x", "\x1b[2J://x", f"{LONG}://x",
    )),
    "a tracking server": (_call(_tracking), (
        "http://me:pass@h:5000", "http://h?token=1", "file:///tmp/x", "ftp://h", "http://", "http://[::1", "javascript:alert(1)",
        "databricks://me@h", "//h", "", ESCAPES, LONG, "sqlite://me:pass@h/x", "../mlruns", "s3://b/x",
    )),
    "a head": (_call(_head), (
        "http://me:t@h:8265", "http://h:8265?token=1", "ray://h:10001", "h:6379", "http://", "http://[::1", "file:///x", "http://h:99999",
        "http://h:x", ESCAPES, LONG, "javascript:alert(1)",
    )),
    "a registered model": (_call(_registered), (
        "models:/", "models:/a", "models:/../x@pick", "models:/a'or'@pick", 'models:/a"@pick', "models:/a@b@c", "models:/a/b", "models:/a/-1",
        "models:/a/1/../..", "runs:/x", "models://h/a@pick",
    )),
    "nodes that may be added": (_call(_groups), (
        "", "{}", "null", "[1]", '["a"]', '[{"CPU": 1}]', '[{"nodes": "x"}]', '[{"nodes": 1e400}]', '[{"nodes": -1, "CPU": 1}]',
        '[{"nodes": 1, "CPU": NaN}]', '[{"nodes": 1, "CPU": Infinity}]', '[{"nodes": 1, "CPU": [1]}]', '[{"nodes": 1.5, "CPU": 1}]',
        '[{"nodes": 1, "CPU": -1}]', f'[{{"nodes": {10**400}, "CPU": 1}}]', f'[{{"nodes": 1, "CPU": {10**400}}}]', DEEP, "__import__('os')", LONG,
    )),
    "a setting": (_call(_setting), (
        "=", "lr", "__class__=1", "lr=__import__('os')", "latents=10**9", f"latents={10**20}", "data.__class__=1", "data.options.size=os",
        f"{LONG}=1", f"lr={LONG}", "lr=nan", "lr=1e999", f"{ESCAPES}=1", "beta_vae.lr.x=1", "data.secondary=1", "lr=1..", "lr=nan..inf",
    )),
    "a dataset": (_call(_dataset), ("os", "__init__", "../core/idx", "core.idx", "mnist\n", "", LONG, ESCAPES, "mnist.prepare")),
    "a sweep to share": (_call(_shared), ("x' or '1'='1", "a' AND tags.x = 'y", "../x", ESCAPES, LONG)),
    "a variable to hand on": (_call(_env), ("=", "AWS_SECRET_ACCESS_KEY=x", "a b=1", "A\nB=1", f"A={ESCAPES}", "MY_TOKEN", "LD_PRELOAD\0=x")),
}  # fmt: skip


def _tagged(tag: str, trial: int) -> Callable[[Path], Call]:
    """What somebody wrote into the tag ``pick`` of a run."""

    def make(folder: Path) -> Call:
        from tests_chaos.hostile.ledgers import ROWS

        from search.history import replay
        from search.pick import by_tag

        history = replay({"time": 1.7e9, **row} for row in ROWS)
        return lambda: by_tag(history, {trial: tag}, None)

    return make


def _numbered(tag: str) -> Callable[[Path], Call]:
    def make(folder: Path) -> Call:
        from search.tracking import picking

        return lambda: picking._number(tag)

    return make


def _said(folder: Path) -> Call:
    """A tag's text becomes part of a record, of a page and of a ledger: as one line, of moderate length."""

    def pick() -> None:
        import yaml
        from tests_chaos.hostile.ledgers import ROWS

        from search.history import replay
        from search.pick import as_yaml, by_tag

        history = replay({"time": 1.7e9, **row} for row in ROWS)
        for tag in (
            "a\n\n# Title\n\n```sh\nrm -rf /\n```",
            LONG,
            ESCAPES,
            "!!python/object:os.system x",
            "- a: &x [*x]",
        ):
            choice = by_tag(history, {0: tag}, None)
            assert choice is not None and "\n" not in choice.because and len(choice.because) <= 500, choice
            assert yaml.safe_load(as_yaml({"because": choice.because})) == {"because": choice.because}

    return pick


def _printed(folder: Path) -> Call:
    """Nothing that a ledger says reaches a terminal as anything but text."""

    def show() -> None:
        from tests_chaos.hostile.ledgers import ROWS

        from search.command_line.plain import PlainConsole, plain
        from search.command_line.tables import ranking_table
        from search.history import replay

        rows = [{"time": 1.7e9, **row} for row in ROWS]
        rows[2] = {
            **rows[2],
            "method": f"m{ESCAPES}",
            "config": {f"beta{ESCAPES}": ESCAPES},
            "params": {f"beta{ESCAPES}": ESCAPES},
        }
        rows[5] = {**rows[5], "state": "FAIL", "reason": f"[bold]{ESCAPES}[/x]"}
        file = io.StringIO()
        console = PlainConsole(file=file, force_terminal=True, width=200, color_system=None)
        console.print(ranking_table(replay(rows), limit=10, width=200))
        console.print(f"[/x]{ESCAPES}")
        for letter in ESCAPES:
            if not letter.isprintable():
                assert letter not in file.getvalue().replace("\x1b[3m", ""), f"{letter!r} reaches the terminal"
                assert letter not in plain(ESCAPES), letter

    return show


def _published(folder: Path) -> Call:
    """Names and values that MLflow would refuse, or that would lead its files elsewhere, are changed; two stay two."""

    def project() -> None:
        from tests_chaos.hostile.ledgers import ROWS

        from search.tracking.projection import Projection
        from search.tracking.words import metric, text

        odd = (
            "../../x",
            "/etc/passwd",
            "a/../b",
            "a' OR 'b",
            "a`b",
            'a"b',
            ESCAPES,
            LONG,
            "",
            ".",
            "..",
            "a//b",
            "a\0b",
            "naïve",
            "😀",
        )
        names = [metric(name) for name in odd]
        assert len(set(names)) == len(odd), names
        for name in names:
            parts = name.split("/")
            assert name and len(name) <= 250 and ".." not in parts and not name.startswith(("/", ".")), name
            assert name.isprintable() and not set("'\"`\\") & set(name), name
        for value in odd:
            assert text(value).isprintable() and len(text(value)) <= 8000
        rows = [{"time": 1.7e9, **row} for row in ROWS]
        rows[0] = {**rows[0], "id": "a' or tags.`x` = 'y"}
        projection = Projection()
        for row in rows:
            projection.add(row)
        assert not set("'\"`") & set("".join(projection.tags.values())), projection.tags

    return project


def _status(folder: Path) -> Call:
    """What lies beside a ledger may be anything."""

    def read() -> None:
        from search.tracking.publisher import read as said

        for content in (b"", b"[1]", b"null", DEEP.encode(), b"\xff", b"\x80\x04.", json.dumps({"rows": "x"}).encode()):
            (folder.parent / folder.name).exists()
            path = Path("status.json")
            path.write_bytes(content)
            try:
                assert isinstance(said(path), dict)
            finally:
                path.unlink()

    return read


CASES = [
    *(
        Case(name=f"{kind}: {given[:40]!r}", make=make(given))
        for kind, (make, names) in TABLES.items()
        for given in names
    ),
    Case(name="a tag on a trial that is not there", make=_tagged("this one", 10**8)),
    Case(name="a tag on a trial below 0", make=_tagged("this one", -1)),
    *(Case(name=f"a run of trial {tag[:20]!r}", make=_numbered(tag)) for tag in ("", "-1", "a", "1.5", LONG, "9" * 5000, "²", ESCAPES)),
    Case(name="a tag of many lines", make=_said, harmless=True),
    Case(name="escapes in a ledger", make=_printed, harmless=True),
    Case(name="names that MLflow refuses", make=_published, harmless=True),
    Case(name="notes of the publisher", make=_status, harmless=True),
]  # fmt: skip
