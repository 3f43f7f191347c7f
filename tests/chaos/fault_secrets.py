"""Canaries where secrets are kept: in the environment, in addresses, in a sweep's file, in what errors say.

They must be nowhere afterwards: in no file of the storage, no database, no log, no word of a command, no package.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests_chaos import invariants, tries
from tests_chaos.fault import Fault, Outcome

ENVIRONMENT = {
    "MLFLOW_TRACKING_USERNAME": "somebody",
    "MLFLOW_TRACKING_PASSWORD": "CANARY/pass word:1",
    "AWS_ACCESS_KEY_ID": "CANARYACCESSKEY",
    "AWS_SECRET_ACCESS_KEY": "CANARY+aws/secret=",
    "RAY_AUTH_TOKEN": "CANARYray" + "0" * 32,
    "MY_SERVICE_TOKEN": 'CANARY "own" token\\',
    "DATABASE_URL": "postgresql://me:CANARY-db@db.example/teasel",
}
MARK = "CANARY"

SAID = """\
import os
from trainables.core import training
def errors():
    own = os.environ
    yield ConnectionError("Max retries exceeded with url: https://me:CANARY@host.example/x?token=CANARY&sig=CANARY")
    yield RuntimeError("401 for " + own["MLFLOW_TRACKING_PASSWORD"] + " with {'Authorization': 'Bearer CANARY.123456'}")
    yield KeyError(own["MY_SERVICE_TOKEN"])
    yield ValueError("\\n".join(f"{name}={own[name]}" for name in sorted(own)))
    yield OSError(5, "cannot reach s3 as " + own["AWS_ACCESS_KEY_ID"] + " " + own["AWS_SECRET_ACCESS_KEY"])
advance, left = training.Training.advance, [*errors()]
def failing(self, until):
    if self.step == 0 and left and os.environ["MY_SERVICE_TOKEN"]:
        raise left.pop(0) from ValueError(os.environ["DATABASE_URL"])
    return advance(self, until)
training.Training.advance = failing
"""
"""Comes before everything in each of Teasel's processes: trials fail with errors that hold secrets."""

START = """\
import importlib.abc, importlib.machinery, sys
class Late(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "trainables.core.trial":
            return None
        sys.meta_path.remove(self)
        import canaries
        return None
sys.meta_path.insert(0, Late())
"""
"""A ``sitecustomize`` that brings them in with the first trial."""


