"""The losses of FactorVAE against their formulae, and the isolation of its players."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from trainables import factor_vae
from trainables.core.contract import InputSpec, optimizers


def case(split, **changes):
    hp = factor_vae.Hyperparameters(
        **{"gamma": 6.4, "latents": 3, "batch_size": 6, "discriminator_units": 8, **changes}
    )
    torch.manual_seed(0)
    model = factor_vae.build(hp, InputSpec(shape=(1, 16, 16))).double()
    data = split((1, 16, 16), dtype=torch.float64)
    drawn = {
        key: value.double() if value.is_floating_point() else value
        for key, value in factor_vae.draw(data, hp, torch.Generator().manual_seed(0)).items()
    }
    return hp, model, drawn


def sample(model, drawn, prefix=""):
    """(z, mean, log-variance) in numpy."""
    with torch.no_grad():
        mean, log_variance = (
            model["vae"].encoder(drawn[f"{prefix}image_BCHW"]).numpy().T.reshape(2, -1, len(drawn["image_BCHW"]))
        )
    mean, log_variance = mean.T, log_variance.T
    return mean + np.exp(log_variance / 2) * drawn[f"{prefix}noise_BZ"].numpy(), mean, log_variance


def vae_part(model, drawn):
    z, mean, log_variance = sample(model, drawn)
    with torch.no_grad():
        p = model["vae"].decoder(torch.from_numpy(z)).sigmoid().numpy()
    x = drawn["image_BCHW"].numpy()
    reconstruction = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum((1, 2, 3)).mean()
    kl = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1).sum(1).mean()
    return z, reconstruction + kl


def log_softmax(x):
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def test_density_ratio_losses(split):
    hp, model, drawn = case(split)
    found = factor_vae.losses(model, drawn, hp, torch.tensor(0.0))
    z, elbo = vae_part(model, drawn)
    other, _, _ = sample(model, drawn, "other_")
    order = drawn["permutation_BZ"].numpy()
    permuted = np.stack([other[order[:, j], j] for j in range(3)], axis=1)
    with torch.no_grad():
        on_joint = model["discriminator"](torch.from_numpy(z)).numpy()
        on_permuted = model["discriminator"](torch.from_numpy(permuted)).numpy()
    tc = (on_joint[:, 0] - on_joint[:, 1]).mean()
    cross = -0.5 * (log_softmax(on_joint)[:, 0].mean() + log_softmax(on_permuted)[:, 1].mean())
    right = np.concatenate([on_joint[:, 0] > on_joint[:, 1], on_permuted[:, 1] > on_permuted[:, 0]])
    assert found["vae"].item() == pytest.approx(elbo + 6.4 * tc, rel=1e-10)
    assert found["discriminator"].item() == pytest.approx(cross, rel=1e-10)
    assert found["total_correlation"].item() == pytest.approx(tc, rel=1e-10)
    assert found["discriminator_accuracy"].item() == pytest.approx(right.mean())


def test_gaussian_losses(split):
    hp, model, drawn = case(split, tc="gaussian")
    assert set(model) == {"vae"} and set(drawn) == {"image_BCHW", "noise_BZ"}
    found = factor_vae.losses(model, drawn, hp, torch.tensor(0.0))
    _, elbo = vae_part(model, drawn)
    _, mean, log_variance = sample(model, drawn)
    s = np.cov(mean.T, ddof=0) + np.diag(np.exp(log_variance).mean(0))
    tc = 0.5 * (np.log(np.diag(s)).sum() - np.log(np.linalg.det(s)))
    assert found["total_correlation"].item() == pytest.approx(tc, rel=1e-8)
    assert found["vae"].item() == pytest.approx(elbo + 6.4 * tc, rel=1e-10)


def gradients(loss, model, player):
    model.zero_grad()
    loss.backward(retain_graph=True)
    return [None if p.grad is None else p.grad.clone() for p in model[player].parameters()]


def test_no_player_trains_the_other(split):
    hp, model, drawn = case(split)
    losses = factor_vae.losses(model, drawn, hp, torch.tensor(0.0))
    weights = {player: list(model[player].parameters()) for player in model}
    for own, other in (("vae", "discriminator"), ("discriminator", "vae")):
        leak = torch.autograd.grad(losses[own], weights[other], retain_graph=True, allow_unused=True)
        assert all(gradient is None for gradient in leak), own
        # Plain backward over the sum of both losses changes nothing for either player.
        alone = gradients(losses[own], model, own)
        both = gradients(losses["vae"] + losses["discriminator"], model, own)
        assert all(torch.equal(a, b) for a, b in zip(alone, both, strict=True))


def test_total_correlation_reaches_the_encoder_through_the_discriminator(split):
    hp, model, drawn = case(split)
    plain, _, _ = case(split, gamma=0.0)
    found = []
    for setting in (plain, hp):
        loss = factor_vae.losses(model, drawn, setting, torch.tensor(0.0))["vae"]
        found.append(torch.autograd.grad(loss, list(model["vae"].encoder.parameters())))
    z, _, _ = sample(model, drawn)
    mean, log_variance = model["vae"].encode(drawn["image_BCHW"])
    z_BZ = mean + (log_variance / 2).exp() * drawn["noise_BZ"]
    assert np.allclose(z, z_BZ.detach())
    logits = model["discriminator"](z_BZ)
    tc = (logits[:, 0] - logits[:, 1]).mean()
    expected = torch.autograd.grad(6.4 * tc, list(model["vae"].encoder.parameters()))
    for without, with_, part in zip(*found, expected, strict=True):
        assert part.abs().max() > 0
        assert torch.allclose(with_ - without, part, rtol=1e-6, atol=1e-10)


def test_the_second_batch_is_independent_of_the_first(split):
    _, _, drawn = case(split, batch_size=32)
    assert not torch.equal(drawn["image_BCHW"], drawn["other_image_BCHW"])
    assert not torch.equal(drawn["noise_BZ"], drawn["other_noise_BZ"])
    order = drawn["permutation_BZ"]
    assert order.dtype == torch.long and order.shape == (32, 3)
    assert not torch.equal(order[:, 0], order[:, 1])


@given(rows=st.integers(2, 40), latents=st.integers(1, 6), seed=st.integers(0, 2**31))
def test_permute_dims_keeps_every_marginal(rows, latents, seed):
    rng = torch.Generator().manual_seed(seed)
    z = torch.randn(rows, latents, generator=rng)
    order = torch.rand(rows, latents, generator=rng).argsort(0)
    permuted = factor_vae.permute_dims(z, order)
    assert torch.equal(permuted.sort(0).values, z.sort(0).values)


def test_permute_dims_removes_the_dependence():
    rng = torch.Generator().manual_seed(0)
    z = torch.randn(4000, 1, generator=rng).repeat(1, 2)
    order = torch.rand(4000, 2, generator=rng).argsort(0)
    correlation = torch.corrcoef(factor_vae.permute_dims(z, order).T)[0, 1]
    assert abs(correlation) < 0.06


def test_optimizers_are_those_of_the_paper():
    hp = factor_vae.Hyperparameters(lr=2e-4, discriminator_lr=3e-5)
    found = optimizers(factor_vae, hp, ["vae", "discriminator"])
    assert (found["vae"].lr, found["vae"].betas) == (2e-4, (0.9, 0.999))
    assert (found["discriminator"].lr, found["discriminator"].betas) == (3e-5, (0.5, 0.9))
    assert list(optimizers(factor_vae, factor_vae.Hyperparameters(tc="gaussian"), ["vae"])) == ["vae"]


def test_a_trained_discriminator_finds_the_total_correlation():
    # Two Gaussians of correlation ρ: TC = −½ log(1 − ρ²).
    torch.manual_seed(0)
    rho, rows = 0.8, 256
    hp = factor_vae.Hyperparameters(latents=2, discriminator_units=64, network="mlp", hidden=4)
    model = factor_vae.build(hp, InputSpec(shape=(1, 2, 2)))
    adam = torch.optim.Adam(model["discriminator"].parameters(), lr=3e-3, betas=(0.5, 0.9))
    scale = torch.tensor([[1.0, 0.0], [rho, (1 - rho**2) ** 0.5]])
    for _ in range(400):
        joint, product = torch.randn(rows, 2) @ scale.T, torch.randn(rows, 2)
        logits = model["discriminator"](torch.cat((joint, product)))
        truth = torch.arange(2).repeat_interleave(rows)
        adam.zero_grad()
        F.cross_entropy(logits, truth).backward()
        adam.step()
    estimate = factor_vae._density_ratio(model["discriminator"], torch.randn(8000, 2) @ scale.T)
    assert estimate.item() == pytest.approx(-0.5 * np.log(1 - rho**2), abs=0.12)
