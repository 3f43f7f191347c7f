"""How much a search explores although it could do better by what it knows.  Pure.

A sampler that draws near the best of what it knows can be led astray by a few noisy values, or by early stopping. So
the first configurations and every third one are drawn from the whole space, as in BOHB (Falkner et al. 2018), and the
others from where TPE finds good ones dense rather than at the densest place. The numbers were chosen on recorded
learning curves, and tried on others (``make bench-search``).
"""

from __future__ import annotations

STARTUP = {"tpe": 5, "gp": 10, "cmaes": 1}
"""How many first configurations are drawn at random, by sampler, when a sweep does not say."""
EVERY = {"tpe": 3}
"""Every so many-th configuration is drawn at random later on as well, from number 0."""

CANDIDATES = 4
"""Of so many draws from where good configurations are dense, TPE suggests the most promising (Optuna: of 24)."""


def explores(sampler: str, number: int) -> bool:
    """Whether configuration ``number`` is drawn at random whatever is known by then."""
    return sampler in EVERY and number % EVERY[sampler] == 0
