"""Files of data: pickles for arrays, headers that claim terabytes, zip bombs, columns and links that lie elsewhere."""

from __future__ import annotations

import bz2
import gzip
import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tests_chaos.hostile.case import Call, Case
from tests_chaos.hostile.models import Owned

NEEDS = ("torch", "torchvision.datasets", "h5py", "scipy.io", "scipy.ndimage", "pyarrow.ipc", "trainables.core.dataset")
COUNTS, SIZE = (3, 2, 2), 8
IMAGES = (12, SIZE, SIZE)


def npy(shape: object, kind: str = "|u1", data: bytes = b"", *, header: bytes | None = None) -> bytes:
    """An array whose header says what it likes."""
    said = header or repr({"descr": kind, "fortran_order": False, "shape": shape}).encode()
    said = said + b" " * (64 - (len(said) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(said)) + said + data


def plain(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


GRID = np.stack(np.unravel_index(np.arange(12), COUNTS), axis=1).astype(np.int64)
PIXELS = np.zeros(IMAGES, np.uint8)


def npz(method: int = zipfile.ZIP_DEFLATED, **members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in {"imgs": plain(PIXELS), "latents_classes": plain(GRID), **members}.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def lying(raw: bytes, size: int) -> bytes:
    """The archive with another unpacked size of its first member in the central directory."""
    place = raw.index(b"PK\x01\x02")
    return raw[: place + 24] + struct.pack("<I", size) + raw[place + 28 :]


NPZ = {
    "npz: objects for images": lambda: npz(imgs=plain(np.array([Owned()] * 12, dtype=object))),
    "npz: objects for classes": lambda: npz(latents_classes=plain(np.array([[Owned()] * 3] * 12, dtype=object))),
    "npz: a header that claims terabytes": lambda: npz(imgs=npy((2**40, SIZE, SIZE))),
    "npz: a header below 0": lambda: npz(imgs=npy((-12, SIZE, SIZE))),
    "npz: a header of 400 digits": lambda: npz(imgs=npy((10**400, SIZE, SIZE))),
    "npz: a header of code": lambda: npz(imgs=npy((), header=b"__import__('os').system('touch owned')")),
    "npz: a header that is deep": lambda: npz(imgs=npy((), header=b"(" * 9_000)),
    "npz: a header of signs": lambda: npz(imgs=npy((), header=b"-" * 9_000 + b"1")),
    "npz: a header of 60 KB": lambda: npz(imgs=npy((), header=b"{" + b" " * 60_000)),
    "npz: a header of a record": lambda: npz(imgs=npy(IMAGES, "[('a', 'O')]")),
    "npz: numbers of 2 GB each": lambda: npz(imgs=npy(IMAGES, "|V2147483647")),
    "npz: times": lambda: npz(imgs=npy(IMAGES, "<M8[ns]", bytes(8 * 768))),
    "npz: a pickle for an array": lambda: npz(imgs=pickle.dumps(Owned())),
    "npz: a bomb of 64 MB": lambda: npz(imgs=npy(IMAGES) + bytes(2**26)),
    "npz: a bomb that hides its size": lambda: lying(npz(imgs=npy(IMAGES) + bytes(2**26)), 896),
    "npz: packed by LZMA": lambda: npz(zipfile.ZIP_LZMA),
    "npz: packed by bzip2": lambda: npz(zipfile.ZIP_BZIP2),
    "npz: an archive in an archive": lambda: npz(imgs=npz()),
    "npz: a pickle for the file": lambda: pickle.dumps(Owned()),
    "npz: gzip": lambda: gzip.compress(bytes(10_000)),
    "npz: nothing": lambda: b"",
}


def _npz(folder: Path, content: bytes) -> Call:
    from trainables.core import npz as reader

    (folder / "dsprites.npz").write_bytes(content)
    original = reader.Original(name="sprites", counts=COUNTS, size=SIZE)
    return lambda: reader.read(folder / "dsprites.npz", original, np.arange(12))


def idx(kind: int, *sides: int, data: bytes = b"") -> bytes:
    return struct.pack(f">HBB{len(sides)}I", 0, kind, len(sides), *sides) + data


IDX = {
    "idx: a header that claims terabytes": lambda: idx(8, 2**31, 2**15, 2**15),
    "idx: 255 dimensions": lambda: idx(8, *[1] * 255),
    "idx: of the right size, all else wrong": lambda: bytes(47_040_016),
    "idx: a pickle": lambda: pickle.dumps(Owned()),
    "idx: gzip": lambda: gzip.compress(bytes(1000)),
    "idx: sparse": lambda: None,
    "idx: a link to a device": lambda: Path("/dev/zero"),
    "idx: a link elsewhere": lambda: Path("/etc/passwd"),
}


def _idx(folder: Path, content: Any) -> Call:
    from trainables.data import mnist

    raw = folder / "MNIST/raw"
    raw.mkdir(parents=True)
    names = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
    for name in names:
        (raw / name).write_bytes(idx(8, 1, data=b"\0"))
    (raw / names[0]).unlink()
    put(raw / names[0], content)
    return lambda: mnist.prepare(mnist.Options(), folder)


def put(path: Path, content: Any) -> None:
    """A file, a link, or for None a hole of a terabyte."""
    if isinstance(content, Path):
        path.symlink_to(content)
    elif content is None:
        with path.open("wb") as file:
            file.truncate(2**40)
    else:
        path.write_bytes(content)


def _h5(write: Callable[[Any, Path], None]) -> Callable[[Path], Call]:
    def make(folder: Path) -> Call:
        import h5py

        from trainables.data import usps

        path = folder / "USPS/usps.h5"
        path.parent.mkdir()
        with h5py.File(path, "w") as file:
            for part, count in {"train": 40, "test": 10}.items():
                file[f"{part}/data"] = np.zeros((count, 256), np.float32)
                file[f"{part}/target"] = np.zeros(count, np.int64)
            write(file, folder)
        return lambda: usps.read(path, usps.Original(train=40, test=10, validation=4), 16)

    return make


def _replaced(**options: Any) -> Callable[[Any, Path], None]:
    def write(file: Any, folder: Path) -> None:
        del file["train/data"]
        file.create_dataset("train/data", **options)

    return write


def _elsewhere(file: Any, folder: Path) -> None:
    import h5py

    del file["train/data"]
    with h5py.File(folder / "other.h5", "w") as other:
        other["data"] = np.zeros((40, 256), np.float32)
    file["train/data"] = h5py.ExternalLink(str(folder / "other.h5"), "data")


def _soft(file: Any, folder: Path) -> None:
    import h5py

    del file["train/data"]
    file["train/data"] = h5py.SoftLink("/train/data")


def _outside(file: Any, folder: Path) -> None:
    del file["train/data"]
    (folder / "secret").write_bytes(bytes(40 * 256 * 4))
    where = [(str(folder / "secret"), 0, 40 * 256 * 4)]
    file.create_dataset("train/data", (40, 256), np.float32, external=where)


def _virtual(file: Any, folder: Path) -> None:
    import h5py

    del file["train/data"]
    layout = h5py.VirtualLayout((40, 256), np.float32)
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "data", (40, 256))
    file.create_virtual_dataset("train/data", layout)


def _group(file: Any, folder: Path) -> None:
    del file["train/data"]
    file.create_group("train/data")


HDF5 = {
    "HDF5: a link to another file": _elsewhere,
    "HDF5: a link to itself": _soft,
    "HDF5: the bytes of another file": _outside,
    "HDF5: put together from other files": _virtual,
    "HDF5: a group": _group,
    "HDF5: claims terabytes": _replaced(shape=(2**32, 2**16), dtype="f4", chunks=(1, 256)),
    "HDF5: pieces of a gigabyte": _replaced(
        shape=(40, 256), dtype="f4", maxshape=(None, None), chunks=(2**20, 256), compression="gzip", fillvalue=0.5
    ),
    "HDF5: text": _replaced(data=np.array([[b"x" * 100] * 256] * 40)),
    "HDF5: objects": _replaced(shape=(40, 256), dtype=np.dtype("O", metadata={"vlen": str})),
    "HDF5: not a number": _replaced(data=np.full((40, 256), np.nan, np.float32)),
    "HDF5: without end": _replaced(data=np.full((40, 256), np.inf, np.float32)),
    "HDF5: of no dimension": _replaced(data=np.float32(1)),
}


def _raw_h5(folder: Path, content: Any) -> Call:
    from trainables.data import usps

    (folder / "USPS").mkdir()
    put(folder / "USPS/usps.h5", content)
    return lambda: usps.prepare(usps.Options(), folder)


RAW_HDF5 = {
    "HDF5: a signature alone": lambda: b"\x89HDF\r\n\x1a\n" + bytes(1000),
    "HDF5: noise after the signature": lambda: b"\x89HDF\r\n\x1a\n" + np.random.RandomState(0).bytes(5000),
    "HDF5: a pickle": lambda: pickle.dumps(Owned()),
    "HDF5: sparse": lambda: None,
    "HDF5: a link to a device": lambda: Path("/dev/zero"),
    "HDF5: a link elsewhere": lambda: Path("/etc/passwd"),
}


def mat(*elements: bytes) -> bytes:
    return b"MATLAB 5.0".ljust(124) + struct.pack("<HH", 0x0100, 0x4D49) + b"".join(elements)


def packed(raw: bytes) -> bytes:
    """A compressed element."""
    content = zlib.compress(raw)
    return struct.pack("<II", 15, len(content)) + content


MAT = {
    "mat: a bomb of 64 MB": lambda: mat(packed(struct.pack("<II", 14, 2**30) + bytes(2**26))),
    "mat: claims 4 GB": lambda: mat(struct.pack("<II", 14, 2**32 - 8)),
    "mat: in itself, a thousand deep": lambda: _nested(1000),
    "mat: version 7.3": lambda: b"MATLAB 7.3 MAT-file".ljust(124) + struct.pack("<HH", 0x0200, 0x4D49) + bytes(400),
    "mat: version 4": lambda: struct.pack("<IIIII", 0, 2**30, 2**30, 0, 2) + b"X\0",
    "mat: a pickle": lambda: pickle.dumps(Owned()),
    "mat: nothing": lambda: b"",
    "mat: sparse": lambda: None,
    "mat: a link to a device": lambda: Path("/dev/zero"),
    "mat: bzip2": lambda: bz2.compress(bytes(10_000)),
}


def _nested(depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        inner = packed(inner)
    return mat(inner)


def _mat(folder: Path, content: Any) -> Call:
    from trainables.data import svhn

    (folder / "SVHN").mkdir()
    put(folder / "SVHN/train_32x32.mat", content)
    (folder / "SVHN/test_32x32.mat").write_bytes(b"")
    return lambda: svhn.prepare(svhn.Options(), folder)


def _cases(table: dict[str, Callable[[], Any]], make: Callable[[Path, Any], Call]) -> list[Case]:
    return [Case(name=name, make=lambda folder, c=content: make(folder, c())) for name, content in table.items()]


CASES = [
    *_cases(NPZ, _npz),
    *_cases(IDX, _idx),
    *(Case(name=name, make=_h5(write)) for name, write in HDF5.items()),
    *_cases(RAW_HDF5, _raw_h5),
    *_cases(MAT, _mat),
]
