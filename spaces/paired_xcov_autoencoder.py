"""What may be tried for the paired XCov autoencoder.

The ranges lie around those of the code of the report "Disentangling hidden factors of variations in Deep Networks":
alpha 0.244 (1000 on a mean over 64×64 pixels), beta 100, gamma and zeta 1000 and 100, Adam 1e-4, batches of 8 pairs,
256 latents behind layers of 2048, 1024 and 512. Only the weights' ratios matter much, so beta stays where it is unless
a sweep opens it.
"""

from spaces import Choice, Float, Int, Space

NEEDS = ("labels", "identity")
GIVES = ("z", "reconstruction", "classes", "class_free")

SPACE = Space(
    alpha=Float(0.02, 20.0, log=True, least=0.0),
    beta=Float(10.0, 1000.0, log=True, fixed=100.0, least=0.0),
    gamma=Float(10.0, 10_000.0, log=True, least=0.0),
    zeta=Float(0.1, 1000.0, log=True, least=0.0),
    pairing=Choice("different", "any", fixed="different"),
    latents=Int(8, 512, log=True, least=1, most=4096),
    network=Choice("flat", "halving", fixed="halving"),
    hidden=Int(64, 1024, log=True, fixed=512, least=1, most=65536),
    likelihood=Choice("gaussian", "bernoulli", fixed="gaussian"),
    lr=Float(3e-5, 3e-3, log=True, above=0.0),
    batch_size=Int(8, 256, log=True, fixed=8, least=2, most=65536),
)
