"""What may be tried for the class-conditional and class-generic VAE, its naive form and its baseline.

The ranges surround the report's values: beta = gamma = 100 with capacities of 15 and 25 nats, and
the baseline beta = gamma = 1 without a capacity (``pressure`` "beta"). The report gives no weight of
the adversary, no sizes and no learning rates: those ranges are ours.
"""

from spaces import Choice, Float, Int, Ramp, Space

NEEDS = ("labels",)
GIVES = ("z", "w", "posterior", "reconstruction", "capacity", "class_free")

TWO_CODES = {"form": ("class_conditional",)}
CAPACITY = {"pressure": ("capacity",)}
CONTESTED = {"adversary": ("uniform", "reverse", "report")}

SPACE = Space(
    form=Choice("class_conditional", "naive", fixed="class_conditional"),
    pressure=Choice("capacity", "beta", fixed="capacity"),
    beta=Float(1.0, 1000.0, log=True, least=0.0),
    gamma=Float(1.0, 1000.0, log=True, least=0.0, when=TWO_CODES),
    capacity_z=Ramp(end=Float(5.0, 50.0, log=True, least=0.0), length=Float(0.25, 0.9), when=CAPACITY),
    capacity_w=Ramp(end=Float(5.0, 50.0, log=True, least=0.0), length=Float(0.25, 0.9), when={**TWO_CODES, **CAPACITY}),
    capacity_loss=Choice("rounded", "absolute", fixed="rounded", when=CAPACITY),
    latents=Int(4, 40, log=True, least=1, most=4096),
    latents_w=Int(4, 40, log=True, least=1, most=4096, when=TWO_CODES),
    adversary=Choice("uniform", "reverse", "report", "none", fixed="uniform", when=TWO_CODES),
    adversary_weight=Float(1.0, 10000.0, log=True, least=0.0, when=CONTESTED),
    classifier_input=Choice("z", "w", "both", fixed="z", when=CONTESTED),
    classifier_view=Choice("mean", "sample", fixed="mean", when=CONTESTED),
    classifier_units=Int(64, 2048, log=True, fixed=400, least=1, most=65536, when=CONTESTED),
    classifier_lr=Float(1e-4, 1e-2, log=True, above=0.0, when=CONTESTED),
    network=Choice("mlp", "burgess", fixed="mlp"),
    hidden=Int(64, 2048, log=True, fixed=400, least=1, most=65536, when={"network": ("mlp",)}),
    likelihood=Choice("bernoulli", "gaussian", fixed="bernoulli"),
    lr=Float(1e-5, 1e-2, log=True, above=0.0),
    batch_size=Int(16, 512, log=True, fixed=64, least=1, most=65536),
)
