"""The user name and password for a tracking server: where MLflow finds them, and what may be wrong with them.

MLflow's client takes them from ``MLFLOW_TRACKING_USERNAME`` and ``MLFLOW_TRACKING_PASSWORD``, or from the file
``~/.mlflow/credentials``; Teasel never reads, passes on or writes them. Knows no server.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

NAMES = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
CERTIFICATE = "MLFLOW_TRACKING_SERVER_CERT_PATH"


def place() -> Path:
    """The file where MLflow's client looks for credentials."""
    return Path("~/.mlflow/credentials").expanduser()


def check() -> None:
    """Refuse, with a ``ValueError``, credentials that others on this machine can read, or half of them."""
    if os.environ.get(CERTIFICATE) == "":
        # MLflow's client would take that for a wish not to look at certificates.
        raise ValueError(f"{CERTIFICATE} is set to nothing: name a file, or unset it.")
    path = place()
    try:
        mode = path.stat().st_mode
    except OSError:
        there = [name for name in NAMES if os.environ.get(name)]
        missing = [name for name in NAMES if name not in there]
        if there and missing:
            raise ValueError(f"{there[0]} is set and {missing[0]} is not; MLflow needs both.") from None
        return
    if mode & 0o077:
        raise ValueError(
            f"{path} holds a password and can be read by others (mode {mode & 0o777:03o}). `chmod 600 {path}` mends it."
        )


def given() -> bool:
    """Whether there are any credentials at all."""
    return bool(all(os.environ.get(name) for name in NAMES) or os.environ.get("MLFLOW_TRACKING_TOKEN")) or (
        place().exists()
    )


def refusal(said: str) -> str | None:
    """A server's refusal in one line, told from what MLflow's client says at length; None for anything else."""
    if "Invalid Host header" in said:
        return "the server does not go by this name; its administrator adds names to MLFLOW_SERVER_ALLOWED_HOSTS"
    if re.search(r"error code 401\b|\b401 Client Error", said):
        if given():
            return "wrong user name or password (401)"
        return f"the server wants a user name and password (401): set {NAMES[0]} and {NAMES[1]}, or write {place()}"
    if re.search(r"error code 403\b|\b403 Client Error", said):
        return "no permission (403): what has this name is somebody else's, who may share it with `teasel share`"
    if "CERTIFICATE_VERIFY_FAILED" in said or "certificate verify failed" in said:
        return f"the server's certificate is not trusted; where it is your own, name its file in {CERTIFICATE}"
    return None
