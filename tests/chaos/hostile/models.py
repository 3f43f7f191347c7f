# ruff: noqa: E501 - one line for each case
"""Model folders and checkpoints from elsewhere: pickles for weights, cards that ask for all memory, links, lies."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests_chaos.hostile.case import Call, Case

NEEDS = ("trainables.core.model_file", "tests_trainables.models")

WEIGHTS, CARD, MANIFEST = "model.safetensors", "model.json", "manifest.json"


class Owned:
    """Unpickled, it would leave a file."""

    def __reduce__(self) -> Any:
        return os.system, ("touch owned",)


def torch_file() -> bytes:
    import torch

    file = io.BytesIO()
    torch.save({"weights": torch.zeros(3), "more": Owned()}, file)
    return file.getvalue()


def safetensors(header: Any, data: bytes = b"") -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def sealed(folder: Path) -> None:
    """A manifest, and a card, that fit what the folder now holds."""
    card = json.loads((folder / CARD).read_bytes())
    card["weights"]["sha256"] = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    (folder / CARD).write_text(json.dumps(card))
    _manifest(folder)


def _manifest(folder: Path) -> None:
    sums = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (WEIGHTS, CARD)}
    (folder / MANIFEST).write_text(json.dumps({"sha256": sums}))


def made(folder: Path, method: str = "beta_vae", **config: Any) -> Path:
    from tests_trainables import models

    return models.written(folder / "model", method, **config)


def _loading(folder: Path) -> Call:
    from trainables.core import model_file

    return lambda: model_file.load(folder / "model")


def weights(content: bytes | Callable[[], bytes]) -> Callable[[Path], Call]:
    """A model whose weights are these bytes, with checksums that are right."""

    def make(folder: Path) -> Call:
        (made(folder) / WEIGHTS).write_bytes(content if isinstance(content, bytes) else content())
        sealed(folder / "model")
        return _loading(folder)

    return make


def card(*path: str, to: Any, method: str = "beta_vae") -> Callable[[Path], Call]:
    """A model whose card says ``to`` in a place, with checksums that are right."""

    def make(folder: Path) -> Call:
        said = json.loads((made(folder, method) / CARD).read_bytes())
        inner = said
        for key in path[:-1]:
            inner = inner[key]
        if to is ...:
            del inner[path[-1]]
        else:
            inner[path[-1]] = to
        (folder / "model" / CARD).write_text(json.dumps(said))
        _manifest(folder / "model")
        return _loading(folder)

    return make


def raw(name: str, content: bytes) -> Callable[[Path], Call]:
    """A model with another file, and a manifest that fits where that is not the file."""

    def make(folder: Path) -> Call:
        (made(folder) / name).write_bytes(content)
        if name != MANIFEST:
            _manifest(folder / "model")
        return _loading(folder)

    return make


def instead(name: str, what: str) -> Callable[[Path], Call]:
    """A model with something that is no file in place of one."""

    def make(folder: Path) -> Call:
        path = made(folder) / name
        (folder / "outside").write_bytes(path.read_bytes())
        path.unlink()
        if what == "pipe":
            os.mkfifo(path)
        elif what == "folder":
            path.mkdir()
        elif what == "sparse":
            with path.open("wb") as file:
                file.truncate(2**40)
        else:
            path.symlink_to({"link": folder / "outside", "device": Path("/dev/zero"), "circle": path}[what])
        return _loading(folder)

    return make


DEEP = b"[" * 100_000 + b"]" * 100_000
HUGE = {"w": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}
CARDS = {
    "a format of 10,000 letters": card("format", to="x" * 10_000),
    "a method os:system": card("method", to="os:system"),
    "a method os.system": card("method", to="os.system"),
    "a method in a path": card("method", to="../../evil"),
    "a method core": card("method", to="core"),
    "a method __init__": card("method", to="__init__"),
    "a method of 1 MB": card("method", to="x" * 1_000_000),
    "a method that is a list": card("method", to=["beta_vae"]),
    "a method that is a mapping": card("method", to={"a": 1}),
    "no method": card("method", to=...),
    "a billion latents": card("hyperparameters", "latents", to=10**9),
    "a million latents": card("hyperparameters", "latents", to=10**6),
    "latents of 400 digits": card("hyperparameters", "latents", to=10**400),
    "latents that are text": card("hyperparameters", "latents", to="3"),
    "latents that are true": card("hyperparameters", "latents", to=True),
    "latents that are a list": card("hyperparameters", "latents", to=[3]),
    "a million units, fully connected": card("hyperparameters", "hidden", to=10**6, method="xcov_autoencoder"),
    "a million layers": card("hyperparameters", "discriminator_layers", to=10**6, method="factor_vae"),
    "a million channels": card("hyperparameters", "channels", to=10**6, method="single_classifier"),
    "a network that is code": card("hyperparameters", "network", to="__import__('os')"),
    "a network of 1 MB": card("hyperparameters", "network", to="x" * 1_000_000),
    "a weight of 400 digits": card("hyperparameters", "beta", to=10**400),
    "a weight that is not a number": card("hyperparameters", "beta", to=float("nan")),
    "a ramp that is a number": card("hyperparameters", "capacity", to=3),
    "a ramp of text": card("hyperparameters", "capacity", to={"end": "a", "steps": "b"}),
    "a ramp of more": card("hyperparameters", "capacity", to={"end": 1, "steps": 1, "os": 1}),
    "hyperparameters that are a list": card("hyperparameters", to=[1]),
    "10,000 hyperparameters": card("hyperparameters", to={f"x{i}": 1 for i in range(10_000)}),
    "images of 100,000 pixels square": card("input", "shape", to=[1, 100_000, 100_000]),
    "images of two sides": card("input", "shape", to=[16, 16]),
    "images of text": card("input", "shape", to="abc"),
    "images below 0": card("input", "shape", to=[1, -16, -16]),
    "images of half a pixel": card("input", "shape", to=[1, 16.5, 16]),
    "images of 400 digits": card("input", "shape", to=[1, 10**400, 16]),
    "a billion classes": card("input", "classes", to=10**9),
    "classes that are a list": card("input", "classes", to=[3]),
    "an input that is a list": card("input", to=[1]),
    "a second dataset of a second": card("input", "secondary", to={"shape": [1, 8, 8], "classes": 3, "secondary": {"secondary": {}}}),
    "names of other classes": card("classes", to=["a"]),
    "classes that are a number": card("classes", to=3),
    "latents that are not there": card("latents", to=[{"group": "z", "index": 10**9}]),
    "a million latents named": card("latents", to=[{"group": "z", "index": i} for i in range(60_000)]),
    "latents of code": card("latents", to=[{"group": "z", "index": 0, "__class__": "os"}]),
    "a latent without a number": card("latents", to=[{"group": "z", "index": "0"}]),
    "a unit that is text": card("latents", to=[{"group": "z", "index": i, "unit": "x"} for i in range(3)]),
    "a centre that is not a number": card("latents", to=[{"group": "z", "index": i, "centre": float("nan")} for i in range(3)]),
    "weights that are a list": card("weights", to=[1]),
    "no weights": card("weights", to=...),
    "a card that is deep": raw(CARD, b'{"format": 1, "method": ' + DEEP + b"}"),
    "a card that is a list": raw(CARD, b"[1]"),
    "a card that is a pickle": raw(CARD, pickle.dumps(Owned())),
    "a card of 8 MB": raw(CARD, b'{"format": 1, "about": "' + b"x" * 8_000_000 + b'"}'),
    "a card of a number of 5,000 digits": raw(CARD, b'{"format": ' + b"9" * 5000 + b"}"),
    "a manifest that is deep": raw(MANIFEST, b'{"sha256": ' + DEEP + b"}"),
    "a manifest that is a list": raw(MANIFEST, b"[]"),
    "a manifest of lists": raw(MANIFEST, b'{"sha256": []}'),
    "a manifest of 8 MB": raw(MANIFEST, b'{"sha256": {}, "x": "' + b"x" * 8_000_000 + b'"}'),
    "a manifest that is a pickle": raw(MANIFEST, pickle.dumps(Owned())),
    "a pickle for weights": weights(pickle.dumps({"w": Owned()})),
    "a torch file for weights": weights(torch_file),
    "weights whose header claims 16 exabytes": weights(struct.pack("<Q", 2**63) + b"{}"),
    "weights whose header claims terabytes": weights(safetensors(HUGE)),
    "weights whose header is deep": weights(safetensors(b'{"a": ' + DEEP + b"}")),
    "weights whose header is a list": weights(safetensors([1])),
    "weights of a type that is none": weights(safetensors({"w": {"dtype": "OBJ", "shape": [1], "data_offsets": [0, 4]}}, bytes(4))),
    "weights that overlap": weights(
        safetensors({n: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for n in "ab"}, bytes(4))
    ),
    "weights below 0": weights(safetensors({"w": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, bytes(4))),
    "weights that are empty": weights(b""),
    "weights of 100,000 names": weights(
        safetensors({f"w{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(100_000)})
    ),
    "weights that are not numbers": weights(safetensors({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, b"\0\0\xc0\x7f")),
    **{f"{name} that is a {what}": instead(name, what) for name in (WEIGHTS, CARD, MANIFEST)
       for what in ("link", "pipe", "folder", "device", "circle", "sparse")},
}  # fmt: skip


def _checkpoint(folder: Path, content: bytes) -> Call:
    from trainables.core import checkpoint

    checkpoint.write(folder / "step-000010-attempt-1", {WEIGHTS: content})
    return lambda: checkpoint.read_tensors(folder / "step-000010-attempt-1", WEIGHTS)


CHECKPOINTS = {
    "a checkpoint that is a pickle": pickle.dumps(Owned()),
    "a checkpoint whose header claims terabytes": safetensors(HUGE),
    "a checkpoint of a type that is none": safetensors(
        {"w": {"dtype": "OBJ", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)
    ),
    "a checkpoint whose header is deep": safetensors(b'{"a": ' + DEEP + b"}"),
}
CASES = [Case(name=name, make=make) for name, make in CARDS.items()] + [
    Case(name=name, make=lambda folder, content=content: _checkpoint(folder, content))
    for name, content in CHECKPOINTS.items()
]
