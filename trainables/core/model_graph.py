"""A model's encoder as a graph: an archive of ``torch.export`` that runs where Teasel is not installed.

The archive holds raw tensors, JSON, and one batch of black images as example input, which torch's ``weights_only``
reader reads; so MLflow loads it with pickle forbidden. The graph is of the encoder alone: weights that codes do not
depend on are left out. This module knows nothing of MLflow.
"""

from __future__ import annotations

import io
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.export.graph_signature import InputKind

from trainables.core.model import Model, ModelError

EXAMPLE = 2
"""Images of the example batch: torch fixes the size of a batch of one."""


class Encoder(nn.Module):
    """The method's ``codes`` as the forward pass of one module."""

    def __init__(self, method: ModuleType, modules: nn.ModuleDict) -> None:
        super().__init__()
        self.method = method
        self.modules_by_player = modules

    def forward(self, images: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        """Images (B, C, H, W) in [0, 1], and their classes (B,) where the method encodes with them, to codes."""
        return dict(self.method.codes(self.modules_by_player, images, labels))


def archive(model: Model) -> bytes:
    """The encoder of ``model`` as the bytes of a ``.pt2`` file, on the CPU, for any number of images.

    Its module takes images (B, C, H, W) in [0, 1], and int64 labels (B,) where the model is ``told`` the class, and
    gives the dictionary that ``Model.encode`` gives. Raises ``ModelError`` for a method that cannot be traced.
    """
    inputs: tuple[Tensor, ...] = (torch.zeros(EXAMPLE, *model.shape),)
    if model.told:
        inputs += (torch.zeros(EXAMPLE, dtype=torch.int64),)
    encoder = Encoder(model.method, _copy(model)).eval()
    try:
        idle = _idle(_traced(encoder, inputs))
        for name in idle:
            owner, _, weight = name.rpartition(".")
            setattr(encoder.get_submodule(owner), weight, None)
        program = _traced(encoder, inputs)
    except Exception as error:
        # Whatever the compiler says of a method, at length, is about its code and not about this model.
        raise ModelError(f"torch.export cannot trace the encoder of {model.name}: {error}") from error
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()


def _traced(encoder: Encoder, inputs: tuple[Tensor, ...]) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch", min=1)
    with torch.no_grad():
        return torch.export.export(encoder, inputs, dynamic_shapes=tuple({0: batch} for _ in inputs))


def _idle(program: torch.export.ExportedProgram) -> list[str]:
    """Weights that no codes depend on: those of decoders, discriminators and classifiers."""
    unused = {node.name for node in program.graph.nodes if node.op == "placeholder" and not node.users}
    return [
        spec.target
        for spec in program.graph_signature.input_specs
        if spec.kind is InputKind.PARAMETER and spec.target is not None and spec.arg.name in unused
    ]


def _copy(model: Model) -> nn.ModuleDict:
    """The players built anew, so that weights can be taken out of them."""
    with torch.random.fork_rng(devices=[]):
        modules: nn.ModuleDict = model.method.build(model.hp, model.spec)
    modules.load_state_dict({name: weight.cpu() for name, weight in model.modules.state_dict().items()})
    return modules.requires_grad_(False)
