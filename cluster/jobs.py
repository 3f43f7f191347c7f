"""A sweep's job on a cluster: what it was given, how it stands, and what came of it.  Reads what Ray tells of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ray.job_submission import JobDetails, JobStatus

NAME, TEASEL = "sweep_name", "teasel"
"""Keys of a job's metadata, which everybody who reaches the dashboard can read: the sweep, and who submitted it."""

STOP_SECONDS = 300
"""How long a job that is told to stop may take: its trials are ended, and MLflow gets the last rows."""

GRACEFUL = {"RAY_JOB_STOP_SIGNAL": "SIGINT", "RAY_JOB_STOP_WAIT_TIME_S": str(STOP_SECONDS)}
"""Ray alone would send SIGTERM and kill after three seconds."""

INTERRUPTED, REFUSED = 130, 2
NOT_FOUND = (126, 127)
"""Exit codes of a shell that cannot start its command."""

LACKING = re.compile(r"No module named '?([\w.]+)'?")
"""What Python says last on a node that has not what Teasel depends on."""

BEGAN = ("JOB_ENTRYPOINT_COMMAND_ERROR", "JOB_SUPERVISOR_ACTOR_DIED", "JOB_SUPERVISOR_ACTOR_UNKNOWN_FAILURE")
"""Ray's errors of jobs whose command had been started."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job of a sweep."""

    id: str
    status: str
    """Ray's word: PENDING, RUNNING, SUCCEEDED, FAILED, STOPPED."""
    began: float
    """Seconds since 1970."""
    ended: float | None
    exit_code: int | None
    """The command's own, where it ended by itself."""
    error: str | None
    """Ray's name for what went wrong."""
    message: str
    about: Mapping[str, str] = field(default_factory=dict)
    """The metadata that it was submitted with."""
    command: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    """The variables that were handed on to it."""
    package: str | None = None
    """Where the cluster keeps the source that it runs."""

    @property
    def name(self) -> str:
        """The sweep's name."""
        return self.about.get(NAME, "")

    @property
    def live(self) -> bool:
        """Whether it waits or runs."""
        return self.status in (JobStatus.PENDING, JobStatus.RUNNING)

    @property
    def code(self) -> int:
        """The exit code that ``teasel run`` had, or would have had."""
        if self.status == JobStatus.SUCCEEDED:
            return 0
        if self.status == JobStatus.STOPPED:
            return INTERRUPTED
        return self.exit_code if self.exit_code is not None and 0 < self.exit_code < 256 else 1

    @property
    def refused(self) -> bool:
        """It ended before the sweep began, so that nothing is recorded and it may be submitted again."""
        if self.status != JobStatus.FAILED:
            return False
        if self.exit_code is None:
            return self.error not in BEGAN
        return self.exit_code in (REFUSED, *NOT_FOUND) or self.lacking is not None

    @property
    def lacking(self) -> str | None:
        """The module that the nodes' Python lacks, where that is why the command ended at once."""
        last = self.message.strip().rpartition("\n")[2]
        return found[1] if self.exit_code == 1 and (found := LACKING.search(last)) else None


def job_of(details: JobDetails) -> Job:
    """A job as Ray tells of it."""
    environment = details.runtime_env or {}
    return Job(
        id=details.submission_id or details.job_id or "",
        status=str(details.status),
        began=(details.start_time or 0) / 1000,
        ended=None if details.end_time is None else details.end_time / 1000,
        exit_code=details.driver_exit_code,
        error=None if details.error_type is None else str(getattr(details.error_type, "value", details.error_type)),
        message=details.message or "",
        about=dict(details.metadata or {}),
        command=details.entrypoint,
        env={name: value for name, value in environment.get("env_vars", {}).items() if name not in GRACEFUL},
        package=environment.get("working_dir"),
    )
