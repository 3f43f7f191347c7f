"""The script for ``ray submit`` and ``ray job submit``: ``teasel`` on the cluster that it lies on.

    ray submit cluster/onprem.yaml cluster/sweep.py -- run first_look --storage /shared/teasel

Ray uploads this file alone, so it imports nothing of its neighbours: it starts the Teasel that the cluster file has
installed, joined to the cluster, with Ray's token. It does not know what its arguments mean.
"""

from __future__ import annotations

import importlib.metadata
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

RAY = "2.60.0"
"""The Ray that the cluster files install; the same as in constraints.txt."""

JOINING = ("run", "resume", "check", "probe")
"""Commands with an ``--address``."""

REFUSED = 2
TOKEN = "(umask 077; ray get-auth-token --generate >/dev/null)"
"""Makes ``~/.ray/auth_token`` unless there is one; Ray alone would let everybody on the machine read it."""


def main(words: Sequence[str], environment: Mapping[str, str] = os.environ) -> None:
    """Run ``teasel`` with these words here.  Exits with its code, and with 2 where this machine is not ready for it."""
    # Ray puts the script into a home folder; nothing that lies there may pass for one of our modules.
    sys.path[:] = [path for path in sys.path if path and Path(path).resolve() != Path(__file__).resolve().parent]
    if fault := lacking_ray() or lacking_token(environment):
        refuse(fault)
    # Ray reads the mode when it is imported.
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    if os.environ["RAY_AUTH_MODE"].lower() != "token":
        mode = os.environ["RAY_AUTH_MODE"]
        tell(f"Warning: RAY_AUTH_MODE is {mode!r}: whoever reaches this cluster's ports may run anything on it.")
    try:
        from search.__main__ import main as teasel
    except ModuleNotFoundError as error:
        refuse(absent("Teasel" if str(error.name).startswith("search") else str(error.name)))
    sys.argv = ["teasel", *joined(words, environment)]
    teasel()


def joined(words: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The same words, with the address of this cluster where a command could take one and none is given."""
    # `ray submit CLUSTER SCRIPT -- -- run` hands a dash pair on.
    given = list(words[1:] if words[:1] == ["--"] else words)
    if not given or given[0] not in JOINING or "--help" in given:
        return given
    if any(word == "--address" or word.startswith("--address=") for word in given):
        return given
    address = environment.get("RAY_ADDRESS", "auto")
    # `ray job submit` is spoken to over HTTP; what it starts lies beside the head.
    return [*given, "--address", "auto" if address.startswith("http") else address]


def lacking_ray() -> str:
    """What is wrong with the Ray that is installed here, if anything is."""
    try:
        found = importlib.metadata.version("ray")
    except importlib.metadata.PackageNotFoundError:
        return absent("Ray")
    if found == RAY:
        return ""
    return (
        f"{sys.executable} on {socket.gethostname()} has Ray {found}, and this Teasel is made for Ray {RAY}: let the "
        "cluster file install Teasel with its own constraints.txt, and run `ray up CLUSTER.yaml` again."
    )


def absent(what: str) -> str:
    """That something is not installed here."""
    return (
        f"{sys.executable} on {socket.gethostname()} has no {what}: the setup_commands of the cluster file install it, "
        "so run `ray up CLUSTER.yaml` again and see what it says."
    )


def lacking_token(environment: Mapping[str, str]) -> str:
    """What is wrong with Ray's token here, if anything is."""
    if environment.get("RAY_AUTH_MODE", "token").lower() != "token" or environment.get("RAY_AUTH_TOKEN", "").strip():
        return ""
    named = environment.get("RAY_AUTH_TOKEN_PATH")
    path = Path(named or "~/.ray/auth_token").expanduser()
    try:
        fault = "" if path.read_text().strip() else "is empty"
    except FileNotFoundError:
        fault = "does not exist"
    except (OSError, UnicodeDecodeError) as error:
        fault = f"cannot be read ({getattr(error, 'strerror', None) or 'no text'})"
    if not fault:
        return ""
    origin = f"RAY_AUTH_TOKEN_PATH, {path}," if named else str(path)
    return (
        f"This cluster has no token for Ray ({origin} {fault} on {socket.gethostname()}): make one with "
        f"`{TOKEN}` on the machine that has the cluster file, and bring it here with `ray up CLUSTER.yaml`."
    )


def refuse(fault: str) -> None:
    """Say why nothing can begin here, and end."""
    tell(fault)
    raise SystemExit(REFUSED)


def tell(sentence: str) -> None:
    """To the terminal, apart from what ``teasel`` prints."""
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
