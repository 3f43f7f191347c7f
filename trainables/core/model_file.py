"""A trained model as a folder: ``model.safetensors``, ``model.json``, and a manifest with their sha256.

``write`` makes the folder whole or not at all; ``load`` rebuilds the method's modules and gives a ``Model``, or raises
``ModelError``. Nothing is pickled: weights are safetensors and everything else is JSON. This module knows nothing of
training, nor of where the folder came from.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

import trainables
from trainables.core import checkpoint
from trainables.core.contract import InputSpec, Ramp
from trainables.core.model import Model, ModelError, asked, in_order, method_name
from trainables.core.model_bounds import CARD_BYTES, latent_of, require_size, spec_of
from trainables.core.storage import Place, Where, place
from trainables.core.traversals import ordered

if TYPE_CHECKING:
    from trainables.core.evaluation import Evaluation

WEIGHTS, CARD = "model.safetensors", "model.json"
FORMAT = 1
"""The version of the folder's format that this Teasel writes and reads."""


def write(
    folder: Where,
    *,
    method: str,
    hp: Any,
    modules: nn.ModuleDict,
    spec: InputSpec,
    classes: Sequence[str],
    data: Mapping[str, Any],
    teasel: str,
    evaluation: Evaluation | None = None,
    about: Mapping[str, Any] | None = None,
) -> str:
    """Write a model into the new folder ``folder``, over an earlier model of that name; the weights' sha256.

    ``data`` are the fields of ``dataset.Source``, ``teasel`` the version that trained the model, and ``about`` anything
    else to keep, such as where the model comes from. An ``evaluation`` gives the latents their order and, where there
    is no prior, their unit in traversals. Raises ``ModelError`` when ``folder`` holds something else, and ``OSError``.
    """
    if len(classes) != spec.classes:
        raise ModelError(f"The model has {spec.classes} classes, so it needs as many names, not {len(classes)}.")
    there = place(folder)
    if there.exists() and not (there / CARD).exists() and not _empty(there):
        raise ModelError(f"{there} is there already and holds no model; choose another folder.")
    groups, told = asked(trainables.method(method), modules, spec)
    known = in_order(groups) if evaluation is None else ordered(groups, evaluation.kl, evaluation.codes)
    content = checkpoint.tensors(modules.state_dict())
    digest = hashlib.sha256(content).hexdigest()
    card = {
        "format": FORMAT,
        "teasel": teasel,
        "method": method,
        "hyperparameters": dataclasses.asdict(hp),
        "input": dataclasses.asdict(spec),
        "classes": list(classes),
        "told_the_class": told,
        "groups": groups,
        "latents": [dataclasses.asdict(latent) for latent in known],
        "data": _plain(data),
        "weights": {"file": WEIGHTS, "sha256": digest, "numbers": sum(w.numel() for w in modules.parameters())},
        "about": _plain(about or {}),
    }
    text = json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False)
    checkpoint.write(there, {WEIGHTS: content, CARD: text.encode("utf-8", "backslashreplace")})
    return digest


def load(folder: Where, device: str = "cpu") -> Model:
    """The model in ``folder``, a path or the URI of a store, on ``device``.

    Raises ``ModelError`` where there is none, it is damaged or of another format, this Teasel does not have its method,
    or its weights do not fit.
    """
    there = place(folder)
    card = _card(there)
    try:
        return _model(there, card, device)
    except KeyError as error:
        why = f"its {CARD} has no {error}."
    except (
        *(ValueError, TypeError, AttributeError, LookupError, OverflowError, OSError),
        *(RuntimeError, safetensors.SafetensorError),
    ) as error:
        why = " ".join(str(error).split())[:600]
    raise ModelError(f"The model in {there} cannot be loaded: {why}")


def _model(folder: Place, card: Mapping[str, Any], device: str) -> Model:
    method = trainables.method(card["method"])
    hp, spec = hyperparameters(method, card["hyperparameters"]), spec_of(card["input"])
    require_size(method, hp, spec, (folder / WEIGHTS).size())
    content = checkpoint.read(folder, WEIGHTS)
    digest = hashlib.sha256(content).hexdigest()
    if digest != card["weights"]["sha256"]:
        raise ValueError(f"its weights are not those that its {CARD} names, which have another sha256.")
    modules = _built(method, hp, spec, safetensors.torch.load(content))
    groups, told = asked(method, modules, spec)
    classes, known = tuple(map(str, card["classes"])), tuple(latent_of(latent) for latent in card["latents"])
    named = sorted((latent.group, latent.index) for latent in known)
    if len(classes) != spec.classes or named != sorted((n.group, n.index) for n in in_order(groups)):
        raise ValueError(f"its {CARD} names other latents or classes than its {card['method']} has.")
    return Model(
        method=method,
        hp=hp,
        modules=modules.to(device),
        spec=spec,
        classes=classes,
        groups=groups,
        told=told,
        latents=known,
        sha256=digest,
        card=card,
    )


def hyperparameters(method: ModuleType, values: Mapping[str, Any]) -> Any:
    """The method's ``Hyperparameters`` from what ``dataclasses.asdict`` made of them.

    One that is missing, being younger than the model, has its default. Raises ``ValueError`` for one that the method
    does not have, or a value that is out of range.
    """
    fields = {field.name: field for field in dataclasses.fields(method.Hyperparameters)}
    if unknown := sorted(set(values) - set(fields)):
        raise ValueError(
            f"{method_name(method)} has no hyperparameter {', '.join(unknown)[:200]}; "
            f"it has {', '.join(sorted(fields))}."
        )
    ramps = {name for name, field in fields.items() if isinstance(field.default, Ramp)}
    return method.Hyperparameters(**{n: Ramp(**value) if n in ramps else value for n, value in values.items()})


def _card(folder: Place) -> dict[str, Any]:
    """What ``model.json`` says, once it is whole and of this format."""
    path = folder / CARD
    if (size := path.size()) is None:
        there = f"it has no {CARD}" if folder.exists() and folder.size() is None else "there is no such folder"
        raise ModelError(f"No model in {folder}: {there}.")
    if size > CARD_BYTES:
        raise ModelError(f"The model in {folder} has a {CARD} of {size:,} bytes; at most {CARD_BYTES:,} are read.")
    for name in (CARD, checkpoint.MANIFEST, WEIGHTS):
        if folder.within(name) is None:
            raise ModelError(f"The model in {folder} has a {name} that is a link out of the folder.")
    try:
        # A newer format may keep its checksums elsewhere, so its number is looked at first.
        format = json.loads(path.read())["format"]
        if format != FORMAT:
            shown = repr(format)[:60]
            raise ModelError(f"The model in {folder} has format {shown}; this Teasel reads format {FORMAT}.")
        return json.loads(checkpoint.read(folder, CARD))
    except ModelError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"The model in {folder} is not whole: {error}") from None


def _built(method: ModuleType, hp: Any, spec: InputSpec, weights: Mapping[str, Tensor]) -> nn.ModuleDict:
    """The players with ``weights``, in evaluation mode."""
    with torch.random.fork_rng(devices=[]):
        modules: nn.ModuleDict = method.build(hp, spec)
    for name, weight in modules.state_dict().items():
        if name in weights and weights[name].dtype != weight.dtype:
            raise ValueError(f"the weights do not fit: {name} is {weights[name].dtype}, and must be {weight.dtype}.")
    modules.load_state_dict(weights)
    return modules.eval()


def _empty(folder: Place) -> bool:
    return folder.size() is None and not folder.entries()


def _plain(value: Any) -> Any:
    """``value`` as JSON has it: what is not finite as text, a path as its name."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, (str, int)) else str(value)
