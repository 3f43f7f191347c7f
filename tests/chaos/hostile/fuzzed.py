# ruff: noqa: E501 - one line for each parser
"""Every parser of files, given files that hypothesis has damaged: it reads them or refuses them, soon and in words.

``fuzz.py`` tries one in a process of its own; what a parser was given last lies in the folder when it dies.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests_chaos.hostile import arrays, columns, ledgers, models, pictures, sweeps

Read = Callable[[Path, bytes], object]
SLOW = 5.0
"""Seconds of a processor that no small file may take."""
TOKENS = [
    b"\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"{", b"}", b"[" * 30, b'"', b"null", b"NaN", b"1e999", b"-1", b"9" * 25,
    b"../", b"\n", b": ", b"- ", b"&a ", b"*a", b"!!python/object:os.system ", b"\x1b[2J", b"true", b"{}", b"[]", b'"x"', b"\xed\xa0\x80",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Parser:
    """What is damaged, who reads it, and how many times `make chaos` tries that."""

    seeds: Callable[[], list[bytes]]
    read: Read
    examples: int


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """One of ``seeds`` with up to eight things done to it."""
    raw = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 8))):
        place = draw(st.integers(0, max(0, len(raw) - 1)))
        end = place + draw(st.integers(1, 16))
        match draw(st.sampled_from(("flip", "token", "write", "cut", "drop", "double", "number"))):
            case "flip" if raw:
                raw[place] ^= 1 << draw(st.integers(0, 7))
            case "token":
                raw[place:place] = draw(st.sampled_from(TOKENS))
            case "write":
                token = draw(st.sampled_from(TOKENS))
                raw[place : place + len(token)] = token
            case "cut":
                del raw[place:]
            case "drop":
                del raw[place:end]
            case "double":
                raw[place:place] = raw[place:end] * draw(st.integers(1, 20))
            case "number":
                raw[place : place + 4] = draw(st.integers(0, 2**32 - 1)).to_bytes(
                    4, draw(st.sampled_from(("little", "big")))
                )
    return bytes(raw)


def _sweep(folder: Path, raw: bytes) -> None:
    from search.sweep_file import loads

    loads(raw)


def _ledger(folder: Path, raw: bytes) -> None:
    from search.folder import Folder
    from trainables.core.storage import place

    (folder / "ledger.jsonl").write_bytes(raw)
    history = Folder(place(folder)).history()
    _looked_at(history)


def _rows(folder: Path, raw: bytes) -> None:
    """Bodies of rows that are damaged, under checksums that are right."""
    _ledger(folder, ledgers.lines([line for line in raw.split(b"\n") if line]))


def _looked_at(history: object) -> None:
    """What every command makes of a ledger that was taken."""
    from search import results
    from search.standings import told_apart
    from search.tracking.projection import PARENT

    assert PARENT == -1
    results.csv_text(history)
    results.table(history)
    told_apart(history)


def _npz(folder: Path, raw: bytes) -> None:
    arrays._npz(folder, raw)()


def _h5(folder: Path, raw: bytes) -> None:
    from trainables.data import usps

    (folder / "usps.h5").write_bytes(raw)
    usps.read(folder / "usps.h5", usps.Original(train=40, test=10, validation=4), 16)


def _h5_file() -> list[bytes]:
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        arrays._h5(lambda file, folder: None)(Path(scratch))
        return [(Path(scratch) / "USPS/usps.h5").read_bytes()]


def _mat(folder: Path, raw: bytes) -> None:
    from trainables.data import svhn

    (folder / "a.mat").write_bytes(raw)
    svhn._mat(folder / "a.mat", 10, "0" * 32)


def _idx(folder: Path, raw: bytes) -> None:
    from trainables.core import idx
    from trainables.data import mnist

    path = folder / "MNIST/raw/train-labels-idx1-ubyte"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    idx._check("mnist", path, 60_008, mnist.ORIGINAL.sha256[1])


def _arrow(folder: Path, raw: bytes) -> None:
    from trainables.core import prepared

    (folder / "a.arrow").write_bytes(raw)
    prepared.verify(folder / "a.arrow")


def _weights(folder: Path, raw: bytes) -> None:
    from trainables.core import model_file

    (folder / "model" / models.WEIGHTS).write_bytes(raw)
    models.sealed(folder / "model")
    model_file.load(folder / "model")


def _card(folder: Path, raw: bytes) -> None:
    from trainables.core import model_file

    (folder / "model" / models.CARD).write_bytes(raw)
    models._manifest(folder / "model")
    model_file.load(folder / "model").encode(__import__("numpy").zeros((1, 1, 16, 16), "float32"))


def _manifest(folder: Path, raw: bytes) -> None:
    from trainables.core import model_file

    (folder / "model" / models.MANIFEST).write_bytes(raw)
    model_file.load(folder / "model")


def _model(name: str) -> Callable[[], list[bytes]]:
    return lambda: [(Path.cwd() / "model" / name).read_bytes()]


def _image(folder: Path, raw: bytes) -> None:
    from trainables.core.image_files import read

    (folder / "a.png").write_bytes(raw)
    read(folder / "a.png", (1, 16, 16), resize=True)


def _images() -> list[bytes]:
    kinds = [
        ("PNG", "L"),
        ("PNG", "P"),
        ("JPEG", "RGB"),
        ("TIFF", "L"),
        ("GIF", "P"),
        ("BMP", "RGB"),
        ("WEBP", "RGB"),
        ("PPM", "RGB"),
    ]
    return [pictures.encoded(kind, (24, 16), mode) for kind, mode in kinds]


def _jaffe(folder: Path, raw: bytes) -> None:
    from trainables.data import jaffe

    (folder / "a.tiff").write_bytes(raw)
    jaffe._pixels(folder / "a.tiff", 256)


def _names(folder: Path, raw: bytes) -> None:
    from trainables.data import jaffe

    name = raw.replace(b"/", b"").replace(b"\0", b"")[:200] or b"a"
    path = os.path.join(os.fsencode(folder / "jaffe"), b"a" if name in (b".", b"..") else name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb"):
        pass
    try:
        jaffe.read(jaffe.Original(images=1), jaffe.Options(), folder)
    finally:
        os.unlink(path)


def _celeba(folder: Path, raw: bytes) -> None:
    from trainables.data import celeba

    (folder / "list.txt").write_bytes(raw)
    names, _ = celeba._partition(folder / "list.txt", celeba.Original(train=1, validation=1, test=1))
    celeba._male(folder / "list.txt", names)


def _groups(folder: Path, raw: bytes) -> None:
    from cluster.capacity import declared, room

    room(declared(raw.decode("utf-8", "replace")), {"CPU": 1, "GPU": 0.5})


def _notes(folder: Path, raw: bytes) -> None:
    from search.tracking.publisher import read

    (folder / "notes.json").write_bytes(raw)
    assert isinstance(read(folder / "notes.json"), dict)


def _ready_made() -> list[bytes]:
    from search.sweep_file import ready_made

    return [path.read_bytes() for path in ready_made().values()] + [
        raw for raw in sweeps.FILES.values() if len(raw) < 2000
    ]


BODIES = b"\n".join(line.partition(b" ")[2] for line in ledgers.lines(ledgers.ROWS).splitlines())
PARSERS = {
    "sweep files": Parser(seeds=_ready_made, read=_sweep, examples=600),
    "ledgers": Parser(seeds=lambda: [ledgers.lines(ledgers.ROWS)], read=_ledger, examples=500),
    "rows of ledgers under right checksums": Parser(seeds=lambda: [BODIES], read=_rows, examples=3000),
    "npz": Parser(seeds=lambda: [arrays.npz(), arrays.npz(0)], read=_npz, examples=1500),
    "HDF5": Parser(seeds=_h5_file, read=_h5, examples=1500),
    "mat": Parser(seeds=lambda: [arrays.mat(arrays.packed(bytes(400)))], read=_mat, examples=300),
    "idx": Parser(seeds=lambda: [arrays.idx(8, 60_000, data=bytes(60_000))], read=_idx, examples=300),
    "prepared files (Arrow)": Parser(seeds=lambda: [columns.arrow()], read=_arrow, examples=2500),
    "weights (safetensors)": Parser(seeds=_model(models.WEIGHTS), read=_weights, examples=700),
    "cards of models": Parser(seeds=_model(models.CARD), read=_card, examples=800),
    "manifests": Parser(seeds=_model(models.MANIFEST), read=_manifest, examples=400),
    "images": Parser(seeds=_images, read=_image, examples=2500),
    "images of JAFFE": Parser(
        seeds=lambda: [pictures.encoded("TIFF", (256, 256)), pictures.encoded("PNG", (256, 256))], read=_jaffe, examples=800
    ),
    "names of JAFFE's files": Parser(seeds=lambda: [b"KA.AN1.39.tiff", b"YM.SU3.60.tif"], read=_names, examples=800),
    "lists of CelebA": Parser(
        seeds=lambda: [b"a.jpg 0\nb.jpg 1\nc.jpg 2\n", b"3\nMale Young\na.jpg 1 -1\nb.jpg -1 1\nc.jpg 1 1\n"], read=_celeba, examples=800
    ),
    "TEASEL_NODE_GROUPS": Parser(seeds=lambda: [b'[{"nodes": 8, "CPU": 16, "GPU": 1}]'], read=_groups, examples=1500),
    "notes of the publisher": Parser(seeds=lambda: [b'{"rows": 3, "uri": "x", "runs": {"0": {"points": 3}}}'], read=_notes, examples=500),
}  # fmt: skip


def tried(name: str, number: int, examples: int, folder: Path) -> None:
    """Raises what a parser raised that is no ``ValueError``, with the input that did it in the folder."""
    parser = PARSERS[name]
    if "model" in name or name in ("manifests", "weights (safetensors)"):
        models.made(folder, network="mlp", hidden=8)

    @seed(number)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(raw=damaged(parser.seeds()))
    def reads_or_refuses(raw: bytes) -> None:
        (folder / "last").write_bytes(raw)
        began = time.process_time()
        with suppress(ValueError):
            parser.read(folder, raw)
        assert time.process_time() - began < SLOW, f"{time.process_time() - began:.1f} s of a processor"

    reads_or_refuses()
