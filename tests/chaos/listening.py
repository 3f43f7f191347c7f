"""Which processes one started, and where they listen: read from ``/proc``."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MARK = "TEASEL_TESTS_MARK"
"""Variable that tells processes of a test, whoever started them."""


@dataclass(frozen=True)
class Door:
    """An address that a process listens on."""

    host: str
    port: int
    who: str

    @property
    def loopback(self) -> bool:
        address = ipaddress.ip_address(self.host)
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address).is_loopback


def processes(mark: str) -> Iterator[Path]:
    """Those whose environment has the mark."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                yield process
        except OSError:
            continue


def doors(mark: str) -> set[Door]:
    """Where those processes take connections (TCP) and packets (UDP)."""
    open_doors, found = _sockets(), set()
    for process in processes(mark):
        try:
            who = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:100].strip()
            links = [os.readlink(file) for file in (process / "fd").iterdir()]
        except OSError:
            continue
        for link in links:
            match = re.fullmatch(r"socket:\[(\d+)\]", link)
            if match and match[1] in open_doors:
                found.add(Door(*open_doors[match[1]], who))
    return found


def _sockets() -> dict[str, tuple[str, int]]:
    found = {}
    for kind in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]:
            words = line.split()
            # 0A listens; 07 is a packet socket that is bound and not connected.
            if words[3] == ("0A" if kind.startswith("tcp") else "07"):
                host, _, port = words[1].partition(":")
                found[words[9]] = (_host(host), int(port, 16))
    return found


def _host(digits: str) -> str:
    """The kernel writes an address as 32-bit words of this machine's order."""
    raw = b"".join(bytes.fromhex(digits[i : i + 8])[::-1] for i in range(0, len(digits), 8))
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)
