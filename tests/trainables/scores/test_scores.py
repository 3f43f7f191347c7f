"""The registry of scores, and what every score says of itself and keeps to."""

from __future__ import annotations

import inspect
from typing import get_args

import numpy as np
import pytest
from tests_trainables.scores import rows

from trainables import scores
from trainables.core import boosting

OF_DATA = {"factors", "labels"}
OF_METHODS = {"posterior", "reconstruction", "classes", "secondary_classes", "z", "w", "style", "content"}
OF_A_SEARCH = {"models"}
"""What compares models with each other, so that one trial cannot have it."""

ROWS = 300
CODES = rows.noise(ROWS, 3).astype(np.float32)
ARRAYS = {
    "codes_NZ": CODES,
    "factors_NF": np.indices((3, 10, 10)).reshape(3, -1).T[np.random.default_rng(0).permutation(ROWS)],
    "labels_N": np.arange(ROWS) % 3,
    "kl_NZ": CODES**2,
    "reconstruction_N": np.arange(float(ROWS)),
    "probabilities_NL": np.full((ROWS, 3), 1 / 3, np.float32),
    "secondary_probabilities_NL": np.full((40, 3), 1 / 3, np.float32),
    "secondary_labels_N": np.arange(40) % 3,
    "codes_by_group": {"z": CODES, "w": CODES, "style": CODES, "content": CODES},
    "blind_by_group": {"w": CODES[:50]},
}
"""What an evaluation knows of a method that has everything."""


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch):
    monkeypatch.setattr(boosting, "STAGES", 8)


@pytest.mark.parametrize("name", scores.names())
def test_every_score_says_what_it_gives_and_when(name):
    module = scores.load(name)
    assert inspect.signature(module.score)
    assert module.WHEN in get_args(scores.When)
    assert module.GIVES and module.__doc__ and module.score.__doc__
    assert len({metric.name.partition("/")[0] for metric in module.GIVES}) == 1, "one prefix a score"
    assert len({metric.points for metric in module.GIVES}) == 1, "one least number of rows a score"
    for metric in module.GIVES:
        assert metric.name == f"{metric.name.partition('/')[0]}/{metric.key}"
        assert metric.direction in ("maximize", "minimize")
        assert 1 <= metric.points <= ROWS
        assert set(metric.needs) <= OF_DATA | OF_METHODS | OF_A_SEARCH
        assert scores.metrics()[metric.name] == metric


def test_what_costs_little_is_always_there_and_what_costs_seconds_is_asked_for():
    when = {name: scores.load(name).WHEN for name in scores.names()}
    assert {name for name, said in when.items() if said == "asked"} == {"dci", "udr"}
    assert {name for name, said in when.items() if said == "end"} == {
        "beta_vae_score", "factor_vae_score", "modularity", "sap",
    }  # fmt: skip


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


@pytest.mark.parametrize("name", rows.OF_ROWS)
def test_bootstrap_gives_each_value_a_standard_error_that_shrinks_with_the_rows(name):
    score, errors = rows.OF_ROWS[name], []
    for count in (300, 4800):
        factors = rows.factors(count)
        codes = rows.mixed(factors)
        without, found = score(codes, factors), score(codes, factors, bootstrap=10)
        assert set(found) == set(without) | {f"{key}_se" for key in without}
        assert {key: found[key] for key in without} == without
        errors.append([found[f"{key}_se"] for key in without])
        assert np.isfinite(errors[-1]).all() and min(errors[-1]) >= 0
    assert (np.array(errors[1]) < errors[0]).all() and sum(errors[0]) > 0
    again = score(codes, factors, bootstrap=10)
    assert again == found, "the seed decides"


@pytest.mark.parametrize("name", rows.OF_ROWS)
@pytest.mark.parametrize("bootstrap", [1, -2])
def test_one_resample_has_no_spread(name, bootstrap):
    factors = rows.factors(ROWS)
    with pytest.raises(ValueError, match=f"2 resamples or more, not {bootstrap}"):
        rows.OF_ROWS[name](rows.noise(ROWS), factors, bootstrap=bootstrap)


@pytest.mark.parametrize("name", rows.OF_ROWS)
def test_too_few_rows_are_refused_and_just_enough_are_not(name):
    enough = rows.least(name)
    factors, codes = rows.factors(enough), rows.noise(enough)
    assert all(np.isfinite(value) for value in rows.OF_ROWS[name](codes, factors).values())
    with pytest.raises(ValueError, match=f"at least {enough} rows, not {enough - 1}"):
        rows.OF_ROWS[name](codes[1:], factors[1:])


@pytest.mark.parametrize("name", rows.OF_FACTORS)
@pytest.mark.parametrize(
    ("codes", "factors", "says"),
    [
        (rows.noise(ROWS), rows.factors(ROWS - 1), "same rows"),
        (rows.noise(ROWS)[:, 0], rows.factors(ROWS), "matrices"),
        (rows.noise(ROWS), rows.factors(ROWS)[:, 0], "matrices"),
        (rows.noise(ROWS)[:, :0], rows.factors(ROWS), "a column or more"),
        (rows.noise(ROWS), rows.factors(ROWS)[:, :0], "a column or more"),
        (np.where(rows.noise(ROWS) > 2, np.nan, 1), rows.factors(ROWS), "Codes must be finite"),
        (np.where(rows.noise(ROWS) > 2, np.inf, 1), rows.factors(ROWS), "Codes must be finite"),
    ],
)
def test_arrays_that_do_not_fit(name, codes, factors, says):
    with pytest.raises(ValueError, match=says):
        rows.OF_FACTORS[name](codes, factors)


@pytest.mark.parametrize("name", sorted(set(rows.OF_FACTORS) - {"sap-continuous"}))
def test_continuous_factors_are_refused_with_what_to_do(name):
    with pytest.raises(ValueError, match=r"integers.*not float64; number the values.*np\.unique.*intervals first"):
        rows.OF_FACTORS[name](rows.noise(ROWS), rows.factors(ROWS) / 2)


@pytest.mark.parametrize("name", sorted(set(rows.OF_FACTORS) - {"mask_score"}))
def test_factors_with_one_value_are_left_out_and_one_must_vary(name):
    factors, codes = rows.factors(ROWS), rows.mixed(rows.factors(ROWS))
    single = np.zeros((ROWS, 2), np.int64)
    alone = rows.OF_FACTORS[name](codes, factors)
    assert rows.OF_FACTORS[name](codes, np.concatenate([factors, single[:, :1]], axis=1)) == pytest.approx(alone)
    with pytest.raises(ValueError, match=r"single value|No factor takes two values"):
        rows.OF_FACTORS[name](codes, single)
