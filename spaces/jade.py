"""What may be tried for JADE.

The report "JADE: Joint Autoencoders" gives neither the four weights nor a reason for the direction of the matching KL:
they are what is searched, over the orders of magnitude between a plain classifier and a plain pair of
autoencoders. A reconstruction is some hundred nats and a cross-entropy at most log(classes), hence the ranges below 1.
The sizes are the report's.
"""

from spaces import Choice, Float, Int, Space

NEEDS = ("labels", "secondary")
GIVES = ("style", "content", "posterior", "reconstruction", "classes", "secondary_classes", "class_free")

SPACE = Space(
    reconstruction_weight=Float(1e-4, 10.0, log=True, least=0.0),
    kl_weight=Float(1e-4, 10.0, log=True, least=0.0),
    classifier_weight=Float(0.1, 100.0, log=True, least=0.0),
    matching_weight=Float(1e-3, 10.0, log=True, least=0.0),
    matching=Choice("primary_to_secondary", "secondary_to_primary", "symmetric"),
    latents=Int(2, 40, log=True, fixed=10, least=1, most=4096),
    latents_content=Int(2, 40, log=True, fixed=10, least=1, most=4096),
    channels=Int(8, 128, log=True, fixed=64, least=1, most=4096),
    classifier_units=Int(64, 2048, log=True, fixed=500, least=1, most=65536),
    dropout=Float(0.0, 0.8, fixed=0.5, least=0.0, most=0.99),
    likelihood=Choice("bernoulli", "gaussian", fixed="bernoulli"),
    lr=Float(1e-4, 1e-2, log=True, above=0.0),
    batch_size=Int(16, 512, log=True, fixed=64, least=1, most=65536),
)
