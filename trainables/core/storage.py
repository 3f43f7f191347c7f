"""Places where results lie: a folder of this machine or of a shared disk, or a prefix of an object store.

``place`` reads ``results``, ``file:///data/results``, ``s3://bucket/prefix`` and ``gs://bucket/prefix``. A file is
written whole or not at all. Credentials come from the environment alone. This module knows nothing of what is stored;
the object stores themselves are in ``core.object_store``, which is imported where one is named.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

OBJECT_STORES = ("s3", "gs")
KNOWN = "a folder, file:///folder, s3://bucket/prefix or gs://bucket/prefix"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What a folder holds under one name."""

    name: str
    size: int | None
    """Bytes of a file; None for a folder."""
    modified: float
    """Seconds since 1970 by the clock of whoever keeps the file; 0 for a folder."""


class Place(ABC):
    """A file or folder that may be there or not.  Failures are ``OSError`` with the reason and the place."""

    @property
    @abstractmethod
    def uri(self) -> str:
        """How a person names it: an absolute path, or a URI."""

    @property
    @abstractmethod
    def local(self) -> Path | None:
        """Its path, where it is on a disk of this machine or mounted on it."""

    @property
    @abstractmethod
    def parent(self) -> Place:
        """The folder that it lies in; a bucket is its own."""

    @abstractmethod
    def __truediv__(self, path: str) -> Place:
        """What lies below it under ``path``, a name or several with slashes."""

    @abstractmethod
    def within(self, path: str) -> Place | None:
        """As ``/``, for a path that somebody else wrote: None where it would lead out of here."""

    @abstractmethod
    def read(self) -> bytes:
        """The content of a file.  Raises ``FileNotFoundError`` and other ``OSError``."""

    @abstractmethod
    def write(self, content: bytes | memoryview) -> None:
        """Make or replace a file: whole, or not at all; folders on the way are made.  Raises ``OSError``."""

    @abstractmethod
    def remove(self) -> None:
        """Remove a file, or a folder with all it holds; nothing there is fine."""

    @abstractmethod
    def exists(self) -> bool:
        """A file or a folder is there."""

    @abstractmethod
    def size(self) -> int | None:
        """Bytes of a file; None where there is no file."""

    @abstractmethod
    def entries(self) -> list[Entry]:
        """What a folder holds, by name; nothing where there is none."""

    @abstractmethod
    def require(self) -> None:
        """Raises ``ValueError``, in one sentence, for a store that cannot be used at all, before any work."""

    @property
    def name(self) -> str:
        return self.uri.rstrip("/").rpartition("/")[2]

    def names(self) -> list[str]:
        """The names that a folder holds, in order."""
        return [entry.name for entry in self.entries()]

    def path_below(self, uri: str) -> str:
        """The path from here to a place below that ``uri`` names: ``here / path_below(there.uri)`` is there."""
        start = self.uri.rstrip("/") + "/"
        if not uri.startswith(start):
            raise ValueError(f"{uri} does not lie below {self.uri}.")
        return uri[len(start) :]

    def __str__(self) -> str:
        return self.uri


@dataclass(frozen=True)
class Disk(Place):
    """A file or folder in the file system."""

    path: Path

    @property
    def uri(self) -> str:
        return str(self.path)

    @property
    def local(self) -> Path:
        return self.path

    @property
    def parent(self) -> Disk:
        return Disk(self.path.parent)

    def __truediv__(self, path: str) -> Disk:
        return Disk(self.path / path)

    def within(self, path: str) -> Disk | None:
        try:
            found = (self.path / path).resolve()
            found.exists()
        except (OSError, ValueError, RuntimeError):
            # Too long, with a zero in it, or links in a circle: nothing can be there.
            return None
        return Disk(found) if found.is_relative_to(self.path.resolve()) else None

    def read(self) -> bytes:
        kind = self.path.stat().st_mode
        if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
            # A pipe would be waited for, and a device has no end.
            raise OSError(errno.EINVAL, "This is no ordinary file", str(self.path))
        return self.path.read_bytes()

    def write(self, content: bytes | memoryview) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            with unfinished.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, self.path)
        finally:
            unfinished.unlink(missing_ok=True)

    def remove(self) -> None:
        if self.path.is_dir() and not self.path.is_symlink():
            shutil.rmtree(self.path)
        else:
            self.path.unlink(missing_ok=True)

    def exists(self) -> bool:
        return self.path.exists()

    def size(self) -> int | None:
        return self.path.stat().st_size if self.path.is_file() else None

    def entries(self) -> list[Entry]:
        if not self.path.is_dir():
            return []
        return sorted((_entry(path) for path in self.path.iterdir()), key=lambda entry: entry.name)

    def require(self) -> None:
        """Nothing to ask: folders are made when something is written."""


def _entry(path: Path) -> Entry:
    if path.is_dir():
        return Entry(name=path.name, size=None, modified=0.0)
    found = path.lstat()
    return Entry(name=path.name, size=found.st_size, modified=found.st_mtime)


Where = str | os.PathLike[str] | Place
"""Whatever ``place`` takes."""


def place(where: Where) -> Place:
    """What ``where`` names, whether it is there or not; nothing is asked of a store yet.

    Raises ``ValueError`` for a scheme that is not known and for a URI that cannot be one, and for one that holds
    credentials, without repeating them.
    """
    if isinstance(where, Place):
        return where
    if isinstance(where, os.PathLike):
        return Disk(Path(where).expanduser().absolute())
    scheme, found, rest = where.partition("://")
    if not found:
        head, colon, _ = where.partition(":")
        if not where or (colon and head.lower() in (*OBJECT_STORES, "file")):
            raise ValueError(f"The storage is {where!r}; it must be {KNOWN}.")
        return Disk(Path(where).expanduser().absolute())
    parts = _parts(where)
    if scheme.lower() == "file":
        if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
            raise ValueError(f"A file URI has three slashes and an absolute path, such as file:///data; not {where!r}.")
        if not (path := unquote(parts.path)).isprintable():
            raise ValueError(f"The file URI {where!r} holds a control character.")
        return Disk(Path(path))
    if scheme.lower() not in OBJECT_STORES:
        raise ValueError(f"There is no storage of the kind {_shown(scheme)}; storage must be {KNOWN}.")
    from trainables.core.object_store import Stored

    bucket, _, key = rest.partition("/")
    pieces = [piece for piece in key.split("/") if piece]
    if not bucket or ".." in pieces or "." in pieces:
        raise ValueError(f"{where!r} names no bucket and prefix; write {scheme.lower()}://bucket/prefix.")
    return Stored(scheme.lower(), "/".join([bucket, *pieces]))


def _parts(uri: str) -> SplitResult:
    # Whatever follows the scheme may be a secret, so none of it is shown before this is known.
    if any(sign in uri for sign in "@?#"):
        raise ValueError(
            "The URI of the storage holds a user name, password, key or option (something with @, ? or #), which would "
            "be seen in logs and process lists. Leave it out and set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for "
            "a server of your own, AWS_ENDPOINT_URL; for gs:// GOOGLE_APPLICATION_CREDENTIALS."
        )
    try:
        return urlsplit(uri)
    except ValueError:
        raise ValueError(f"The URI of the storage cannot be read; storage must be {KNOWN}.") from None


def _shown(scheme: str) -> str:
    return f"{scheme}://" if scheme.isalnum() and len(scheme) <= 20 else "that is named"
