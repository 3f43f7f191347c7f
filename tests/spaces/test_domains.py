"""Domains and conditions: overrides, bounds, and what is active."""

import optuna
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import spaces
from spaces import Choice, Float, Int, Ramp, Space

optuna.logging.set_verbosity(optuna.logging.WARNING)

SMALL = Space(
    form=Choice("a", "b", "c"),
    strength=Float(1.0, 10.0, log=True, least=0.0, when={"form": ("a", "b")}),
    net=Choice("x", "y", fixed="x", when={"form": ("a",)}),
    units=Int(4, 64, log=True, fixed=8, least=1, when={"net": ("y",)}),
    capacity=Ramp(end=Float(1.0, 5.0), length=Float(0.25, 1.0), when={"form": ("b",)}),
)


def suggest(space, seed=0):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    trial = study.ask()
    return space.suggest(trial), trial


@settings(deadline=None)
@given(st.integers(0, 2**31))
def test_conditions_are_respected(seed):
    config, trial = suggest(SMALL, seed)
    assert ("strength" in config) == (config["form"] in "ab")
    assert ("net" in config) == (config["form"] == "a")
    assert "units" not in config
    assert ("capacity" in config) == ("capacity_ramp" in config) == (config["form"] == "b")
    assert set(trial.params) <= set(SMALL.searched)


numbers = st.floats(0.001, 1e6)


@settings(deadline=None)
@given(numbers, numbers, st.booleans(), st.integers(0, 2**31))
def test_a_range_is_narrowed_or_widened(low, high, log, seed):
    assume(low < high)
    space = SMALL.override({"form": "a", "strength": {"low": low, "high": high, "log": log}})
    config, trial = suggest(space, seed)
    assert low <= config["strength"] <= high
    assert trial.distributions["strength"].log is log
    assert set(trial.params) == {"strength"}


@settings(deadline=None)
@given(st.integers(1, 10**6), st.integers(1, 10**6), st.booleans(), st.integers(0, 2**31))
def test_whole_numbers_stay_whole(low, high, log, seed):
    assume(low < high)
    space = SMALL.override({"form": "a", "net": "y", "units": {"low": low, "high": high, "log": log}})
    config, _ = suggest(space, seed)
    assert type(config["units"]) is int
    assert low <= config["units"] <= high


@settings(deadline=None)
@given(st.floats(0, 1e9), st.integers(0, 2**31))
def test_fixed_is_honoured(value, seed):
    config, trial = suggest(SMALL.override({"form": "b", "strength": value}), seed)
    assert config["strength"] == value
    assert "strength" not in trial.params


@settings(deadline=None)
@given(st.lists(st.floats(0, 100), min_size=2, max_size=6, unique=True), st.integers(0, 2**31))
def test_a_list_is_the_values_tried(values, seed):
    config, _ = suggest(SMALL.override({"form": "a", "strength": values}), seed)
    assert config["strength"] in values


def test_search_opens_what_is_fixed():
    opened = SMALL.override({"form": "a", "net": "search"})
    assert opened.searched == ("strength", "net")
    assert opened.override({"net": "y", "units": "search"}).searched == ("strength", "units")
    assert SMALL.override({"strength": 3}).override({"strength": "search"}) == SMALL


def test_what_every_trial_has():
    assert SMALL.shared == ("form",)
    assert SMALL.override({"form": ["a", "b"]}).shared == ("form", "strength")
    assert SMALL.override({"form": "b"}).shared == ("strength", "capacity", "capacity_ramp")


def test_dormant_says_why():
    assert "net is y" in SMALL.override({"form": "a"}).dormant("units")
    assert "form is a" in SMALL.override({"form": ["b", "c"]}).dormant("units")
    assert SMALL.dormant("strength") == ""


def test_a_ramp_is_two_keys_and_a_fraction():
    assert SMALL.fields == ("form", "strength", "net", "units", "capacity")
    assert SMALL.check({"capacity": 2, "capacity_ramp": 1}) == {
        "capacity": 2.0,
        "capacity_ramp": 1.0,
    }
    for bad in (0, 1.5, -0.1):
        with pytest.raises(ValueError, match=r"capacity_ramp: .* must be"):
            SMALL.override({"capacity_ramp": bad})
    with pytest.raises(ValueError, match="at most 1"):
        SMALL.override({"capacity_ramp": {"high": 2}})


BAD = [
    ({"strenght": 1}, "unknown hyperparameter 'strenght'.*did you mean 'strength'"),
    ({"strength": {"low": 5, "high": 2}}, "range from 5 to 2 is empty"),
    ({"strength": {"low": 3, "high": 3}}, "empty.*to fix one value"),
    ({"strength": {"low": 20}}, "range from 20 to 10 is empty"),
    ({"strength": {}}, "range is empty"),
    ({"strength": {"lo": 2}}, "unknown key 'lo'; a range has low, high, log.*'low'"),
    ({"strength": {"low": float("nan")}}, "low: nan is not a number"),
    ({"strength": {"high": float("inf")}}, "high: inf is not a number"),
    ({"strength": {"low": "1"}}, "low: '1' is not a number"),
    ({"strength": {"low": 0}}, "logarithmic range begins above 0"),
    ({"strength": {"log": "yes"}}, "log is 'yes'"),
    ({"strength": -1}, "at least 0"),
    ({"strength": True}, "True is not a number"),
    ({"strength": None}, "None is not a number"),
    ({"strength": 10**400}, r"is not a number|\(401 characters\)"),
    ({"strength": []}, "nothing is left"),
    ({"strength": [1, "x"]}, "'x' is not a number"),
    ({"units": 2.5}, "2.5 is not a whole number"),
    ({"units": 0}, "at least 1"),
    ({"net": "z"}, "'z' is not possible; it can be x, y"),
    ({"net": []}, "nothing is left"),
    ({"net": ["x", "q"]}, "'q' is not possible"),
    ({"net": {"low": 1}}, "a range makes no sense"),
    ({"form": "a" * 10_000}, "10002 characters"),
]


@pytest.mark.parametrize(("changes", "says"), BAD)
def test_bad_overrides(changes, says):
    with pytest.raises(ValueError, match=says) as error:
        SMALL.override(changes)
    assert len(str(error.value)) < 500


def test_check_gives_types_and_refuses():
    assert SMALL.check({"units": 8.0, "strength": 3}) == {"units": 8, "strength": 3.0}
    assert type(SMALL.check({"strength": 3})["strength"]) is float
    assert SMALL.check({"strength": 500.0}) == {"strength": 500.0}
    with pytest.raises(ValueError, match="strength: 'x'"):
        SMALL.check({"strength": "x"})
    with pytest.raises(ValueError, match="did you mean 'units'"):
        SMALL.check({"unit": 3})


def test_conditions_must_name_an_earlier_choice():
    with pytest.raises(AssertionError, match="declared before"):
        Space(a=Float(0, 1, when={"b": ("x",)}), b=Choice("x", "y"))
    with pytest.raises(AssertionError, match="never has"):
        Space(b=Choice("x", "y"), a=Float(0, 1, when={"b": ("z",)}))


def test_a_space_does_not_change():
    before = repr(SMALL)
    SMALL.override({"strength": 3, "net": "search"})
    assert repr(SMALL) == before
    assert spaces.load("beta_vae") == spaces.load("beta_vae")
