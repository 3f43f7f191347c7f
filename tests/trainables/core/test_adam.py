"""Adam by its function against torch's class, to the last bit."""

import pytest
import torch

from trainables.core.adam import MOMENTS, FusedAdam
from trainables.core.contract import Adam

SETTINGS = [Adam(lr=1e-3), Adam(lr=0.3, betas=(0.5, 0.9))]


def weights():
    torch.manual_seed(0)
    return [torch.randn(3, 4, requires_grad=True), torch.randn(2, 3, 4, 4, requires_grad=True), torch.randn(5)]


def directions(seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(each.shape, generator=generator) for each in weights()]


@pytest.mark.parametrize("settings", SETTINGS, ids=["kingma", "kim"])
def test_the_same_steps_as_torchs_class(settings):
    ours, theirs = weights(), weights()
    adam = FusedAdam(ours, settings)
    reference = torch.optim.Adam(theirs, lr=settings.lr, betas=settings.betas, fused=True)
    for step in range(7):
        # In any layout, as convolutions give them.
        given = directions(step)
        given[1] = given[1].contiguous(memory_format=torch.channels_last)
        adam.step(given)
        for weight, direction in zip(theirs, directions(step), strict=True):
            weight.grad = direction
        reference.step()
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)
    for index, weight in enumerate(theirs):
        for name in MOMENTS:
            assert torch.equal(adam.state()[f"{index}.{name}"], reference.state[weight][name])


def test_gradients_in_half_precision_are_taken_as_they_are():
    ours, theirs = weights(), weights()
    half = [each.bfloat16() for each in directions(0)]
    FusedAdam(ours, SETTINGS[0]).step(half)
    FusedAdam(theirs, SETTINGS[0]).step([each.float() for each in half])
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def test_goes_on_from_its_state():
    ours = weights()
    adam = FusedAdam(ours, SETTINGS[1])
    adam.step(directions(0))
    kept = {name: value.clone() for name, value in adam.state().items()}
    others = [each.detach().clone() for each in ours]
    other = FusedAdam(others, SETTINGS[1])
    other.load(kept)
    for each in (adam, other):
        each.step(directions(1))
    assert all(torch.equal(one, two) for one, two in zip(ours, others, strict=True))
    # What was loaded is copied.
    assert kept["0.step"] == 1 and adam.state()["0.step"] == 2
    other.begin_anew()
    assert not any(value.any() for value in other.state().values())


def test_a_state_of_another_shape():
    adam = FusedAdam(weights(), SETTINGS[0])
    with pytest.raises(KeyError, match=r"2\.step"):
        adam.load({name: value for name, value in adam.state().items() if name != "2.step"})
    with pytest.raises(KeyError):
        adam.load({})
    with pytest.raises(RuntimeError):
        adam.load({name: torch.zeros(9, 9) for name in adam.state()})
