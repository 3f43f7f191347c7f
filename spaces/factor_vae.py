"""What may be tried for FactorVAE, with the density ratio or the Gaussian total correlation.

The ranges cover Kim & Mnih 2018 (arXiv 1802.05983: gamma 6.4 to 100, discriminator of 6 layers of 1000 units)
and the grid of Locatello et al. 2019 (arXiv 1811.12359: gamma 10 to 100; Adam 1e-4 for both
players).
"""

from spaces import VARIATIONAL, Choice, Float, Int, Space

GIVES = (*VARIATIONAL, "discriminator")

DENSITY_RATIO = {"tc": ("density_ratio",)}

SPACE = Space(
    gamma=Float(1.0, 100.0, log=True, least=0.0),
    tc=Choice("density_ratio", "gaussian", fixed="density_ratio"),
    latents=Int(4, 20, log=True, least=1, most=4096),
    network=Choice("burgess", "report", "nar", "mlp", fixed="burgess"),
    hidden=Int(64, 2048, log=True, fixed=400, least=1, most=65536, when={"network": ("mlp",)}),
    likelihood=Choice("bernoulli", "gaussian", fixed="bernoulli"),
    discriminator_units=Int(64, 2048, log=True, fixed=1000, least=1, most=65536, when=DENSITY_RATIO),
    discriminator_layers=Int(3, 8, fixed=6, least=1, most=64, when=DENSITY_RATIO),
    lr=Float(1e-5, 1e-2, log=True, above=0.0),
    discriminator_lr=Float(1e-5, 1e-2, log=True, above=0.0, when=DENSITY_RATIO),
    batch_size=Int(16, 512, log=True, fixed=64, least=2, most=65536),
)
