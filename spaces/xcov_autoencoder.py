"""What may be tried for the XCov autoencoder.

The ranges lie around values that work on MNIST (alpha 0.128, which is 100 on a mean over 784 pixels; beta and gamma 10;
Adam 1e-4, batch 256) and the networks of Cheung et al. 2014 (arXiv 1412.6583) and of the report "Disentangling hidden
factors of variations in Deep Networks" (two layers of 500, 2 latents; two layers of 2000, 793 latents). Only the
weights' ratios matter much, so beta stays where it is unless a sweep opens it.
"""

from spaces import Choice, Float, Int, Space

NEEDS = ("labels",)
GIVES = ("z", "reconstruction", "classes", "class_free")

SPACE = Space(
    alpha=Float(0.01, 10.0, log=True, least=0.0),
    beta=Float(1.0, 100.0, log=True, fixed=10.0, least=0.0),
    gamma=Float(1.0, 1000.0, log=True, least=0.0),
    latents=Int(2, 32, log=True, least=1, most=4096),
    network=Choice("flat", "halving", fixed="flat"),
    hidden=Int(128, 2048, log=True, fixed=500, least=1, most=65536),
    likelihood=Choice("gaussian", "bernoulli", fixed="gaussian"),
    lr=Float(1e-4, 3e-3, log=True, above=0.0),
    batch_size=Int(64, 512, log=True, fixed=256, least=2, most=65536),
)
