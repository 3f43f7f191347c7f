"""What may be tried for the two classifiers with the last layers in common, the second baseline of JADE.

The sizes are those of the report "JADE: Joint Autoencoders"; the learning rate and dropout are searched, so that a
baseline is not worse for want of tuning.
"""

from spaces import Float, Int, Space

NEEDS = ("labels", "secondary")
GIVES = ("content", "classes", "secondary_classes")

SPACE = Space(
    latents_content=Int(2, 40, log=True, fixed=10, least=1, most=4096),
    channels=Int(8, 128, log=True, fixed=64, least=1, most=4096),
    classifier_units=Int(64, 2048, log=True, fixed=500, least=1, most=65536),
    dropout=Float(0.0, 0.8, least=0.0, most=0.99),
    lr=Float(1e-4, 1e-2, log=True, above=0.0),
    batch_size=Int(16, 512, log=True, fixed=64, least=1, most=65536),
)
