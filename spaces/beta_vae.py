"""What may be tried for the beta-VAE, in its beta form and its capacity form.

The ranges cover the grids of Higgins et al. 2017 (beta), Burgess et al. 2018 (arXiv 1804.03599:
capacity 25 nats, gamma 1000) and Locatello et al. 2019 (arXiv 1811.12359: beta 1 to 16; capacity 5
to 100 with gamma 1000; Adam 1e-4).
"""

from spaces import VARIATIONAL, Choice, Float, Int, Ramp, Space

GIVES = (*VARIATIONAL, "capacity")

SPACE = Space(
    form=Choice("beta", "capacity"),
    beta=Float(1.0, 16.0, log=True, least=0.0, when={"form": ("beta",)}),
    gamma=Float(1.0, 1000.0, log=True, least=0.0, when={"form": ("capacity",)}),
    capacity=Ramp(
        end=Float(5.0, 100.0, log=True, least=0.0),
        length=Float(0.25, 1.0),
        when={"form": ("capacity",)},
    ),
    capacity_loss=Choice("rounded", "absolute", fixed="rounded", when={"form": ("capacity",)}),
    latents=Int(4, 20, log=True, least=1, most=4096),
    network=Choice("burgess", "report", "nar", "mlp", fixed="burgess"),
    hidden=Int(64, 2048, log=True, fixed=400, least=1, most=65536, when={"network": ("mlp",)}),
    likelihood=Choice("bernoulli", "gaussian", fixed="bernoulli"),
    lr=Float(1e-5, 1e-2, log=True, above=0.0),
    batch_size=Int(16, 512, log=True, fixed=64, least=1, most=65536),
)
