"""Standard errors of scores by the bootstrap: what a score would vary by, had other rows been drawn.

Efron 1979 (Annals of Statistics 7). The rows are drawn anew, as many and with replacement, the score is computed
again, and the standard deviation over such resamples is its standard error. What fits and what tests is drawn apart,
so that no row is on both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

Statistic = Callable[..., Mapping[str, float]]


def with_errors(
    statistic: Statistic, arrays: Sequence[np.ndarray], *, bootstrap: int, seed: int, fit: int = 0
) -> dict[str, float]:
    """``statistic(*arrays)`` and, with ``bootstrap`` resamples of the arrays' common rows, ``x_se`` for each ``x``.

    The first ``fit`` rows and the others are drawn apart. A value that is not a number says that nothing varies among
    the rows: such a resample is drawn again. Raises ``ValueError`` when the rows themselves give one, and for a
    ``bootstrap`` of 1 or less than 0.
    """
    if bootstrap < 0 or bootstrap == 1:
        raise ValueError(f"bootstrap must be 0, for no standard errors, or 2 resamples or more, not {bootstrap}.")
    found = {key: float(value) for key, value in statistic(*arrays).items()}
    if undefined := [key for key, value in found.items() if np.isnan(value)]:
        raise ValueError(
            f"These rows leave {', '.join(undefined)} undefined: no factor varies among the rows that are compared. "
            "Are the rows in random order?"
        )
    if not bootstrap:
        return found
    # A stream of its own: the score's own draws are the same with and without errors.
    rng = np.random.default_rng((seed, bootstrap))
    rows, drawn = len(arrays[0]), list[list[float]]()
    while len(drawn) < bootstrap:
        index = np.concatenate([rng.integers(0, max(fit, 1), fit), rng.integers(fit, rows, rows - fit)])
        again = statistic(*(array[index] for array in arrays))
        values = [again[key] for key in found]
        if not np.isnan(values).any():
            drawn.append(values)
    errors = np.std(drawn, axis=0, ddof=1)
    return found | {f"{key}_se": float(error) for key, error in zip(found, errors, strict=True)}
