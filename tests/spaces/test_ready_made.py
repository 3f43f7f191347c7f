"""The ready-made sweeps: each is valid, every method has one, and each says how it is run."""

from __future__ import annotations

import pytest

import spaces
from search import sweep_file

SWEEPS = sweep_file.ready_made()


@pytest.mark.parametrize("name", SWEEPS)
def test_it_is_valid_and_says_how_it_is_run(name):
    sweep = sweep_file.load(SWEEPS[name])
    text = SWEEPS[name].read_text()
    assert sweep.name == name
    assert f"teasel run {name}" in text and "two cores" in text and "GPU" in text
    assert sweep.budget.steps in sweep.report_steps


def test_every_published_method_has_one():
    published = {
        "beta_vae",
        "class_conditional_vae",
        "factor_vae",
        "jade",
        "paired_classifier",
        "paired_xcov_autoencoder",
        "single_classifier",
        "xcov_autoencoder",
    }
    searched = {method for path in SWEEPS.values() for method in sweep_file.load(path).methods}
    assert published <= searched <= set(spaces.names())
