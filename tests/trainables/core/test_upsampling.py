"""The transposed convolution by products of matrices against torch's own: outputs, gradients, every precision."""

import pytest
import torch
import torch.nn.functional as F

from trainables.core.networks import channels_last
from trainables.core.upsampling import FEW, Upsampling

CHANNELS = (1, 3, FEW, FEW + 1)


def both(layer, x):
    """What torch makes of it, and what the layer does."""
    return F.conv_transpose2d(x, layer.transposed.weight, layer.transposed.bias, stride=2, padding=1), layer(x)


@pytest.mark.parametrize("after", CHANNELS)
@pytest.mark.parametrize("shape", [(4, 5, 8, 8), (1, 32, 3, 7), (2, 1, 1, 1), (0, 3, 4, 4)])
@pytest.mark.parametrize("last", [True, False])
def test_the_same_image_and_gradients(shape, after, last):
    torch.manual_seed(0)
    layer = Upsampling(shape[1], after).double()
    x = torch.randn(shape, dtype=torch.float64)
    x = (channels_last(x) if last else x).requires_grad_()
    theirs, ours = both(layer, x)
    assert ours.dtype == torch.float64
    torch.testing.assert_close(ours, theirs)
    direction = torch.randn_like(theirs)
    for one, other in zip(
        *(torch.autograd.grad(y, [x, *layer.parameters()], direction) for y in (ours, theirs)), strict=True
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("wanted", ["input", "weight"])
def test_one_gradient_alone(wanted):
    layer = Upsampling(3, 1)
    x = torch.randn(2, 3, 4, 4, requires_grad=True)
    about = x if wanted == "input" else layer.transposed.weight
    theirs, ours = both(layer, x if wanted == "input" else x.detach())
    torch.testing.assert_close(*(torch.autograd.grad(y.square().sum(), about)[0] for y in (ours, theirs)))


@pytest.mark.parametrize("after", CHANNELS[:-1])
def test_bfloat16_is_as_near_to_the_truth_as_torchs_own(after):
    torch.manual_seed(0)
    layer, x = Upsampling(32, after).bfloat16(), torch.randn(8, 32, 16, 16).bfloat16()
    theirs, ours = both(layer, x)
    truth = F.conv_transpose2d(
        x.double(), layer.transposed.weight.double(), layer.transposed.bias.double(), stride=2, padding=1
    )
    assert ours.dtype == torch.float32
    assert (ours - truth).square().mean() < 1.1 * (theirs - truth).square().mean()


def test_under_autocast_as_models_are_evaluated():
    torch.manual_seed(0)
    layer, x = Upsampling(32, 1), torch.randn(8, 32, 16, 16)
    with torch.no_grad():
        exact = layer(x)
        with torch.autocast("cpu", torch.bfloat16):
            half = layer(x.bfloat16())
    torch.testing.assert_close(half, exact, atol=0.02, rtol=0.02)
