"""The losses of beta-VAE against their formulae, written out in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trainables import beta_vae
from trainables.core.contract import InputSpec, Ramp, hyperparameters


def in_numpy(model, drawn, likelihood):
    """(reconstruction, KL) of one batch in float64."""
    image = drawn["image_BCHW"]
    with torch.no_grad():
        statistics = model["vae"].encoder(image).numpy()
        latents = statistics.shape[1] // 2
        mean, log_variance = statistics[:, :latents], statistics[:, latents:].clip(-10, 10)
        z = mean + np.exp(log_variance / 2) * drawn["noise_BZ"].numpy()
        logits = model["vae"].decoder(torch.from_numpy(z)).numpy()
    p, x = 1 / (1 + np.exp(-logits)), image.numpy()
    pixel = {
        "bernoulli": -(x * np.log(p) + (1 - x) * np.log(1 - p)),
        "gaussian": (p - x) ** 2,
    }[likelihood]
    kl = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1)
    return pixel.sum((1, 2, 3)).mean(), kl.sum(1).mean()


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("form", ["beta", "capacity"])
@pytest.mark.parametrize("step", [0.0, 50.0, 400.0])
def test_loss(form, likelihood, step, split):
    hp = beta_vae.Hyperparameters(
        form=form,
        capacity_loss="absolute",
        likelihood=likelihood,
        beta=3.5,
        gamma=17.0,
        capacity=Ramp(end=4.0, steps=200),
        latents=3,
        batch_size=5,
    )
    torch.manual_seed(0)
    model = beta_vae.build(hp, InputSpec(shape=(2, 16, 16))).double()
    with torch.no_grad():
        model["vae"].encoder[-1].weight.mul_(20)
    data = split((2, 16, 16), dtype=torch.float64)
    drawn = beta_vae.draw(data, hp, torch.Generator().manual_seed(0))
    drawn["noise_BZ"] = drawn["noise_BZ"].double()
    found = beta_vae.losses(model, drawn, hp, torch.tensor(step))
    reconstruction, kl = in_numpy(model, drawn, likelihood)
    capacity = 4.0 * min(1.0, step / 200)
    pressure = 3.5 * kl if form == "beta" else 17.0 * abs(kl - capacity)
    assert kl > 0.01
    assert found["reconstruction"].item() == pytest.approx(reconstruction, rel=1e-10)
    assert found["kl"].item() == pytest.approx(kl, rel=1e-10)
    assert found["vae"].item() == pytest.approx(reconstruction + pressure, rel=1e-6)


def test_capacity_comes_from_a_flat_configuration():
    hp = hyperparameters(beta_vae, {"capacity": 30.0, "capacity_ramp": 0.5}, 1000)
    assert hp.capacity == Ramp(end=30.0, steps=500)


@pytest.mark.parametrize("capacity", [25.0, Ramp(end=-1.0, steps=5), Ramp(end=1.0, steps=0)])
def test_capacity_must_be_a_ramp_upward(capacity):
    with pytest.raises(ValueError, match="capacity must be a Ramp"):
        beta_vae.Hyperparameters(capacity=capacity)


def test_image_size_that_no_network_takes():
    with pytest.raises(ValueError, match=r"16, 28, 32, 64, 128, not 20×20"):
        beta_vae.build(beta_vae.Hyperparameters(), InputSpec(shape=(1, 20, 20)))
