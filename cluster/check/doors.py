"""Ports that answer strangers.  Runs on the nodes: only the standard library at the top.

A node knocks at its own addresses other than loopback, without a token: what answers there answers to whoever reaches
the node, and whoever may speak to Ray may run what they like.
"""

from __future__ import annotations

import os
import socket
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

OPEN, LOCKED, SHUT = "open", "locked", "shut"

CALLS = {
    "gcs": ("Ray's control service (GCS)", "/ray.rpc.NodeInfoGcsService/CheckAlive"),
    "manager": ("Ray's node manager", "/ray.rpc.NodeManagerService/GetSystemConfig"),
    "client": ("Ray's client server", "/ray.rpc.RayletDriver/ClusterInfo"),
}
"""Services that speak gRPC, with a call that changes nothing."""

PAGES = {
    "dashboard": ("Ray's dashboard", "/api/jobs/"),
    "agent": ("Ray's job agent", "/api/job_agent/jobs/none/logs"),
}
"""Services that speak HTTP, with a page that only a token opens."""


def look_at_doors(ports: Mapping[str, int], address: str) -> list[dict[str, Any]]:
    """The services of ``ports`` that answer without a token on ``address`` or another one that is not loopback."""
    found = []
    for key, port in ports.items():
        name = (CALLS.get(key) or PAGES[key])[0]
        for host in addresses(address):
            outcome = call(host, port, CALLS[key][1]) if key in CALLS else page(host, port, PAGES[key][1])
            if outcome == OPEN:
                found.append({"name": name, "address": f"[{host}]:{port}" if ":" in host else f"{host}:{port}"})
                break
    return found


def exposed_token() -> str:
    """The file of Ray's token, if it is used and others on this machine can read it."""
    if os.environ.get("RAY_AUTH_TOKEN"):
        return ""
    path = os.path.expanduser(os.environ.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token")
    try:
        return path if os.stat(path).st_mode & 0o077 else ""
    except OSError:
        return ""


def addresses(known: str) -> list[str]:
    """This machine's addresses that are not loopback: ``known`` and that of the default route."""
    found = [known]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: a datagram socket only learns its own address.
            probe.connect(("203.0.113.1", 9))
            found.append(probe.getsockname()[0])
        except OSError:
            pass
    return [host for host in dict.fromkeys(found) if host and not host.startswith("127.") and host != "::1"]


def call(host: str, port: int, method: str, token: str | None = None, patience: float = 3.0) -> str:
    """``open`` if a gRPC call is answered, ``locked`` if a token is asked for, ``shut`` if nobody answers."""
    return answer(host, port, method, token, patience)[0]


def answer(host: str, port: int, method: str, token: str | None, patience: float) -> tuple[str, bytes]:
    """``call`` and the answer's bytes, empty where there is none."""
    try:
        socket.create_connection((host, port), timeout=patience).close()
    except OSError:
        return SHUT, b""
    try:
        import grpc
    except ImportError:
        return SHUT, b""
    # A proxy of the environment would be asked instead.
    channel = grpc.insecure_channel(f"{host}:{port}", options=[("grpc.enable_http_proxy", 0)])
    try:
        metadata = [("authorization", f"Bearer {token}")] if token else None
        return OPEN, channel.unary_unary(method)(b"", timeout=patience, metadata=metadata)
    except grpc.RpcError as error:
        if error.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
            return LOCKED, b""
        # Nobody, or something else than Ray; any other complaint comes from behind the lock.
        strange = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNIMPLEMENTED)
        return SHUT if error.code() in strange else OPEN, b""
    finally:
        channel.close()


def page(host: str, port: int, path: str, patience: float = 3.0) -> str:
    """The same for an HTTP service."""
    where = f"[{host}]" if ":" in host else host
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        direct.open(f"http://{where}:{port}{path}", timeout=patience).close()
    except urllib.error.HTTPError as error:
        error.close()
        return LOCKED if error.code in (401, 403) else OPEN
    except (OSError, ValueError):
        return SHUT
    return OPEN
