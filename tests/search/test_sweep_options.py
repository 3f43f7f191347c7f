"""Sweeps from the command line's words, alone or over a file, and errors that name the option."""

import pytest

from search import sweep_file
from search.problems import SweepError

GOOD = """\
name: s
methods: [beta_vae, factor_vae]
data: {name: sprites, options: {size: 32}}
objectives: [score/mig]
budget: {trials: 8, steps: 900}
space: {lr: 1e-4}
"""


def command(**words):
    words = {"data": "sprites", "objectives": ["score/mig"], **words}
    return sweep_file.from_command_line(words.pop("methods", ["factor_vae"]), **words)


def test_from_the_command_line():
    made = command(
        trials=32, steps=400, wall_time="6m", sampler="random", schedule="median", gpu=0.5,
        sets=["lr=1e-4", "gamma=1..50", "latents=8,10,12", "batch_size=search", "data.size=32"],
        seed=3, concurrency=None,
    )  # fmt: skip
    assert made.name == "factor_vae-sprites"
    assert made.space == {
        "lr": 1e-4, "gamma": {"low": 1, "high": 50}, "latents": [8, 10, 12], "batch_size": "search",
    }  # fmt: skip
    assert made.data.options == {"size": 32}
    assert (made.budget.trials, made.budget.steps, made.budget.wall_time) == (32, 400, 360)
    assert (made.sampler.name, made.schedule.name, made.seed) == ("random", "median", 3)
    assert made.resources.gpu == 0.5
    assert command(sets=["factor_vae.lr=1e-3"]).spaces()["factor_vae"].domains["lr"].fixed == 1e-3


def test_the_command_line_beats_the_file():
    base = sweep_file.loads(GOOD.replace("{lr: 1e-4}", "{lr: 1e-4, factor_vae: {lr: 1e-3, gamma: 3}}"))
    made = sweep_file.from_command_line(base=base, trials=3, sets=["lr=1e-2", "beta_vae.gamma=2..4"], name="other")
    assert made.budget.trials == 3 and made.budget.steps == base.budget.steps
    assert {s.domains["lr"].fixed for s in made.spaces().values()} == {1e-2}
    assert made.spaces()["factor_vae"].domains["gamma"].fixed == 3
    assert made.spaces()["beta_vae"].domains["gamma"].high == 4
    assert sweep_file.from_command_line(base=base) == base
    assert sweep_file.from_command_line(base=base, data="sprites").data == base.data


OPTIONS = [
    ({"sets": ["lr=abc"]}, r"^--set lr=abc: lr: 'abc' is not a number"),
    ({"sets": ["lr"]}, r"^--set 'lr': write KEY=VALUE"),
    ({"sets": ["lr=1", "lr=2"]}, r"^--set lr=2: lr is set twice"),
    ({"sets": ["gamma=9..2"]}, r"^--set gamma=9\.\.2: gamma: the range from 9 to 2 is empty"),
    ({"sets": ["gamma=a..b"]}, r"^--set gamma=a\.\.b: gamma: low: 'a' is not a number"),
    ({"sets": ["gama=3"]}, r"^--set gama=3: unknown hyperparameter.*did you mean 'gamma'"),
    ({"sets": ["factor_vae.gama=3"]}, r"^--set factor_vae.gama=3: unknown.*'gamma'"),
    ({"sets": ["beta_vae.gamma=3"]}, r"^--set beta_vae.gamma=3: .*does not search beta_vae"),
    ({"sets": ["data.siz=3"]}, r"^--set data.siz=3: .*size"),
    ({"sets": ["factor_vae=3", "factor_vae.lr=1"]}, r"given a value of its own"),
    ({"data": "sprits"}, r"^--data: unknown dataset 'sprits'"),
    ({"objectives": ["score/mgi"]}, r"^--objective: unknown metric"),
    ({"objectives": []}, r"^--objective: objectives is missing"),
    ({"data": "digits"}, r"^--objective: score/mig needs factors"),
    ({"methods": ["factor_vea"]}, r"^METHOD: unknown method"),
    ({"trials": 0}, r"^--trials: budget.trials is 0"),
    ({"wall_time": "soon"}, r"^--wall-time: 'soon'"),
    ({"sampler": "tep"}, r"^--sampler: unknown sampler"),
    ({"schedule": "ahsa"}, r"^--schedule: unknown schedule"),
    ({"report_every": 0}, r"^--report-every: report_every is 0"),
    ({"name": "a/b"}, r"^--name: name is 'a/b'"),
    ({"gpu": 1.5}, r"^--cpu/--gpu: 1.5 GPUs"),
    ({"precision": "bfloat"}, "^--precision: unknown precision 'bfloat'; .* did you mean 'bfloat16'"),
]


@pytest.mark.parametrize(("words", "says"), OPTIONS)
def test_bad_options(words, says):
    with pytest.raises(SweepError, match=says):
        command(**words)


def test_seeds_constraints_and_scores():
    made = command(seeds="3", trials=9, constraints=["collapsed", "dead_latents=0.25"], scores=["mig"])
    assert (made.seeds.count, made.seeds.adaptive) == (3, False)
    assert [(c.condition, c.at_most) for c in made.constraints] == [("collapsed", 0.0), ("dead_latents", 0.25)]
    assert made.scores == ("mig",)
    assert command(seeds="adaptive").seeds.adaptive
    for words, option in (
        ({"seeds": "few"}, "--seeds: "),
        ({"constraints": ["colapsed"]}, "--constraint: unknown condition"),
        ({"scores": ["migg"]}, "--score: unknown score"),
    ):
        with pytest.raises(SweepError, match=option):
            command(**words)
