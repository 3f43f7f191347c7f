"""Addresses as text: of a cluster to join, and of the dashboard where a cluster's head takes jobs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

VARIABLES = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")

LOCAL = "local"
"""Ray's word for a cluster of its own on this machine."""


def head_url(given: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """The address of a head's dashboard, without a slash at its end.

    Raises ``ValueError`` where none is named, for what is no such address, and for one that holds credentials, without
    repeating them.
    """
    found, origin = given, "--address"
    if found is None:
        found, origin = next(
            ((environment[name], name) for name in VARIABLES if is_url(environment.get(name))), (None, "")
        )
    if not found:
        raise ValueError(
            "No cluster is named: --address http://HOST:8265, the dashboard of its head (or RAY_API_SERVER_ADDRESS)."
        )
    try:
        parts = urlsplit(found)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"The {origin} cannot be read; write it as http://HOST:8265.") from None
    if "@" in found or parts.query or parts.fragment:
        raise ValueError(
            f"The {origin} holds a user name, password or token, which would be seen in logs and process lists. Leave "
            "it out; Ray's token is read from RAY_AUTH_TOKEN or ~/.ray/auth_token."
        )
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(
            f"{origin} is {found[:200]!r}; jobs are submitted to the dashboard of the head: "
            f"{_instead(found, port)} (8265 unless it was started with another port)."
        )
    return found.rstrip("/")


def named_cluster(environment: Mapping[str, str] = os.environ) -> str | None:
    """The cluster to join that the environment names; a dashboard's address there is for jobs, and none to join."""
    named = environment.get("RAY_ADDRESS")
    return None if is_url(named) else named


def is_url(address: str | None) -> bool:
    """Whether an address is a dashboard's, and not that of a cluster to join."""
    return bool(address) and str(address).lower().startswith(("http://", "https://"))


def _instead(found: str, port: int | None) -> str:
    """The address that was probably meant."""
    host, _, end = found.rpartition("://")[2].partition("/")[0].partition(":")
    if len(host) > 200 or not host.replace("-", "").replace(".", "").isalnum():
        return "http://HOST:8265"
    # 6379 and 10001 are the ports of the other two doors of a head.
    return f"http://{host}:{end if end.isdigit() and end not in ('6379', '10001') else 8265}"