def _holding(folder: Path) -> Iterator[str]:
    """The files below a folder that hold a canary, in any compression that Teasel writes."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if MARK.encode() in content or MARK.encode("utf-16-le") in content:
                where = content.index(MARK.encode())
                yield f"{path.relative_to(folder)}: {content[max(0, where - 60) : where + 30]!r}"


class Session:
    """A user with secrets, and a storage."""

    def __init__(self, folder: Path, *, failing: bool) -> None:
        self.storage = folder / "results"
        self.storage.mkdir()
        tries.empty_database(self.storage)
        self.wrong: list[str] = []
        self.said = ""
        home = folder / "home"
        (home / "bring").mkdir(parents=True)
        if failing:
            (home / "bring" / "canaries.py").write_text(SAID)
            (home / "bring" / "sitecustomize.py").write_text(START)
        # Ray's own logs and notes are looked through as well; its sockets allow no long path.
        self.scratch = Path("/tmp") / f"teasel-secret-{os.getpid()}"
        self._environment = {
            **os.environ,
            **ENVIRONMENT,
            "PYTHONPATH": str(home / "bring"),
            "RAY_TMPDIR": str(self.scratch),
            "OMP_NUM_THREADS": "1",
        }

    def teasel(self, *words: str, codes: Sequence[int] = (0,), expected: Sequence[str] = ()) -> None:
        """A command of its own process; what it says is searched, too."""
        done = subprocess.run(
            [sys.executable, "-m", "search", *words],
            capture_output=True,
            text=True,
            env=self._environment,
            timeout=240,
            check=False,
        )
        said = done.stdout + done.stderr
        code = done.returncode
        told = invariants.spoken(said, code if code not in codes else codes[0], expected=codes[0], words=expected)
        told += invariants.spoken(said, 0, expected=0, secrets=[MARK])
        self.wrong += [f"{words[0]}: {wrong}: {said.strip()[-200:]}" for wrong in dict.fromkeys(told)]
        self.said += said


def ray(folder: Path, seed: int) -> Outcome:
    """Trials on Ray that fail with secrets on their lips; every command, page and file that tells of them."""
    session = Session(folder, failing=True)
    where = ("--storage", str(session.storage))
    sets = tuple(word for text in tries.SETS for word in ("--set", text))
    words = ("--data", "digits", "--objective", "val/elbo", "--trials", "8", "--steps", "4", "--concurrency", "1")
    session.scratch.mkdir()
    try:
        session.teasel("run", "beta_vae", *words, *sets, *where, "--name", "secret", expected=["FAIL", "***"])
        found = [*_holding(session.scratch)]
    finally:
        subprocess.run(["rm", "-rf", session.scratch], check=True)
    trials = invariants.views.table(session.storage, "secret")
    failed = [trial["trial"] for trial in trials if trial["state"] == "FAIL"]
    session.wrong += [] if len(failed) >= 3 else [f"only trials {failed} failed"]
    for number in failed:
        session.teasel("why", "secret", str(number), *where)
    session.teasel("top", "secret", *where, "--json")
    session.teasel("report", "secret", *where, "-o", str(folder / "results" / "report.html"))
    session.teasel("publish", "secret", *where)
    session.teasel("pick", "secret", str(failed[0]), *where, codes=(2,))
    if len(list((session.storage / "secret").rglob("error.txt"))) < 3:
        session.wrong.append("no traces were kept")
    found += _holding(folder / "results")
    return _outcome(session, found)


REFUSED = (
    ("run", "beta_vae", "--mlflow", "http://me:CANARY@host:5000"),
    ("run", "beta_vae", "--mlflow", "http://host:5000/?token=CANARY"),
    ("run", "beta_vae", "--storage", "s3://key:CANARY@bucket/x"),
    ("run", "beta_vae", "--set", "data.root=https://me:CANARY@host/images"),
    ("run", "beta_vae", "--set", "password=CANARY"),
    ("run", "beta_vae", "--address", "me:CANARY@127.0.0.1:9"),
    ("run", "beta_vae", "--data-root", "s3://key:CANARY@bucket/x"),
    ("submit", "first_look", "--storage", "/shared", "--address", "http://me:CANARY@head:8265"),
    ("status", "--address", "http://me:CANARY@head:8265"),
    ("run", "secret.yaml"),
)
"""What is refused must not be repeated."""


def refused(folder: Path, seed: int) -> Outcome:
    """Addresses, options and sweep files that hold secrets: refused, without repeating them."""
    session = Session(folder, failing=False)
    file = folder / "secret.yaml"
    file.write_text(
        "methods: [beta_vae]\ndata: {name: digits, options: {url: 'https://me:CANARY@host'}}\n"
        "objectives: [{metric: val/elbo, direction: maximize}]\napi_key: CANARY\nstorage: 's3://k:CANARY@b'\n"
    )
    own = ("--data", "digits", "--objective", "val/elbo", "--storage", str(session.storage))
    for words in REFUSED:
        more = own if words[:2] == ("run", "beta_vae") else ()
        if "--storage" in words:
            more = more[:4]
        session.teasel(*(str(file) if word == "secret.yaml" else word for word in words), *more, codes=(2,))
    left = [path.name for path in session.storage.iterdir() if path.name != "mlflow.db"]
    session.wrong += [f"a refused command left {name}" for name in left]
    return _outcome(session, [*_holding(session.storage)])


def package(folder: Path, seed: int) -> Outcome:
    """What is sent to a cluster, in a tree with secrets beside the source."""
    from cluster.package import SOURCE, gather, source_root

    root = folder / "tree"
    for name in SOURCE:
        (root / name).mkdir(parents=True)
        (root / name / "__init__.py").write_bytes((source_root() / name / "__init__.py").read_bytes())
    for name in ("spaces/credentials.yaml", "search/.env", "cluster/auth_token", "search/secrets.css", "id_rsa"):
        (root / name).write_text("CANARY")
    for name in (".git/config", "results/mlflow.db", "spaces/.hidden/x.yaml", "trainables/weights.bin"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("CANARY")
    wrong = []
    for each in (root, source_root()):
        packed = gather(each, {"sweep.yaml": b"name: x\n"}).zip()
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            contents = {name: archive.read(name) for name in archive.namelist()}
        secrets = [MARK.encode(), *(os.fsencode(value) for value in ENVIRONMENT.values() if MARK in value)]
        wrong += [f"{name} holds a secret" for name, said in contents.items() if any(s in said for s in secrets)]
    return Outcome(survived=not wrong, note="; ".join(wrong))


def _outcome(session: Session, found: Sequence[str]) -> Outcome:
    wrong = [*session.wrong, *found]
    return Outcome(survived=not wrong, note="; ".join(wrong)[:600])


FAULTS = [
    Fault(number=25, title="secrets in the errors of trials on Ray", times=1, run=ray),
    Fault(number=25, title="secrets in addresses, options and sweep files", times=1, run=refused),
    Fault(number=25, title="secrets beside the source that is sent", times=1, run=package),
]
