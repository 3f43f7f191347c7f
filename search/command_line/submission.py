"""What may be said of a submission, and what it means on the cluster: storage, data, variables, command.

Knows no Ray and sends nothing.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from trainables.core.redaction import WORDS

OWN = re.compile(r"RAY_.*|MALLOC_.*|OMP_NUM_THREADS|PYTHONPATH|PATH")
"""Variables that Ray and Teasel set for their processes themselves."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a sweep is to run on the cluster, beside what it is."""

    data_root: str | None = None
    download: bool = False
    mlflow: str | None = None
    env: tuple[str, ...] = ()
    python: str = "python"
    max_size: float = 10

    def command(self, *words: str) -> str:
        """The command that the head runs.  ``exec``: so that a signal reaches Python and not a shell before it."""
        options = [*(["--data-root", self.data_root] if self.data_root else []), *self.download * ["--download"]]
        options += ["--mlflow", self.mlflow] if self.mlflow else []
        return f"exec {shlex.join([*shlex.split(self.python), '-m', 'search', *words, *options])}"

    def about(self) -> dict[str, str]:
        """What a later ``resume`` should know, as metadata."""
        said = {"data_root": self.data_root, "mlflow": self.mlflow, "python": self.python}
        return {key: value for key, value in said.items() if value}


def checked(options: Options) -> Options:
    """The options, if they mean on the cluster what they say here.  Raises ``ValueError``."""
    from search.command_line.drive import publishable
    from trainables.core.storage import place

    if options.data_root is not None and not _absolute(options.data_root):
        raise ValueError(
            f"--data-root {options.data_root}: the cluster's nodes look for it; it must be an absolute path or a URI."
        )
    if options.data_root is not None:
        # Refuses credentials in it, for it is shown on the dashboard.
        place(options.data_root)
    publishable(options.mlflow)
    if not options.python.strip():
        raise ValueError("--python names no command; it is `python`, or the path of one on the cluster's nodes.")
    return options


def shared(storage: str) -> str:
    """A storage in words, if the cluster can have it.  Raises ``ValueError``."""
    from trainables.core.storage import place

    found = place(storage)
    if found.local is None:
        return found.uri
    if not _absolute(storage):
        raise ValueError(
            f"The storage is {storage!r}, a folder of this machine. Name one that the cluster has: --storage "
            "s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, or the absolute path of a folder that all its nodes share."
        )
    return f"{found.uri}, a folder that all nodes of the cluster must share"


def variables(names: Sequence[str]) -> dict[str, str]:
    """The variables to hand on, with their values here.  Raises ``ValueError`` for what may be a secret."""
    found = {}
    for name in names:
        if "=" in name:
            raise ValueError(
                f"--env {name.partition('=')[0]}=…: name the variable alone; its value is taken from your environment."
            )
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError(f"--env {name!r}: a variable's name has letters, digits and underscores.")
        if set(name.upper().split("_")) & WORDS or re.search(r"://[^/\s]*@", os.environ.get(name, "")):
            raise ValueError(
                f"--env {name}: this looks like a secret, and what is handed on can be read by everybody who reaches "
                "the cluster's dashboard. Put it into the environment of the nodes, or a file of mode 600 there."
            )
        if OWN.fullmatch(name):
            raise ValueError(f"--env {name}: Ray and Teasel set this one themselves.")
        if name not in os.environ:
            raise ValueError(f"--env {name}: there is no such variable here.")
        found[name] = os.environ[name]
    return found


def _absolute(path: str) -> bool:
    return path.startswith("/") or "://" in path
