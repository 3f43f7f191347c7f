"""Divergence, sampling, reconstruction and Gaussian total correlation against known values."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from trainables.core import gaussians


@given(mean=st.floats(-5, 5), log_variance=st.floats(-10, 10))
def test_kl_agrees_with_torch(mean, log_variance):
    m, v = (torch.full((1, 1), x, dtype=torch.float64) for x in (mean, log_variance))
    expected = kl_divergence(Normal(m, (v / 2).exp()), Normal(torch.zeros_like(m), 1.0))
    assert torch.allclose(gaussians.kl(m, v), expected, rtol=1e-9, atol=1e-9)


def test_kl_is_per_latent():
    assert gaussians.kl(torch.zeros(3, 4), torch.zeros(3, 4)).tolist() == [[0.0] * 4] * 3


def test_posterior_clamps_and_is_precise():
    mean, log_variance = gaussians.posterior(torch.tensor([[100.0, 50.0]], dtype=torch.bfloat16))
    assert mean.item() == 100 and log_variance.item() == 10
    assert mean.dtype == log_variance.dtype == torch.float32
    assert gaussians.posterior(torch.tensor([[0.0, -99.0]]))[1].item() == -10


def test_reparameterise_has_the_posterior_moments():
    noise = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0))
    z = gaussians.reparameterise(torch.tensor([[2.0]]), torch.tensor([[math.log(9.0)]]), noise)
    assert z.mean().item() == pytest.approx(2, abs=0.03)
    assert z.std().item() == pytest.approx(3, abs=0.03)


@pytest.mark.parametrize("likelihood", gaussians.LIKELIHOODS)
def test_reconstruction_is_the_mean_of_sums(likelihood):
    logits, image = torch.randn(3, 2, 4, 4), torch.rand(3, 2, 4, 4)
    each = gaussians.reconstruction_per_image(logits, image, likelihood)
    assert each.shape == (3,)
    assert torch.equal(gaussians.reconstruction(logits, image, likelihood), each.mean())
    at_half = gaussians.reconstruction(torch.zeros_like(image), image, likelihood)
    expected = 32 * math.log(2) if likelihood == "bernoulli" else None
    expected = expected or (image - 0.5).square().sum().item() / 3
    assert at_half.item() == pytest.approx(expected, rel=1e-5)


def test_reconstruction_refuses_another_likelihood():
    with pytest.raises(ValueError, match="bernoulli, gaussian"):
        gaussians.reconstruction(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2), "laplace")


@pytest.mark.parametrize("rho", [0.0, 0.5, -0.9])
def test_gaussian_total_correlation_of_two_latents(rho):
    # Means ±1 in a pattern with exactly this covariance; variances 1e-4 are nothing beside it.
    z = torch.randn(500, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    z = z - z.mean(0)
    whitening = torch.linalg.inv(torch.linalg.cholesky(z.T @ z / 500))
    wanted = torch.linalg.cholesky(torch.tensor([[1.0, rho], [rho, 1.0]], dtype=torch.float64))
    mean = z @ whitening.T @ wanted.T
    found = gaussians.gaussian_total_correlation(mean, torch.full_like(mean, -10.0))
    assert found.item() == pytest.approx(-0.5 * math.log(1 - rho**2), abs=1e-3)


def test_gaussian_total_correlation_counts_the_posterior_variances():
    mean = torch.tensor([[1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
    found = gaussians.gaussian_total_correlation(mean, torch.zeros_like(mean))
    assert found.item() == pytest.approx(-0.5 * math.log(1 - 0.5**2))


def test_gaussian_total_correlation_does_not_depend_on_scale_and_has_a_gradient():
    rng = torch.Generator().manual_seed(1)
    mean = torch.randn(32, 4, dtype=torch.float64, generator=rng, requires_grad=True)
    log_variance = torch.randn(32, 4, dtype=torch.float64, generator=rng, requires_grad=True)
    assert torch.autograd.gradcheck(gaussians.gaussian_total_correlation, (mean, log_variance))
    shift = torch.tensor([2.0, -3.0, 0.5, 1.0], dtype=torch.float64)
    one = gaussians.gaussian_total_correlation(mean, log_variance)
    two = gaussians.gaussian_total_correlation(mean * (shift / 2).exp(), log_variance + shift)
    assert two.item() == pytest.approx(one.item())


def test_gaussian_total_correlation_of_collapsed_and_of_equal_codes_is_finite():
    code = torch.randn(64, 1).repeat(1, 6)
    for mean, log_variance in ((torch.zeros(64, 6), 0.0), (code, -10.0)):
        found = gaussians.gaussian_total_correlation(mean, torch.full((64, 6), log_variance))
        assert found.isfinite() and found >= -1e-6


@given(st.floats(0, 100), st.floats(0, 100))
def test_the_rounded_distance_is_the_absolute_one_but_for_its_corner(kl, capacity):
    kl_, capacity_ = torch.tensor(kl, dtype=torch.float64, requires_grad=True), torch.tensor(capacity)
    rounded = gaussians.off_capacity(kl_, capacity_, "rounded")
    off = kl - float(capacity_)
    assert rounded.item() == pytest.approx(abs(off) if abs(off) > 1 else (off**2 + 1) / 2, abs=1e-9)
    (gradient,) = torch.autograd.grad(rounded, kl_)
    assert gradient.item() == pytest.approx(min(1.0, max(-1.0, off)), abs=1e-9)
    assert gaussians.off_capacity(kl_, capacity_, "absolute").item() == pytest.approx(abs(off), abs=1e-9)


def test_an_unknown_distance_is_refused():
    with pytest.raises(ValueError, match="rounded, absolute"):
        gaussians.off_capacity(torch.tensor(1.0), torch.tensor(1.0), "squared")
