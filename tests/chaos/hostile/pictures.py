# ruff: noqa: E501 - one line for each case
"""Image files: bombs, formats that start programs, links out of folders; pictures that a ledger names."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tests_chaos.hostile.arrays import put
from tests_chaos.hostile.case import Call, Case
from tests_chaos.hostile.models import Owned

NEEDS = (
    "PIL.Image",
    "PIL.TiffImagePlugin",
    "PIL.WebPImagePlugin",
    "trainables.core.image_files",
    "search.report.contact",
)
SHAPE = (1, 16, 16)


def png(width: int, height: int, *more: tuple[bytes, bytes], data: bytes | None = None) -> bytes:
    """A grey PNG; ``more`` are chunks before its pixels."""
    pixels = zlib.compress(bytes(1000)) if data is None else data
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), *more, (b"IDAT", pixels), (b"IEND", b"")]
    found = [struct.pack(">I", len(c)) + kind + c + struct.pack(">I", zlib.crc32(kind + c)) for kind, c in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(found)


def encoded(kind: str, size: tuple[int, int] = (16, 16), mode: str = "L") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, kind)
    return file.getvalue()


def tiff(width: int, height: int, *more: tuple[int, int, int, int]) -> bytes:
    """A TIFF of a few entries: (tag, type, count, value)."""
    entries = sorted([(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
                      (273, 4, 1, 8), (278, 4, 1, height), (279, 4, 1, 100), *more])  # fmt: skip
    body = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", 8) + body + bytes(4)


def webp(width: int, height: int) -> bytes:
    """An extended WebP whose canvas is as large as it says."""
    canvas = (
        struct.pack("<I", 0)[:1] + b"\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    )
    body = b"WEBPVP8X" + struct.pack("<I", 10) + canvas
    return b"RIFF" + struct.pack("<I", len(body)) + body


EPS = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 256 256\n%%EndComments\n"
    b"(%pipe%touch owned) (w) file\nshowpage\n%%EOF\n"
)
TEXTS = tuple((b"zTXt", b"a%d\0\0" % i + zlib.compress(bytes(10**6))) for i in range(80))
FILES: dict[str, Callable[[], bytes]] = {
    "100 megapixels": lambda: png(10_000, 10_000),
    "100 megapixels in a TIFF": lambda: tiff(10_000, 10_000),
    "100 megapixels in a BMP": lambda: b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 10_000, 10_000, 1, 24, 0, 0, 0, 0, 0, 0),
    "100 megapixels in a GIF": lambda: b"GIF89a" + struct.pack("<HHBBB", 10_000, 10_000, 0, 0, 0) + b"," + bytes(20),
    "100 megapixels in a PPM": lambda: b"P5 10000 10000 255\n" + bytes(100),
    "200 megapixels in a WebP": lambda: webp(16_000, 16_000),
    "4 gigapixels": lambda: png(65_000, 65_000),
    "the largest PNG": lambda: png(2**31 - 1, 2**31 - 1),
    "a PNG of no size": lambda: png(0, 0),
    "a PNG whose pixels are a bomb": lambda: png(16, 16, data=zlib.compress(bytes(2**26))[:-9]),
    "a PNG with 80 MB of text": lambda: png(16, 16, *TEXTS),
    "a PNG whose profile is a bomb": lambda: png(16, 16, (b"iCCP", b"a\0\0" + zlib.compress(bytes(2**26))), data=b""),
    "a PNG cut in a chunk": lambda: encoded("PNG")[:40],
    "a PNG of wrong checksums": lambda: encoded("PNG").replace(b"IDAT", b"IDAt"),
    "a TIFF of 65,000 entries": lambda: b"II*\0\x08\0\0\0" + struct.pack("<H", 65_000) + bytes(100),
    "a TIFF that points at itself": lambda: tiff(16, 16, (330, 4, 1, 8)),
    "a TIFF with a value of 4 GB": lambda: tiff(16, 16, (270, 2, 2**32 - 1, 8)),
    "a TIFF of a million samples": lambda: tiff(16, 16, (277, 4, 1, 10**6)),
    "a PPM of a negative size": lambda: b"P5 -16 -16 255\n" + bytes(300),
    "a PPM of a size without end": lambda: b"P5 " + b"9" * 10_000,
    "a JPEG that is cut": lambda: encoded("JPEG")[:300],
    "a JPEG of no size": lambda: encoded("JPEG").replace(b"\0\x10\0\x10", b"\0\0\0\0"),
    "a program for ghostscript": lambda: EPS,
    "a PDF": lambda: b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF",
    "an SVG with entities": lambda: b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><svg>&b;</svg>',
    "an icon": lambda: b"\0\0\1\0\1\0\0\0\0\0\1\0\x20\0" + bytes(100),
    "a pickle": lambda: pickle.dumps(Owned()),
    "numpy's": lambda: b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
    "noise": lambda: np.random.RandomState(0).bytes(2000),
    "nothing": lambda: b"",
}  # fmt: skip


def _read(folder: Path, content: bytes, resize: bool) -> Call:
    from trainables.core.image_files import read

    (folder / "a.png").write_bytes(content)
    return lambda: read(folder / "a.png", SHAPE, resize=resize)


def _folder(folder: Path, what: str) -> Call:
    from trainables.core.image_files import find

    images = folder / "images"
    images.mkdir()
    (folder / "outside.png").write_bytes(encoded("PNG"))
    path = images / "a.png"
    targets = {"a link out": folder / "outside.png", "a link to a device": Path("/dev/zero"), "a circle": path,
               "a link to the root": Path("/")}  # fmt: skip
    if what == "a pipe":
        os.mkfifo(path)
    elif what == "a folder of links":
        (images / "b").symlink_to("/etc")
    else:
        path.symlink_to(targets[what])
    return lambda: find([images])


def _jaffe(folder: Path, content: Callable[[], bytes] | Path | str) -> Call:
    from trainables.data import jaffe

    (folder / "jaffe").mkdir()
    name = content if isinstance(content, str) else "KA.AN1.39.tiff"
    path = folder / "jaffe" / name
    if isinstance(content, Path):
        path.symlink_to(content)
    else:
        path.write_bytes(b"" if isinstance(content, str) else content())
    return lambda: _pixels(jaffe, folder, path, content)


def _pixels(jaffe: object, folder: Path, path: Path, content: object) -> None:
    # With one image for a folder, the next thing to be refused would be their number.
    if callable(content):
        jaffe._pixels(path, 256)
    jaffe.read(jaffe.Original(images=1, edge=256), jaffe.Options(), folder)


JAFFE = {
    "a program for ghostscript": lambda: EPS,
    "100 megapixels": lambda: tiff(10_000, 10_000),
    "a TIFF that lies": lambda: tiff(256, 256, (277, 4, 1, 10**6)),
    "a TIFF without pixels": lambda: tiff(256, 256),
    "a pickle": lambda: pickle.dumps(Owned()),
    "a link out": Path("/etc/passwd"),
    "a name with an escape": "KA.AN1.\x1b[2J.tiff",
    "a name with a line end": "KA.AN1.39.tiff\n",
    "a name with a colon": "os:system.tiff",
    "a name in full width": "KA.AN１.39.tiff",
}


CELEBA = {
    "celeba: a name above": ("list_eval_partition.txt", b"../../etc/passwd 0\n"),
    "celeba: an absolute name": ("list_eval_partition.txt", b"/etc/passwd 0\n"),
    "celeba: a list of zeros": ("list_eval_partition.txt", bytes(1000)),
    "celeba: a line of 10 MB": ("list_eval_partition.txt", b"x" * 10_000_000 + b" 0\n"),
    "celeba: a list with escapes": ("list_eval_partition.txt", b"\x1b[2J 0\n"),
    "celeba: a sparse list": ("list_eval_partition.txt", None),
    "celeba: a list that is a device": ("list_eval_partition.txt", Path("/dev/zero")),
    "celeba: a list that is another file": ("list_eval_partition.txt", Path("/etc/passwd")),
    "celeba: attributes of noise": ("list_attr_celeba.txt", b"\xff\xfe" * 100),
    "celeba: attributes that are cut": ("list_attr_celeba.txt", b"1\nMale\n000001.jpg"),
    "celeba: an image that leads out": ("img_align_celeba/000001.jpg", Path("/etc/passwd")),
}


def _celeba(folder: Path, name: str, content: Any) -> Call:
    from trainables.data import celeba

    images = folder / "celeba/img_align_celeba"
    images.mkdir(parents=True)
    names = [f"{number:06d}.jpg" for number in (1, 2, 3)]
    for each in names:
        (images / each).write_bytes(b"")
    (images.parent / "list_eval_partition.txt").write_text("".join(f"{n} {i}\n" for i, n in enumerate(names)))
    (images.parent / "list_attr_celeba.txt").write_text("3\nMale\n" + "".join(f"{n} 1\n" for n in names))
    (images.parent / name).unlink()
    put(images.parent / name, content)
    return lambda: celeba.read(celeba.Original(train=1, validation=1, test=1), 32, folder)


def _drawn(folder: Path, content: bytes) -> Call:
    """A picture of a trial that is no picture is left out, and does no harm."""
    from search.report.contact import tile

    (folder / "picture.png").write_bytes(content)

    def draw() -> None:
        assert tile(folder / "picture.png").width <= 480

    return draw


def _named(folder: Path, path: str) -> Call:
    from search.tracking.store import picture_file

    (folder / "sweep/trials").mkdir(parents=True)
    (folder / "secret.png").write_bytes(encoded("PNG"))
    (folder / "sweep/link.png").symlink_to(folder / "secret.png")
    (folder / "sweep/circle.png").symlink_to(folder / "sweep/circle.png")
    os.mkfifo(folder / "sweep/pipe.png")

    def ask() -> None:
        from search.report.latents import inside

        assert picture_file(folder / "sweep", path) is None, "it would be published"
        assert inside(folder / "sweep", path) is None, "it would be shown"

    return ask


PATHS = ("../secret.png", "trials/../../secret.png", "/etc/passwd", "link.png", "circle.png", "pipe.png", "a\0b",
         "x" * 5000, "", ".", "trials", "s3://bucket/x", "file:///etc/passwd", "~/.ssh/id_rsa")  # fmt: skip
CASES = [
    *(Case(name=n, make=lambda folder, n=n: _celeba(folder, *CELEBA[n])) for n in CELEBA),
    *(
        Case(
            name=f"{name}, {'scaled' if resize else 'as it is'}",
            make=lambda f, c=c, r=resize: _read(f, c(), r),
            # What follows the last pixel is never unpacked, so nothing is wrong with the image.
            harmless=name == "a PNG whose pixels are a bomb",
        )
        for name, c in FILES.items()
        for resize in (True, False)
    ),
    *(
        Case(name=f"a folder with {what}", make=lambda folder, what=what: _folder(folder, what))
        for what in ("a link out", "a link to a device", "a circle", "a link to the root", "a pipe", "a folder of links")
    ),
    *(Case(name=f"jaffe: {name}", make=lambda folder, c=c: _jaffe(folder, c)) for name, c in JAFFE.items()),
    *(
        Case(name=f"drawn: {name}", make=lambda folder, c=c: _drawn(folder, c()), harmless=True)
        for name, c in FILES.items()
        if name in ("100 megapixels", "4 gigapixels", "a program for ghostscript", "a pickle", "a PNG with 80 MB of text")
    ),
    *(Case(name=f"named: {p[:40]!r}", make=lambda folder, p=p: _named(folder, p), harmless=True) for p in PATHS),
]  # fmt: skip
