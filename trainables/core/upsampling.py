"""Transposed convolutions 4×4 of stride 2, which double height and width, as fast as CPUs can do them.

Letters: B batch, C channels before, O channels after, H height, W width before.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, library, nn

FEW = 4
"""Up to so many channels after, a product of matrices is three to six times as fast on a CPU as oneDNN's own kernel."""


class Upsampling(nn.Module):
    """A transposed convolution 4×4 of stride 2; its output may be of higher precision than its input."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.transposed = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        # oneDNN's own bias gradient is slow: summing the gradient of an addition is the same number.
        weight, bias = self.transposed.weight, cast(Tensor, self.transposed.bias)
        if weight.shape[1] <= FEW and x_BCHW.device.type == "cpu":
            return torch.ops.teasel.by_matrices(x_BCHW, weight) + bias[:, None, None]
        sum_BOHW = F.conv_transpose2d(x_BCHW, weight, stride=2, padding=1)
        # A bias of higher precision would raise all that follows to it.
        return sum_BOHW.add_(bias.to(sum_BOHW.dtype)[:, None, None])


def _summed(x_BCHW: Tensor, weight_CO44: Tensor) -> Tensor:
    """The sum without the bias, in float32 or better; an operator of its own, for the compiler would take it apart.

    Row 2h + k − 1 of the output gets row h times the weights' row k. With k = 2q + r it is row r of the pair h + q,
    where pairs begin one row above the output: so four products, one for each q of rows and columns, are added, each
    shifted by q.
    """
    batch, before, height, width = x_BCHW.shape
    after = weight_CO44.shape[1]
    rows = x_BCHW.permute(0, 2, 3, 1).reshape(-1, before)
    # By q of rows, q of columns, channel, r of rows, r of columns.
    weights = weight_CO44.to(rows.dtype).reshape(before, after, 2, 2, 2, 2).permute(2, 4, 1, 3, 5, 0)
    products = (weights.reshape(16 * after, before) @ rows.T).view(2, 2, after, 2, 2, batch, height, width)
    pairs = torch.zeros(after, 2, 2, batch, height + 1, width + 1, dtype=_precise(rows))
    for down in range(2):
        for right in range(2):
            pairs[..., down : down + height, right : right + width] += products[down, right]
    image_BOHW = pairs.permute(3, 0, 4, 1, 5, 2).reshape(batch, after, 2 * height + 2, 2 * width + 2)
    return image_BOHW[:, :, 1:-1, 1:-1].contiguous()


def _shaped(x_BCHW: Tensor, weight_CO44: Tensor) -> Tensor:
    batch, _, height, width = x_BCHW.shape
    return x_BCHW.new_empty((batch, weight_CO44.shape[1], 2 * height, 2 * width), dtype=_precise(x_BCHW))


def _keep(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
    x_BCHW, weight_CO44 = ctx.saved_tensors
    by_x, by_weight, _ = torch.ops.aten.convolution_backward(
        gradient.to(x_BCHW.dtype), x_BCHW, weight_CO44.to(x_BCHW.dtype), None,
        [2, 2], [1, 1], [1, 1], True, [0, 0], 1, [*ctx.needs_input_grad, False],
    )  # fmt: skip
    return by_x, None if by_weight is None else by_weight.to(weight_CO44.dtype)


def _precise(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


# Not ``custom_op``, which imports the compiler when it is first called.
_operators = library.Library("teasel", "FRAGMENT")
_operators.define("by_matrices(Tensor x, Tensor weight) -> Tensor")
_operators.impl("by_matrices", _summed, "CompositeExplicitAutograd")
library.register_fake("teasel::by_matrices", _shaped, lib=_operators)
library.register_autograd("teasel::by_matrices", _backward, setup_context=_keep, lib=_operators)
