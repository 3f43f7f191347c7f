# ruff: noqa: E501 - one line for each address
"""What Teasel starts is for this machine and its user: loopback alone, Ray with a token, MLflow for no other site; and
nothing that lies in the current folder is run.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests_chaos.fault import Fault, Outcome
from tests_chaos.listening import MARK, Door, doors, processes

ROOT = Path(__file__).parents[2]
TRAP = """\
import pathlib
pathlib.Path({trap!r}).write_text(__name__)
raise ImportError(__name__)
"""
LIBRARIES = (
    "cmd",
    "sqlite3",
    "torch",
    "numpy",
    "mlflow",
    "alembic",
    "pyarrow",
    "search",
    "trainables",
    "PIL",
    "yaml",
    "h5py",
)
WORDS = (
    *("run", "factor_vae", "--data", "digits", "--objective", "val/elbo", "--trials", "2", "--steps", "30000"),
    *("--set", "network=mlp", "--set", "discriminator_units=64", "--schedule", "none", "--name", "doors"),
)


@contextmanager
def sweep(folder: Path, *more: str) -> Iterator[tuple[str, Path]]:
    """A sweep that trains on a Ray of its own, started in a folder full of traps; its mark, and what a trap writes."""
    here, trap, mark = folder / "here", folder / "trapped", secrets.token_hex(8)
    here.mkdir()
    for name in LIBRARIES:
        (here / f"{name}.py").write_text(TRAP.format(trap=str(trap)))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "MLFLOW_", "PYTHONPATH"))}
    environment |= {MARK: mark, "TEASEL_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    teasel = str(Path(sys.executable).with_name("teasel"))
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(
            [teasel, *WORDS, "--storage", str(folder / "results"), *more],
            cwd=here, env=environment, stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip
    try:
        until = time.monotonic() + 120
        while not any(b"ray::ResourceTrainable" in (p / "cmdline").read_bytes() for p in _there(mark)):
            assert process.poll() is None and time.monotonic() < until, (folder / "said").read_text()[-500:]
            time.sleep(0.5)
        yield mark, trap
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _there(mark: str) -> list[Path]:
    return [p for p in processes(mark) if (p / "cmdline").exists()]


def a_sweep(folder: Path, seed: int) -> Outcome:
    """With its publisher, for as long as its trials train."""
    with sweep(folder) as (mark, trap):
        time.sleep(3)
        found = doors(mark)
        wrong = _foreign(found) or _askable(found)
        wrong = wrong or (f"{trap.read_text()}.py of the current folder was run" if trap.exists() else "")
        kinds = [door.who for door in found]
        wrong = wrong or ("" if any("gcs_server" in who for who in kinds) else f"no Ray was seen among {kinds}")
    return Outcome(survived=not wrong, note=wrong)


def strangers(folder: Path, seed: int) -> Outcome:
    """Processes without the token, or with another, that try to join a sweep's Ray."""
    with sweep(folder, "--mlflow", "none") as (mark, _):
        (gcs,) = {door.port for door in doors(mark) if "gcs_server" in door.who}
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")} | {"HOME": str(folder)}
        wrong = []
        for more in ({"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}):
            code = f"import ray; ray.init('127.0.0.1:{gcs}'); print('JOINED', ray.nodes())"
            try:
                ran = subprocess.run(
                    [sys.executable, "-P", "-c", code], env=environment | more, capture_output=True, text=True,
                    timeout=15, check=False, cwd=folder,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                continue
            wrong += [f"joined with {more}"] if "JOINED" in ran.stdout else []
    return Outcome(survived=not wrong, note="; ".join(wrong))


def _foreign(found: set[Door]) -> str:
    return next((f"{door.who} listens on {door.host}:{door.port}" for door in found if not door.loopback), "")


def _askable(found: set[Door]) -> str:
    """A page in a browser can send requests to loopback: none may begin a job, or hear more than metrics."""
    for door in found:
        for method, path in (
            ("POST", "/api/job_agent/jobs/"),
            ("POST", "/api/jobs/"),
            ("GET", "/api/jobs/"),
            ("GET", "/logs"),
        ):
            try:
                status, said = ask(door.port, method, path, {"entrypoint": "true"}, Origin="http://evil.example")
            except (OSError, http.client.HTTPException):
                continue
            if status == 200 and not said.lstrip().startswith(b"# HELP"):
                return f"{door.who} answers {method} {path}: {said[:80]!r}"
            if door.port == 8265:
                return "a dashboard listens"
    return ""


def ask(port: int, method: str, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
    """Status and body of a request to loopback."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        content = b"" if body is None else json.dumps(body).encode()
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(content)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


RUNS = "/api/2.0/mlflow/runs/search"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"


def the_ui(folder: Path, seed: int) -> Outcome:
    """``teasel ui``: where it listens, which sites it answers, and whether artifacts lead out of their folder."""
    from tests_search import ledgers

    from search.tracking import publish
    from search.tracking.server import free_port, server

    os.environ[MARK] = mark = secrets.token_hex(8)
    (folder / "secret.txt").write_text("CANARY")
    try:
        assert publish(ledgers.small(folder / "look")).error is None
        with server(folder, free_port(5700)) as url:
            port = int(url.rpartition(":")[2])
            ours = {door for door in doors(mark) if door.port == port}
            wrong = [
                _foreign(doors(mark)),
                "" if ours else "it was not found listening",
                *_sites(port),
                *_ways_out(port),
            ]
    finally:
        del os.environ[MARK]
    wrong += ["a file was written"] if (folder / "owned.txt").exists() else []
    return Outcome(survived=not any(wrong), note="; ".join(filter(None, wrong)))


def _sites(port: int) -> list[str]:
    wrong, some = [], {"experiment_ids": ["1"], "max_results": 1}
    for host in ("evil.example", f"evil.example:{port}", f"127.0.0.1.evil.example:{port}", f"localhost.:{port}", ""):
        if ask(port, "POST", RUNS, some, Host=host)[0] == 200:
            wrong.append(f"it answers the Host {host!r}")
    for origin in (
        "http://evil.example",
        "null",
        f"http://evil.example:{port}",
        f"http://127.0.0.1.evil.example:{port}",
    ):
        for path in (RUNS, "/ajax-api/2.0/mlflow/experiments/create", "/api/2.0/mlflow/runs/delete"):
            status, _ = ask(port, "POST", path, {**some, "name": "evil", "run_id": "0" * 32}, Origin=origin)
            wrong += [f"it takes {path} from {origin}"] if status == 200 else []
    if (
        ask(port, "POST", RUNS, some)[0] != 200
        or ask(port, "POST", RUNS, some, Origin=f"http://127.0.0.1:{port}")[0] != 200
    ):
        wrong.append("it does not answer its own pages")
    return wrong


def _ways_out(port: int) -> list[str]:
    run = json.loads(ask(port, "POST", RUNS, {"experiment_ids": ["1"], "max_results": 1})[1])["runs"][0]["info"][
        "run_id"
    ]
    wrong = []
    for path in ("../../../../secret.txt", "..%2f..%2f..%2f..%2fsecret.txt", "%2e%2e/%2e%2e/%2e%2e/%2e%2e/secret.txt",
                 "..%252f..%252fsecret.txt", "/etc/passwd", "file:///etc/passwd", "..%5c..%5csecret.txt", "..%00/secret.txt"):  # fmt: skip
        for where in (f"/get-artifact?run_uuid={run}&path={path}", f"{ARTIFACTS}/{path}", f"/static-files/{path}", f"/{path}",
                      f"/api/2.0/mlflow/artifacts/list?run_id={run}&path={path}", f"{ARTIFACTS}?path={path}"):  # fmt: skip
            _, said = ask(port, "GET", where)
            wrong += [f"{where} gives a file"] if b"CANARY" in said or b"root:" in said else []
    for path in ("../owned.txt", "..%2fowned.txt", "..%2f..%2fowned.txt"):
        ask(port, "PUT", f"{ARTIFACTS}/{path}", {"a": 1})
    for source in ("file:///etc", "/etc", "../..", f"mlflow-artifacts:/../../{run}"):
        ask(port, "POST", "/api/2.0/mlflow/registered-models/create", {"name": "m"})
        status, _ = ask(port, "POST", "/api/2.0/mlflow/model-versions/create", {"name": "m", "source": source})
        wrong += [f"a model may lie in {source}"] if status == 200 else []
    return wrong


def scratch_files(folder: Path, seed: int) -> Outcome:
    """Nothing of a sweep that others must not write can be written by others."""
    with sweep(folder, "--mlflow", "none"):
        loose = [p for p in Path(tempfile.gettempdir()).glob("teasel-*") if p.lstat().st_mode & 0o022]
        loose += [p for p in (folder / "results").rglob("*") if p.lstat().st_mode & 0o002 and not p.is_symlink()]
    return Outcome(survived=not loose, note=f"others may write {loose[0]}" if loose else "")


FAULTS = [
    Fault(
        number=26, title="a sweep: loopback alone, no dashboard, no module of the current folder", times=1, run=a_sweep
    ),
    Fault(number=26, title="strangers who would join a sweep's Ray", times=1, run=strangers),
    Fault(number=26, title="teasel ui: ports, Host, Origin, paths of artifacts", times=1, run=the_ui),
    Fault(number=26, title="files of a sweep that others could write", times=1, run=scratch_files),
]
