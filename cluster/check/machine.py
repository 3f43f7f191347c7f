"""What one machine is and can do, as plain values.  Runs on the nodes: only the standard library at the top.

``look`` never raises for what it finds: a node that lacks something says so in its answer.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.check.doors import exposed_token, look_at_doors
from cluster.check.files import free, look_at_files
from cluster.check.gpus import look_at_torch, written_version
from cluster.check.images import look_at_images

PACKAGES = ("search", "spaces", "trainables", "cluster")
FEATURES = {"avx2": "avx2", "avx512f": "avx512", "avx512_bf16": "bf16", "amx_bf16": "amx", "bf16": "bf16", "sve": "sve"}
"""Flags of the processor that training gains from, and what they are called here."""


def look(
    asked: Mapping[str, Any],
    *,
    mark: str,
    offered: float = 0.0,
    ports: Mapping[str, int] | None = None,
    address: str = "",
    patience: float = 60.0,
) -> dict[str, Any]:
    """Everything a check wants to know of this machine, for ``facts.Node.of``.

    ``mark`` names its file in the storage, ``offered`` is how many GPUs Ray gives out here, ``ports`` the services that
    should be closed to strangers on ``address``.
    """
    storage, nonce = asked["storage"], asked["nonce"]
    cache = os.environ.get("TEASEL_CACHE") or str(Path.home() / ".cache" / "teasel")
    folders = [cache, *([storage] if storage and storage.startswith("/") else [])]
    return {
        **versions(),
        **look_at_torch(offered, patience),
        "executable": sys.executable,
        "cores": cores(),
        "memory": memory(),
        "features": features(),
        "disk": free(folders),
        "files": look_at_files(storage, nonce, mark) if storage and nonce else {},
        "images": look_at_images(asked["data"], asked["data_root"]),
        "doors": look_at_doors(ports or {}, address),
        "exposed": exposed_token(),
    }


def now() -> float:
    """This machine's clock."""
    return time.time()


def versions() -> dict[str, str]:
    """Of Python, Ray and Teasel, and the digest of Teasel's files; empty for what is not there."""
    found = {"python": platform.python_version(), "ray": "", "teasel": written_version("search", "__init__.py")}
    if "ray" in sys.modules:
        found["ray"] = sys.modules["ray"].__version__
    else:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found["ray"] = importlib.metadata.version("ray")
    return {**found, "code": code() if found["teasel"] else ""}


def code() -> str:
    """Digest of Teasel's files on this machine: an editable copy changes without its version changing."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            for name in sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*.py")):
                digest.update(f"{package}/{name}\0".encode())
                digest.update(Path(folder, name).read_bytes())
    return digest.hexdigest()[:10]


def cores() -> int:
    """Processors that this process may use: its affinity, and the limit of its container."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _read("/sys/fs/cgroup/cpu.max").split()
    if len(quota) == 2 and quota[0].isdigit():
        count = min(count, max(1, int(quota[0]) // int(quota[1])))
    return count


def memory() -> int:
    """Bytes of memory: the machine's, or the limit of the container."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _read("/sys/fs/cgroup/memory.max").strip()
    return min(total, int(limit)) if limit.isdigit() else total


def features() -> list[str]:
    """What the processor can do, of ``FEATURES``."""
    lines = (line for line in _read("/proc/cpuinfo").splitlines() if line.startswith(("flags", "Features")))
    flags = set(next(lines, "").split())
    return list(dict.fromkeys(name for flag, name in FEATURES.items() if flag in flags))


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
