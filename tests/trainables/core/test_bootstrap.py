"""Standard errors against a formula, and what fits and tests drawn apart."""

from __future__ import annotations

import numpy as np
import pytest

from trainables.core.bootstrap import with_errors

VALUES = np.random.default_rng(0).normal(size=(400, 1))


def mean(values_N1):
    return {"mean": values_N1.mean()}


def test_the_error_of_a_mean_is_the_deviation_over_the_root_of_the_rows():
    assert with_errors(mean, (VALUES,), bootstrap=0, seed=0) == {"mean": VALUES.mean()}
    found = with_errors(mean, (VALUES,), bootstrap=400, seed=0)
    assert found["mean"] == VALUES.mean()
    assert found["mean_se"] == pytest.approx(VALUES.std() / 20, rel=0.1)
    assert found == with_errors(mean, (VALUES,), bootstrap=400, seed=0)
    assert found != with_errors(mean, (VALUES,), bootstrap=400, seed=1)


def test_what_fits_and_what_tests_are_drawn_apart():
    seen = []

    def note(row_N):
        seen.append(row_N)
        return {"x": 0.0}

    with_errors(note, (np.arange(30),), bootstrap=20, seed=0, fit=20)
    assert (seen[0] == np.arange(30)).all()
    assert all(len(row_N) == 30 and row_N[:20].max() < 20 <= row_N[20:].min() for row_N in seen)
    assert len({tuple(row_N) for row_N in seen}) == 21


def test_a_resample_in_which_nothing_varies_is_drawn_again():
    kept = []

    def rare(row_N):
        if not row_N.any():
            return {"x": np.nan}
        kept.append(row_N)
        return {"x": row_N.mean()}

    row_N = np.zeros(30)
    row_N[7] = 1
    assert with_errors(rare, (row_N,), bootstrap=50, seed=0)["x_se"] > 0
    assert len(kept) == 51
    with pytest.raises(ValueError, match=r"leave x undefined.*random order"):
        with_errors(rare, (0 * row_N,), bootstrap=0, seed=0)


@pytest.mark.parametrize("bootstrap", [1, -1])
def test_how_many(bootstrap):
    with pytest.raises(ValueError, match="2 resamples or more"):
        with_errors(mean, (VALUES,), bootstrap=bootstrap, seed=0)
