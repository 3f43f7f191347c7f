"""Which configurations are drawn at random although a sampler could do better: the first, and some ever after.  Pure.

A sampler that draws near the best of what it knows can be led astray by a few noisy values, or by early stopping. So
every third configuration is drawn from the whole space, as in BOHB (Falkner et al. 2018). The numbers were chosen on
recorded learning curves, and tried on others (``make bench-search``).
"""

from __future__ import annotations

STARTUP = {"tpe": 5, "gp": 10, "cmaes": 1}
"""How many first configurations are drawn at random, by sampler, when a sweep does not say."""
EVERY = {"tpe": 3}
"""Every so many-th configuration is drawn at random later on as well, from number 0."""


def explores(sampler: str, number: int) -> bool:
    """Whether configuration ``number`` is drawn at random whatever is known by then."""
    return sampler in EVERY and number % EVERY[sampler] == 0
