"""What a checkpoint keeps so that models can be compared: the names of its files, and what is in them.

Imports nothing, so that whoever reads them needs no torch.
"""

CODES, STRIPS = "codes.safetensors", "strips.png"
"""Codes of the same held-out images by group, and each latent's traversal of the same image (``strips``)."""
COMPARED = 2_000
"""Held-out images whose codes are kept."""
KL = "kl/"
"""Before a group's name: the mean KL of its latents."""
COLUMNS = 11
"""Values of a strip, from −3 to 3 standard deviations of the prior, or of the codes where there is no prior."""
