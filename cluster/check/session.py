"""Join a cluster to look at it, and say within seconds, in one sentence, why that cannot be."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster.check import doors

PORT = 6379
HEAD = "it must be HOST:PORT of a running head (`ray start --head` prints it), or `auto` on a machine of the cluster"
ON_THE_HEAD = "`ray exec CLUSTER.yaml 'teasel check --address auto'`"


def token() -> str | None:
    """Ray's token, if this process would send one."""
    if os.environ.get("RAY_AUTH_MODE", "").lower() != "token":
        return None
    if value := os.environ.get("RAY_AUTH_TOKEN"):
        return value.strip()
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token").expanduser()
    try:
        return path.read_text().strip() or None
    except OSError:
        return None


def reach(address: str, patience: float = 5.0) -> None:
    """Raises ``ValueError`` when nobody answers at ``address``, for a wrong token or another Ray, and from outside.

    Ray itself would try a dead address, or a wrong token, for a long time.
    """
    if address.partition("://")[0] in ("http", "https"):
        raise ValueError(
            f"{address!r} is the address of a dashboard, which only takes jobs; {HEAD}. From elsewhere, run it on the "
            f"head: {ON_THE_HEAD}; `--address local` looks at this machine alone."
        )
    if address == "local":
        return
    if address == "auto":
        address = _here()
    host, port = _split(address)
    if "://" in address:
        method = doors.CALLS["client"][1]
        outcome, said = doors.answer(host, port or 10001, method, token(), patience)
    else:
        method = doors.CALLS["gcs"][1]
        outcome, said = doors.answer(host, port or PORT, method, token(), patience)
    if outcome == doors.SHUT:
        raise ValueError(
            f"No Ray cluster answers at {address!r} (no answer within {patience:g} s); {HEAD}. "
            "Without --address the sweep runs on this machine."
        )
    if outcome == doors.LOCKED:
        sent = "and the token of this machine is not the cluster's" if token() else "and this machine sends none"
        raise ValueError(
            f"The Ray cluster at {address!r} asks for a token, {sent}: copy the head's ~/.ray/auth_token to this "
            "machine (mode 600), or set RAY_AUTH_TOKEN."
        )
    if "://" not in address:
        _same_ray(address, said)
        _one_of_its_nodes(address, host, port or PORT)


def _here() -> str:
    """The cluster that `auto` means on this machine."""
    from ray._private.services import canonicalize_bootstrap_address

    try:
        found = canonicalize_bootstrap_address("auto")
    except ConnectionError:
        found = None
    if not found:
        raise ValueError(f"No Ray runs on this machine, so `auto` finds none; {HEAD}.")
    return found


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        return (host.strip("[]"), int(port)) if host else (port, 0)
    except ValueError:
        raise ValueError(f"{address!r} is no address; {HEAD}.") from None


def _same_ray(address: str, said: bytes) -> None:
    import ray
    from ray.core.generated import gcs_service_pb2

    messages: Any = gcs_service_pb2
    there = messages.CheckAliveReply.FromString(said).ray_version
    if there and there != ray.__version__:
        raise ValueError(
            f"The cluster at {address!r} runs Ray {there}, and this machine has {ray.__version__}: "
            f"`pip install 'ray[default,tune]=={there}'` here, or name {ray.__version__} in the cluster file and run "
            "`ray up` again."
        )


def _one_of_its_nodes(address: str, host: str, port: int) -> None:
    """Ray would look for itself on this machine for a minute; where none was ever started, that is told at once."""
    from ray.core.generated import gcs_pb2, gcs_service_pb2

    if Path(os.environ.get("RAY_TMPDIR") or "/tmp", "ray").exists():
        return
    outcome, said = doors.answer(host, port, "/ray.rpc.NodeInfoGcsService/GetAllNodeInfo", token(), 5.0)
    messages: Any = gcs_service_pb2
    messages_of_nodes: Any = gcs_pb2
    known = messages.GetAllNodeInfoReply.FromString(said).node_info_list
    nodes = [node.node_manager_address for node in known if node.state == messages_of_nodes.GcsNodeInfo.ALIVE]
    if outcome == doors.OPEN and nodes and not any(map(_mine, nodes)):
        raise ValueError(
            f"This machine is no node of the cluster at {address!r} (its nodes are {', '.join(dict.fromkeys(nodes))}), "
            f"and only nodes can join it: run it on one of them, such as {ON_THE_HEAD}; `teasel submit` sends a sweep "
            "there from elsewhere."
        )


def _mine(address: str) -> bool:
    """Whether an address is one of this machine's."""
    try:
        with socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET):
            return True
    except OSError:
        return False


@contextmanager
def joined(address: str) -> Iterator[None]:
    """A connection to the cluster; one that is there already is used, and stays.

    Raises ``ValueError`` as ``reach``, and when this machine is none of the cluster's.
    """
    import ray

    if ray.is_initialized():
        yield
        return
    reach(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        said = " ".join(str(error).split())[:300]
        raise ValueError(
            f"Ray at {address!r} cannot be joined from here ({said}). Run the check on a machine of the cluster: "
            f"{ON_THE_HEAD}; without --address it looks at this machine alone."
        ) from None
    try:
        yield
    finally:
        ray.shutdown()
