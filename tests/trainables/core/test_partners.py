"""Partners: of the same identity and another label, of a class, uniformly, or a refusal."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainables.core.partners import Partners

LABELS = np.array([0, 1, 2, 0, 1, 1, 2])
IDENTITY = np.array([5, 5, 5, 0, 0, 0, 0])


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def counts(drawn, size):
    return torch.bincount(drawn, minlength=size).tolist()


def test_partners_are_uniform_over_exactly_those_that_there_are():
    partners = Partners(LABELS, IDENTITY)
    many = 6000
    # Image 4: of identity 0 with another label are 3 and 6; of identity 0 and not itself also 5.
    index = torch.full((many,), 4)
    different = counts(partners.same_identity(index, rng()), 7)
    assert different[3] + different[6] == many and abs(different[3] - many / 2) < 200
    other = counts(partners.same_identity(index, rng(), different=False), 7)
    assert other[3] + other[5] + other[6] == many and all(abs(other[i] - many / 3) < 200 for i in (3, 5, 6))
    ones = counts(partners.of_class(torch.ones(many, dtype=torch.long), rng()), 7)
    assert ones[1] + ones[4] + ones[5] == many and all(abs(ones[i] - many / 3) < 200 for i in (1, 4, 5))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=60), st.integers(0, 99))
def test_partners_are_right_or_refused(images, seed):
    identity, label = (np.array(column) for column in zip(*images, strict=True))
    partners, index = Partners(label, identity), torch.arange(len(images)).repeat(4)
    mine, labels = torch.from_numpy(identity)[index], torch.from_numpy(label)
    lonely = sum(not ((identity == i) & (label != k)).any() for i, k in images)
    if lonely:
        with pytest.raises(ValueError, match=rf"{lonely} of {len(images)} images have no partner"):
            partners.same_identity(index, rng(seed))
    else:
        drawn = partners.same_identity(index, rng(seed))
        assert torch.equal(torch.from_numpy(identity)[drawn], mine)
        assert (labels[drawn] != labels[index]).all()
        assert torch.equal(drawn, partners.same_identity(index, rng(seed)))
    if np.bincount(identity)[identity].min() > 1:
        drawn = partners.same_identity(index, rng(seed), different=False)
        assert torch.equal(torch.from_numpy(identity)[drawn], mine) and (drawn != index).all()
    if (np.bincount(label) > 0).all():
        assert torch.equal(labels[partners.of_class(labels[index], rng(seed))], labels[index])


def test_refusals():
    zero = torch.zeros(1, dtype=torch.long)
    with pytest.raises(ValueError, match="the data have no identity"):
        Partners(LABELS, None).same_identity(zero, rng())
    with pytest.raises(ValueError, match="the data have no labels"):
        Partners(None, IDENTITY).same_identity(zero, rng())
    with pytest.raises(ValueError, match="need labels"):
        Partners(None, None).of_class(zero, rng())
    with pytest.raises(ValueError, match="No image is of class 1"):
        Partners(np.array([0, 2]), None).of_class(zero, rng())
    with pytest.raises(ValueError, match=r"1 of 3 images have no partner .* with any kind"):
        Partners(np.array([0, 1, 1]), np.array([0, 0, 1])).same_identity(zero, rng(), different=False)
