"""What a submission sends: Teasel's own source and a sweep, as a zip that is the same for the same content.

Files are sent by kind, so that nothing is sent by accident: no data, results, tests, caches, keys or ``.git``, no file
that holds no code and is named like a secret, and nothing that a link brings in from outside the tree. Knows no Ray
and no network.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SOURCE = {
    "cluster": (".py",),
    "search": (".py", ".css", ".js"),
    "spaces": (".py", ".yaml"),
    "trainables": (".py",),
}
"""The folders that are sent, and the kinds of files in them that a run needs."""

PROJECT = "pyproject.toml"
SECRET = re.compile(r"(credentials?|secrets?|passwords?|auth_token|id_(rsa|ed25519|ecdsa))(\..*)?", re.IGNORECASE)
LIMIT_MB = 10.0
"""Megabytes that are sent at most, unpacked, unless more are asked for; the source is about 1."""

RAY_LIMIT_MB = 500.0
"""What Ray itself takes."""


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of a package: its name there, and what it holds or where that lies."""

    name: str
    size: int
    content: bytes | Path

    def read(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()


@dataclass(frozen=True, kw_only=True)
class Package:
    """The files that are sent, by name, and those that were left out although their kind is sent."""

    files: tuple[File, ...]
    left_out: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes before packing."""
        return sum(file.size for file in self.files)

    @property
    def largest(self) -> list[File]:
        """All files, the largest first."""
        return sorted(self.files, key=lambda file: (-file.size, file.name))

    def zip(self) -> bytes:
        """The same bytes for the same content: no times, owners or order of a file system in it."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for file in self.files:
                entry = zipfile.ZipInfo(file.name, date_time=(1980, 1, 1, 0, 0, 0))
                entry.create_system, entry.external_attr = 3, 0o100644 << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, file.read())
        return packed.getvalue()


def source_root() -> Path:
    """The folder that Teasel runs from here: a checkout, or where it is installed."""
    return Path(__file__).resolve().parents[1]


def gather(root: Path, extra: Mapping[str, bytes], *, limit_mb: float = LIMIT_MB) -> Package:
    """Teasel's source below ``root`` with the files of ``extra``.

    Raises ``ValueError`` when ``root`` is not Teasel's, and, naming the largest files, when all of it is larger than
    ``limit_mb`` megabytes.
    """
    files = [File(name=name, size=len(content), content=content) for name, content in extra.items()]
    left_out: list[str] = []
    if _is_project(root / PROJECT):
        files.append(_file(root, root / PROJECT))
    for folder, kinds in SOURCE.items():
        if not (root / folder / "__init__.py").is_file():
            raise ValueError(f"{root} has no folder {folder} with Teasel's source; it cannot be sent from here.")
        for path in _walk(root / folder):
            if path.suffix not in kinds or path.name.startswith("."):
                continue
            if not path.resolve().is_relative_to(root.resolve()):
                left_out.append(f"{path.relative_to(root).as_posix()} (a link out of {root})")
            elif path.suffix != ".py" and SECRET.fullmatch(path.name):
                left_out.append(f"{path.relative_to(root).as_posix()} (named like a secret)")
            elif path.is_file():
                files.append(_file(root, path))
    package = Package(files=tuple(sorted(files, key=lambda file: file.name)), left_out=tuple(sorted(left_out)))
    _fits(package, limit_mb)
    return package


def megabytes(size: int) -> str:
    """``0.4 MB``, and small sizes in kB."""
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size / 1e3:,.1f} kB"


def _fits(package: Package, limit_mb: float) -> None:
    if not 0 < limit_mb <= RAY_LIMIT_MB:
        raise ValueError(
            f"--max-size {limit_mb:g}: it must be above 0 and at most {RAY_LIMIT_MB:g}, which is Ray's own."
        )
    if package.size > limit_mb * 1e6:
        first = ", ".join(f"{file.name} ({megabytes(file.size)})" for file in package.largest[:5])
        raise ValueError(
            f"What would be sent has {megabytes(package.size)}, and at most {limit_mb:g} MB are sent. "
            f"The largest files: {first}. Move out of the source what is no source, or raise --max-size; "
            "nothing was sent."
        )


def _walk(folder: Path) -> Iterator[Path]:
    """The files below a folder, links among them; folders that are hidden, caches or links are not entered."""
    for here, folders, names in os.walk(folder, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        yield from (Path(here) / name for name in names)


def _file(root: Path, path: Path) -> File:
    return File(name=path.relative_to(root).as_posix(), size=path.stat().st_size, content=path)


def _is_project(path: Path) -> bool:
    """Beside an installed Teasel, somebody else's project file may lie."""
    return (
        path.is_file() and not path.is_symlink() and re.search(r'(?m)^name = "teasel"$', path.read_text()) is not None
    )
