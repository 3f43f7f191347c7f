"""The registry of scores, and what every score says of itself."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from trainables import scores

OF_DATA = {"factors", "labels"}
OF_METHODS = {"posterior", "reconstruction", "classes", "secondary_classes", "z", "w", "style", "content"}
OF_A_SEARCH = {"models"}
"""What compares models with each other, so that one trial cannot have it."""

CODES = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
ARRAYS = {
    "codes_NZ": CODES,
    "factors_NF": np.indices((3, 4, 5)).reshape(3, -1).T,
    "labels_N": np.arange(60) % 3,
    "kl_NZ": CODES**2,
    "reconstruction_N": np.arange(60.0),
    "probabilities_NL": np.full((60, 3), 1 / 3, np.float32),
    "secondary_probabilities_NL": np.full((40, 3), 1 / 3, np.float32),
    "secondary_labels_N": np.arange(40) % 3,
    "codes_by_group": {"z": CODES, "w": CODES, "style": CODES, "content": CODES},
    "blind_by_group": {"w": CODES[:50]},
}
"""What an evaluation knows of a method that has everything."""


@pytest.mark.parametrize("name", scores.names())
def test_every_score_says_what_it_gives(name):
    module = scores.load(name)
    assert inspect.signature(module.score)
    assert module.GIVES and module.__doc__ and module.score.__doc__
    assert len({metric.name.partition("/")[0] for metric in module.GIVES}) == 1, "one prefix a score"
    for metric in module.GIVES:
        assert metric.name == f"{metric.name.partition('/')[0]}/{metric.key}"
        assert metric.direction in ("maximize", "minimize")
        assert set(metric.needs) <= OF_DATA | OF_METHODS | OF_A_SEARCH
        assert scores.metrics()[metric.name] == metric


@pytest.mark.parametrize("name", scores.names())
def test_every_score_gives_all_that_it_says(name):
    module = scores.load(name)
    function = getattr(module, "score_rows", module.score)
    parameters = inspect.signature(function).parameters
    if any(p.default is p.empty and p.name not in ARRAYS for p in parameters.values()):
        pytest.skip(f"{name} is not of one model's arrays")
    found = function(**{parameter: ARRAYS[parameter] for parameter in parameters if parameter in ARRAYS})
    assert {metric.key for metric in module.GIVES} <= set(found)
    assert all(np.isfinite(value) and isinstance(value, float) for value in found.values())


def test_no_metric_has_two_scores():
    every = [metric.name for name in scores.names() for metric in scores.load(name).GIVES]
    assert len(every) == len(set(every))


def test_unknown_score_names_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'mig'"):
        scores.load("migg")
