"""Does a tracking server take a run and an artifact, and give the artifact back?

``python -m search.tracking.check URI`` says so as JSON, so that a sweep's driver need not import mlflow. What it made,
it deletes: an experiment under a name of its own, which ``mlflow gc`` then removes for good.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import search
from cluster.check import doors
from cluster.check.facts import Problem

FILE = "teasel-check.txt"
PATIENCE = 90.0
"""Seconds for the whole round trip; importing mlflow takes most of them."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """What was found; each text is empty where all is well."""

    uri: str
    fault: str = ""
    """Why nothing could be recorded, with the server's address."""
    artifact: str = ""
    """Why an artifact did not come back, likewise."""
    open: str = ""
    """Where on the network it answers somebody without a user name."""

    def problems(self) -> tuple[Problem, ...]:
        """One sentence for each thing that is wrong."""
        found = []
        if self.fault:
            what = f"nothing can be recorded in MLflow ({self.fault})"
            mend = f"`curl {self.uri}/health` shows whether it runs; `--mlflow none` and `teasel publish` later do too"
            if any(said in self.fault for said in ("(401)", "(403)")):
                mend = "`mlflow/accounts.sh add NAME` makes an account; it goes into ~/.mlflow/credentials (mode 600)"
            found.append(Problem(what=what, mend=mend))
        if self.artifact:
            mend = "`mlflow server --artifacts-destination` must name a place that the server can write to"
            found.append(Problem(what=f"an artifact does not come back from MLflow ({self.artifact})", mend=mend))
        if self.open:
            mend = "`mlflow server --app-name basic-auth`, or `--host 127.0.0.1` behind a proxy that asks for names"
            what = f"MLflow answers anybody at {self.open}, who can read and change every run"
            found.append(Problem(what=what, mend=mend, error=False))
        return tuple(found)


def round_trip(uri: str) -> Tracking:
    """Create a run, log a file, read it back, and delete all that.  Raises ``ValueError`` for an unusable URI."""
    from search.tracking.publisher import sentence
    from search.tracking.store import environment
    from search.tracking.uri import address

    address(uri, Path())
    with environment():
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        try:
            experiment = client.create_experiment(f"teasel-check-{secrets.token_hex(6)}")
            try:
                artifact = _artifact(client, experiment, uri)
            finally:
                client.delete_experiment(experiment)
        except Exception as error:
            # Whatever the server or the network answers is what is reported.
            return Tracking(uri=uri, fault=sentence(uri, error))
        return Tracking(uri=uri, artifact=artifact, open=answers_strangers(uri))


def _artifact(client: Any, experiment: str, uri: str) -> str:
    """Why a file does not come back as it was sent; empty if it does."""
    from mlflow.artifacts import download_artifacts
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    from search.tracking.publisher import sentence

    run = client.create_run(experiment)
    sent = secrets.token_hex(16)
    try:
        with tempfile.TemporaryDirectory(prefix="teasel-") as scratch:
            file, back = Path(scratch, FILE), Path(scratch, "back")
            file.write_text(sent)
            back.mkdir()
            client.log_artifact(run.info.run_id, str(file))
            got = download_artifacts(run_id=run.info.run_id, artifact_path=FILE, dst_path=str(back), tracking_uri=uri)
            return "" if Path(got).read_text() == sent else f"{uri}: it came back changed"
    except Exception as error:
        return sentence(uri, error)
    finally:
        with suppress(Exception):
            get_artifact_repository(run.info.artifact_uri, tracking_uri=uri).delete_artifacts(FILE)
        client.set_terminated(run.info.run_id)
        client.delete_run(run.info.run_id)


def answers_strangers(uri: str, patience: float = 5.0) -> str:
    """Where a server lists its experiments to somebody without a name, on an address that is not loopback."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https"):
        return ""
    # A server of this machine may listen on its other addresses too.
    hosts = doors.addresses("") if parts.hostname in LOOPBACK else [parts.hostname or ""]
    port = parts.port or (443 if parts.scheme == "https" else 80)
    for host in hosts:
        where = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        request = urllib.request.Request(
            f"{where}{parts.path.rstrip('/')}/api/2.0/mlflow/experiments/search?max_results=1",
            # Whoever wants in can name the host that the server goes by.
            headers={"Host": parts.netloc},
        )
        with suppress(OSError, ValueError):
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=patience).close()
            return where
    return ""


def begin(uri: str) -> subprocess.Popen[str]:
    """Start the round trip in a process of its own.  Raises ``OSError`` where none can be started."""
    root = str(Path(search.__file__).resolve().parents[1])
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "search.tracking.check", uri],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )


def end(process: subprocess.Popen[str], uri: str, seconds: float = PATIENCE) -> Tracking:
    """What the round trip found; a server that takes longer than ``seconds`` is one that does not answer."""
    try:
        said, _ = process.communicate(timeout=seconds)
        return Tracking(**json.loads(said.strip().splitlines()[-1]))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return Tracking(uri=uri, fault=f"{uri}: no answer within {seconds:g} s")
    except (ValueError, IndexError, TypeError):
        return Tracking(uri=uri, fault=f"{uri}: the check ended with {process.returncode}")


if __name__ == "__main__":
    print(json.dumps(asdict(round_trip(sys.argv[1]))))
