"""The head of a cluster, seen from a laptop: submit, find and stop jobs through its dashboard.

A job belongs to a sweep by its metadata. Its submission id is the lock: of two laptops that submit the same sweep at
the same moment, Ray takes one. Everything that goes wrong with the head is a ``HeadError`` of one sentence. This module
knows nothing of what a sweep is or does.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
import requests
from ray.exceptions import AuthenticationError
from ray.job_submission import JobSubmissionClient

from cluster.jobs import GRACEFUL, TEASEL, Job, job_of

CHATTY = ("ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk")
"""Loggers of Ray that tell every request."""


class HeadError(ValueError):
    """A head that cannot be used: unreachable, unwilling, or of another Ray."""


class Head:
    """The head of a cluster.  Raises ``HeadError`` where nobody answers, the token is wrong, or Ray is another one."""

    def __init__(self, url: str) -> None:
        self.url = url
        for name in CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._reach()
        with self._asking(), _only_this_address():
            self._client = JobSubmissionClient(url, verify=os.environ.get("REQUESTS_CA_BUNDLE") or True)
        self._same_ray(getattr(self._client, "_server_ray_version", None))

    def _reach(self) -> None:
        """Ray itself waits minutes for a host that is silent."""
        try:
            requests.get(f"{self.url}/api/version", timeout=10).close()
        except requests.exceptions.SSLError as error:
            raise HeadError(f"The certificate of {self.url} is not trusted ({_reason(error)}).") from None
        except requests.exceptions.RequestException as error:
            raise HeadError(
                f"No Ray dashboard answers at {self.url} ({_reason(error)}). Is the head up, and is its port forwarded "
                "to here (`ray dashboard CLUSTER.yaml`, or `ssh -N -L 8265:127.0.0.1:8265 HEAD`)?"
            ) from None

    def _same_ray(self, theirs: str | None) -> None:
        ours = ray.__version__
        if theirs is not None and theirs.split(".")[:2] != ours.split(".")[:2]:
            raise HeadError(
                f"The cluster at {self.url} runs Ray {theirs}, and Teasel here Ray {ours}: install the same version on "
                f"both, such as `pip install 'ray[default,tune]=={theirs}'` here."
            )

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Ray's errors as one sentence each."""
        try:
            yield
        except AuthenticationError as error:
            sent = "refuses the token that was sent" if "failed" in str(error) else "wants a token, and none was sent"
            raise HeadError(
                f"The head at {self.url} {sent}. Put the cluster's own (`ray get-auth-token` on the head) into "
                "~/.ray/auth_token with mode 600, or into RAY_AUTH_TOKEN."
            ) from None
        except requests.exceptions.JSONDecodeError:
            raise HeadError(f"{self.url} answers, but is no Ray dashboard.") from None
        except (ConnectionError, requests.exceptions.RequestException) as error:
            raise HeadError(f"The head at {self.url} does not answer ({_reason(error)}).") from None
        except RuntimeError as error:
            if "Version check returned 404" in str(error):
                raise HeadError(f"{self.url} answers, but is no Ray dashboard.") from None
            raise HeadError(f"The head at {self.url} answered with an error: {_last_line(error)}") from None

    # -- jobs

    def jobs(self) -> list[Job]:
        """The jobs of all sweeps, the oldest first."""
        with self._asking():
            found = [job_of(details) for details in self._client.list_jobs() if TEASEL in (details.metadata or {})]
        return sorted(found, key=lambda job: (job.began, job.id))

    def job(self, id: str) -> Job:
        """One job as it is now."""
        with self._asking():
            return job_of(self._client.get_job_info(id))

    def submit(
        self, id: str, command: str, packed: bytes | str, *, about: Mapping[str, str], env: Mapping[str, str]
    ) -> bool:
        """Start a job with a packed source, or one that the cluster keeps; False where there is a job ``id`` already.

        A package that the cluster has is not sent again.
        """
        with tempfile.TemporaryDirectory() as scratch:
            if isinstance(packed, bytes):
                source = Path(scratch) / "teasel.zip"
                source.write_bytes(packed)
                packed = str(source)
            until = time.monotonic() + 60
            while True:
                try:
                    self._client.submit_job(
                        entrypoint=command,
                        submission_id=id,
                        runtime_env={"working_dir": packed, "env_vars": {**env, **GRACEFUL}},
                        metadata=dict(about),
                    )
                    return True
                except RuntimeError as error:
                    if "already exists" in str(error):
                        return False
                    # A head that has just been started takes jobs some seconds after it answers.
                    if "No available agent" not in str(error) or time.monotonic() > until:
                        with self._asking():
                            raise
                    time.sleep(2)
                except Exception:
                    with self._asking():
                        raise

    def stop(self, id: str) -> bool:
        """Tell a job to stop, in its own time; False where it had ended."""
        with self._asking():
            return self._client.stop_job(id)

    def logs(self, id: str) -> str:
        """What a job has said so far."""
        with self._asking():
            return self._client.get_job_logs(id)

    def tail(self, id: str) -> Any:
        """An asynchronous iterator over what a job says, from its first word."""
        return self._client.tail_job_logs(id)

    def answer(self, command: str, package: str, *, seconds: float = 60) -> str:
        """What a short command prints on the head, as a job that is removed again.

        Raises ``HeadError`` where it does not succeed in time.
        """
        id = f"teasel-question-{os.urandom(6).hex()}"
        self.submit(id, command, package, about={}, env={})
        job = until_ended(self, id, seconds=seconds)
        said = self.logs(id)
        if job.live:
            self.stop(id)
            raise HeadError(f"The head at {self.url} did not answer within {seconds:g} s.")
        with self._asking():
            self._client.delete_job(id)
        if job.code:
            raise HeadError(said.strip().rpartition("\n")[2] or job.message)
        return said


def until_ended(head: Head, id: str, *, seconds: float) -> Job:
    """The job when it has ended, or as it is after ``seconds``."""
    until = time.monotonic() + seconds
    while (job := head.job(id)).live and time.monotonic() < until:
        time.sleep(0.3)
    return job


@contextmanager
def _only_this_address() -> Iterator[None]:
    """Ray puts its environment variables before the address that it is given."""
    names = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)


def _reason(error: BaseException) -> str:
    """The innermost cause of a failed request, in a few words."""
    text = str(error)
    for known in ("Connection refused", "Name or service not known", "No route to host", "Network is unreachable"):
        if known in text:
            return known.lower()
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer within 10 s"
    return _last_line(error)[-200:]


def _last_line(error: BaseException) -> str:
    """A head answers with a traceback; its last line that says something is the reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" .")]
    return lines[-1][:300] if lines else type(error).__name__
