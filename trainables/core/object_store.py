"""S3 and Google Cloud Storage as places, through pyarrow; an object is replaced whole, so each write is atomic.

What says where the store is and who asks is the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_SESSION_TOKEN, AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL for S3 and what speaks its language,
GOOGLE_APPLICATION_CREDENTIALS for Google's (and STORAGE_EMULATOR_HOST for a server that stands in for it).
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from trainables.core.storage import Entry, Place

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

T = TypeVar("T")

REASONS = {
    "NO_SUCH_BUCKET": "there is no such bucket",
    "ACCESS_DENIED": "access is denied",
    "FORBIDDEN": "access is denied",
    "INVALID_ACCESS_KEY_ID": "the store does not know this access key",
    "SIGNATURE_DOES_NOT_MATCH": "the secret key is not the right one",
    "EXPIRED_TOKEN": "the session token has expired",
    "NETWORK_CONNECTION": "nobody answers",
    "SLOW_DOWN": "the store asks to slow down",
}
"""What S3 says in a word, in words."""


@dataclass(frozen=True)
class Stored(Place):
    """An object or a prefix; ``key`` begins with the bucket."""

    scheme: str
    key: str

    @property
    def uri(self) -> str:
        return f"{self.scheme}://{self.key}"

    @property
    def local(self) -> None:
        return None

    @property
    def parent(self) -> Stored:
        above = self.key.rpartition("/")[0]
        return Stored(self.scheme, above or self.key)

    def __truediv__(self, path: str) -> Stored:
        if (below := self.within(path)) is None:
            raise ValueError(f"{path!r} is no name below {self.uri}.")
        return below

    def within(self, path: str) -> Stored | None:
        pieces = path.split("/")
        if any(piece in ("", ".", "..") for piece in pieces):
            return None
        return Stored(self.scheme, "/".join([self.key, *pieces]))

    def read(self) -> bytes:
        with self._asking(), self._files.open_input_file(self.key) as file:
            return file.read()

    def write(self, content: bytes | memoryview) -> None:
        with self._asking(), self._files.open_output_stream(self.key) as file:
            file.write(content)

    def remove(self) -> None:
        from pyarrow.fs import FileType

        with suppress(FileNotFoundError), self._asking():
            kind = self._files.get_file_info(self.key).type
            if kind == FileType.File:
                self._files.delete_file(self.key)
            elif kind == FileType.Directory:
                self._files.delete_dir(self.key)

    def exists(self) -> bool:
        from pyarrow.fs import FileType

        with self._asking():
            return bool(self._files.get_file_info(self.key).type != FileType.NotFound)

    def size(self) -> int | None:
        with self._asking():
            return self._files.get_file_info(self.key).size

    def entries(self) -> list[Entry]:
        from pyarrow.fs import FileSelector

        # pyarrow shows no folder of Google's store that nobody made, so they are told from what lies below.
        selector = FileSelector(self.key, allow_not_found=True, recursive=self.scheme == "gs")
        with self._asking():
            found = self._files.get_file_info(selector)
        listed: dict[str, Entry] = {}
        for info in found:
            name, below, _ = info.path[len(self.key) + 1 :].partition("/")
            if below or not info.is_file:
                listed[name] = Entry(name=name, size=None, modified=0.0)
            else:
                listed[name] = Entry(name=name, size=info.size, modified=(info.mtime_ns or 0) / 1e9)
        return [listed[name] for name in sorted(listed)]

    def require(self) -> None:
        from pyarrow.fs import FileSelector, FileType

        bucket = Stored(self.scheme, self.key.partition("/")[0])
        try:
            with bucket._asking():
                there = bucket._files.get_file_info(bucket.key).type != FileType.NotFound
                if there:
                    self._files.get_file_info(FileSelector(self.key, allow_not_found=True))
        except OSError as error:
            raise ValueError(f"{self.uri} cannot be used: {error.strerror}.{_advice(self.scheme)}") from None
        if not there:
            raise ValueError(f"There is no bucket {bucket.uri}{_at()}, or it is not yours to see; create it first.")

    @property
    def _files(self) -> FileSystem:
        return _filesystem(self.scheme, self.key.partition("/")[0])

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """What went wrong in few words, without addresses and keys that a client library repeats."""
        try:
            yield
        except FileNotFoundError:
            raise FileNotFoundError(errno.ENOENT, "No such file", self.uri) from None
        except OSError as error:
            raise OSError(errno.EIO, reason(str(error)), self.uri) from None


def reason(said: str) -> str:
    """What a store's client said, in few words."""
    if found := re.search(r"AWS Error ([A-Z_]+)", said):
        if found[1] in REASONS:
            return REASONS[found[1]] + (_at() if found[1] == "NETWORK_CONNECTION" else "")
        status = re.search(r"HTTP status (\d+)|Unable to parse ExceptionName: (\w+)", said)
        more = next((group for group in status.groups() if group), "") if status else ""
        return f"the store answers {more or found[1].replace('_', ' ').lower()}"
    return " ".join(said.split())[:200]


def _at() -> str:
    endpoint = _endpoint()
    return f" at {urlsplit(endpoint).hostname}" if endpoint else ""


def _advice(scheme: str) -> str:
    if scheme == "gs":
        return "" if os.environ.get("GOOGLE_APPLICATION_CREDENTIALS") else " GOOGLE_APPLICATION_CREDENTIALS is not set."
    names = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE")
    return "" if any(os.environ.get(name) for name in names) else " AWS_ACCESS_KEY_ID is not set."


def _endpoint() -> str:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""


def _filesystem(scheme: str, bucket: str) -> FileSystem:
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "STORAGE_EMULATOR_HOST")
    return _opened(scheme, bucket, tuple((name, os.environ[name]) for name in names if name in os.environ))


@lru_cache(maxsize=16)
def _opened(scheme: str, bucket: str, named: tuple[tuple[str, str], ...]) -> FileSystem:
    kinds: Mapping[str, Callable[[str, Mapping[str, str]], Any]] = {"s3": _s3, "gs": _gcs}
    return kinds[scheme](bucket, dict(named))


def _s3(bucket: str, named: Mapping[str, str]) -> FileSystem:
    from pyarrow import fs

    endpoint = urlsplit(_endpoint())
    region = named.get("AWS_REGION") or named.get("AWS_DEFAULT_REGION")
    if not region and not endpoint.netloc:
        try:
            region = fs.resolve_s3_region(bucket)
        except OSError:
            # The first request says what is wrong with the bucket.
            region = None
    return fs.S3FileSystem(
        region=region or "us-east-1",
        scheme=endpoint.scheme or "https",
        endpoint_override=endpoint.netloc or None,
        connect_timeout=10,
        request_timeout=60,
        # One request for a small object, answered before the file is closed.
        background_writes=False,
        allow_delayed_open=True,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=4),
    )


def _gcs(bucket: str, named: Mapping[str, str]) -> FileSystem:
    from pyarrow import fs

    if emulator := named.get("STORAGE_EMULATOR_HOST"):
        parts = urlsplit(emulator if "://" in emulator else f"http://{emulator}")
        return fs.GcsFileSystem(
            anonymous=True,
            scheme=parts.scheme,
            endpoint_override=parts.netloc,
            retry_time_limit=timedelta(seconds=15),
        )
    return fs.GcsFileSystem(retry_time_limit=timedelta(seconds=60))
