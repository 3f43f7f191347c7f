"""What a check finds: plain values of each node, and what was asked of them.  Knows neither Ray nor how to look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU and what became of a kernel on it."""

    name: str
    capability: str = ""
    memory: int = 0
    free: int = 0
    fault: str = ""
    """Why the kernel did not run; empty where it did."""


@dataclass(frozen=True, kw_only=True)
class Files:
    """What a node can do with the storage."""

    reads: bool | None = None
    """Whether it reads what the driver wrote; None where that was not tried."""
    writes: bool | None = None
    returned: bool | None = None
    """Whether the driver reads what the node wrote."""
    fault: str = ""


@dataclass(frozen=True, kw_only=True)
class Images:
    """A dataset on a node: ``prepared``, ``possible`` (it can be made there), ``missing``, or ``unknown``."""

    name: str
    state: str
    identity: str = ""
    """Digest of the prepared file's columns."""
    reason: str = ""
    command: str = ""
    """What prepares it."""


@dataclass(frozen=True, kw_only=True)
class Door:
    """A port that answers strangers, on an address that is not loopback."""

    name: str
    address: str


@dataclass(frozen=True, kw_only=True)
class Node:
    """One machine of the cluster, or the only one."""

    name: str
    address: str = ""
    id: str = ""
    driver: bool = False
    silent: str = ""
    """Why it did not answer; then nothing below is known."""
    gone: bool = False
    """It left the cluster while it was looked at."""
    python: str = ""
    executable: str = "python"
    ray: str = ""
    torch: str = ""
    teasel: str = ""
    code: str = ""
    """Digest of Teasel's files, which tells two copies of one version apart."""
    faults: tuple[str, ...] = ()
    """Libraries that are there and cannot be imported."""
    cores: int = 0
    memory: int = 0
    features: tuple[str, ...] = ()
    disk: Mapping[str, int] = field(default_factory=dict)
    """Free bytes of the folders that a sweep fills: the cache, a local storage."""
    cpus: float = 0.0
    """CPUs that Ray gives out there."""
    offered: float = 0.0
    """GPUs that Ray gives out there."""
    gpus: tuple[Gpu, ...] = ()
    gpu_fault: str = ""
    speed: tuple[str, ...] = ()
    """What makes training fast there, and what does not and why."""
    files: Files = Files()
    images: tuple[Images, ...] = ()
    doors: tuple[Door, ...] = ()
    exposed: str = ""
    """The file of Ray's token, where others on that machine can read it."""
    clock: float | None = None
    """Seconds that its clock is ahead of the driver's."""
    clock_doubt: float = 0.0
    """Half of the round trip of that measurement."""

    @classmethod
    def of(cls, answer: Mapping[str, Any], **known: Any) -> Self:
        """From what ``machine.look`` returns, and what the driver knows itself."""
        parts = {
            "faults": tuple(answer["faults"]),
            "features": tuple(answer["features"]),
            "speed": tuple(answer["speed"]),
            "gpus": tuple(Gpu(**each) for each in answer["gpus"]),
            "files": Files(**answer["files"]),
            "images": tuple(Images(**each) for each in answer["images"]),
            "doors": tuple(Door(**each) for each in answer["doors"]),
        }
        return cls(**{**answer, **parts, **known})


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a sweep, or a user without one, needs of a machine or a cluster; it travels to the nodes as a mapping."""

    storage: str | None = None
    """The URI of the storage, or the absolute path of a folder."""
    nonce: str = ""
    """Name of the folder in the storage that the check writes to."""
    data: Mapping[str, Any] | None = None
    """A ``Source`` as a mapping."""
    data_root: str | None = None
    cpu: float = 0.0
    gpu: float = 0.0

    def values(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that was found."""

    asked: Asked
    here: Node
    """The process that asks; of a cluster only its versions are known."""
    nodes: tuple[Node, ...]
    cluster: bool = False
    unwritable: str = ""
    """Why the process that asks could not write to the storage; then no node was asked to."""
    to_come: tuple[tuple[float, float], ...] = ()
    """CPUs and GPUs of one node of each kind that the autoscaler may add."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong: what, and what mends it.  Warnings do not keep a sweep from running."""

    what: str
    mend: str = ""
    """Empty where ``what`` says it already."""
    error: bool = True

    def __str__(self) -> str:
        return f"{self.what}: {self.mend}." if self.mend else f"{self.what}."
