"""What datasets, methods and objectives need of each other: from files and words, and refused with file and line."""

import dataclasses

import pytest

from search import sweep_file
from search.problems import SweepError
from search.run import source
from search.sweep import Sweep
from search.sweep_data import possible
from trainables.core.dataset import Source
from trainables.core.subset import Subset

TWO = """\
name: s
methods: [jade]
data:
  name: digits
  options: {size: 16}
  subset: {per_class: 5, seed: 1}
  secondary:
    name: digits
    options: {size: 32}
objectives: [val/reconstruction]
budget: {trials: 2, steps: 90}
"""


def edited(number, line):
    lines = TWO.splitlines()
    lines[number - 1] = line
    return "\n".join(lines) + "\n"


BAD = {
    "subset key": (edited(6, "  subset:\n    per_clas: 5"), 7, "unknown subset key 'per_clas'.*mean 'per_class'"),
    "subset value": (edited(6, "  subset:\n    per_class: 0"), 7, "per_class must be a whole number of at least 1"),
    "subset of both": (edited(6, "  subset: {per_class: 5, images: 9}"), 6, "exclude each other"),
    "subset a list": (edited(6, "  subset: [5]"), 6, "data.subset is .* it must be a mapping"),
    "no such class": (edited(6, "  subset: {only: 11}"), 6, "digits has no class '11'.*classes are 0, 1"),
    "one class": (edited(6, "  subset: {only: 3}"), 6, "only '3' leaves one class of digits, and jade learns from sev"),
    "one class of the second": (TWO.replace("    options: {size: 32}", "    subset: {only: 3}"), 9, "leaves one class"),
    "second's subset": (TWO.replace("    options: {size: 32}", "    subset: {images: -1}"), 9, "images must be a who"),
    "second's option": (edited(9, "    options: {siz: 32}"), 9, "digits has no option 'siz'"),
    "second's name": (edited(8, "    name: digit"), 8, "unknown dataset 'digit'.*mean 'digits'"),
    "second without a name": (edited(8, "    subset: {}"), 7, "data.secondary.name is missing"),
    "second of the second": (edited(9, "    secondary: digits"), 7, "no secondary of its own"),
    "other count": (edited(8, "    name: sprites"), 7, r"digits has 10 \(0, 1.*sprites, has 3 \(square, ellipse, hea"),
    "other names": (edited(8, "    name: fashion_mnist").replace("    options: {size: 32}\n", ""), 7,
                    r"has 10 \(0, .*fashion_mnist, has 10 \(T-shirt"),
    "no second": (TWO.replace(TWO[TWO.index("  secondary"):TWO.index("objectives")], ""), 3,
                  "jade trains on two datasets.*--secondary mnist"),
    "a second that nobody uses": (edited(2, "methods: [beta_vae]"), 7, r"uses a second dataset \(beta_vae\)"),
    "no identity": (edited(2, "methods: [jade, paired_xcov_autoencoder]"), 3,
                    "paired_xcov_autoencoder needs identity, which dataset 'digits'.*datasets with identity are"),
    "no posterior": (edited(2, "methods: [jade, xcov_autoencoder]").replace("val/reconstruction", "val/kl"), 10,
                     "val/kl needs posterior, which xcov_autoencoder does not give; all methods .* can give .*val/rec"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_refused_at_its_line(kind):
    text, line, says = BAD[kind]
    with pytest.raises(SweepError, match=says) as error:
        sweep_file.loads(text)
    assert [said for said in error.value.lines if said.startswith(f"sweep.yaml:{line}: ")], str(error.value)


def test_a_dataset_without_labels_and_an_objective_of_factors():
    with pytest.raises(SweepError, match=r"score/mig needs factors, which dataset 'digits' does not have; it can give"):
        sweep_file.loads(TWO.replace("val/reconstruction", "score/mig"))
    bare = TWO[: TWO.index("data:")] + "data: nar\n" + TWO[TWO.index("objectives") :]
    with pytest.raises(SweepError, match=r"sweep.yaml:3: jade needs labels, which dataset 'nar' does not have; data"):
        sweep_file.loads(bare)


def test_a_file_and_words_mean_the_same():
    made = sweep_file.loads(TWO)
    words = ["data.size=16", "data.per_class=5", "data.subset.seed=1", "secondary.size=32"]
    said = sweep_file.from_command_line(
        ["jade"], name="s", data="digits", secondary="digits", sets=words, objectives=["val/reconstruction"],
        trials=2, steps=90,
    )  # fmt: skip
    assert said == made and said.id == made.id
    assert sweep_file.loads(sweep_file.dump(made)) == made
    assert Sweep.model_validate(made.model_dump(mode="json")) == made
    assert sweep_file.loads(TWO.replace("seed: 1", "images: , seed: 1")).id == made.id
    assert sweep_file.from_command_line(base=made, data="mnist").data.secondary == made.data.secondary
    assert sweep_file.from_command_line(base=made, secondary="mnist").data.secondary.options == {}
    short = sweep_file.from_command_line(["jade"], data="digits", secondary="digits", objectives=["val/kl"])
    assert short.name == "jade-digits-digits"
    second = Source(name="digits", options={"size": 32})
    subset = Subset(per_class=5, seed=1)
    assert source(made.data) == Source(name="digits", options={"size": 16}, subset=subset, secondary=second)
    assert Source.of(dataclasses.asdict(source(made.data))) == source(made.data)


@pytest.mark.parametrize(
    ("sets", "says"),
    [
        (["data.per_class=none"], r"^--set data.per_class=none: subset: per_class must be"),
        (["data.per_class=3", "data.images=3"], r"^--set data.per_class=3: subset: per_class and images exclude"),
        (["secondary.only=x"], r"^--set secondary.only=x: subset: digits has no class 'x'"),
        (["secondary.siz=3"], r"^--set secondary.siz=3: digits has no option 'siz'"),
        (["data.size=16", "data.options.size=8"], r"is set twice"),
    ],
)
def test_words_are_refused_by_name(sets, says):
    with pytest.raises(SweepError, match=says):
        sweep_file.from_command_line(["jade"], data="digits", secondary="digits", objectives=["val/kl"], sets=sets)


def test_a_second_dataset_that_is_refused_is_blamed_on_its_option():
    words = {"objectives": ["val/kl"], "sets": ["secondary.size=32"]}
    with pytest.raises(SweepError, match=r"^--secondary: the two datasets must have the same classes"):
        sweep_file.from_command_line(["jade"], data="digits", secondary="sprites", **words)
    with pytest.raises(SweepError, match=r"^--secondary: data.secondary.name is missing"):
        sweep_file.from_command_line(["jade"], data="digits", **words)


def test_one_whole_dataset_keeps_the_identity_it_always_had():
    old = {"name": "s", "methods": ["beta_vae"], "objectives": ["score/mig"], "budget": {"trials": 4, "steps": 900}}
    assert Sweep.model_validate({**old, "data": "sprites"}).id == "0610cce56649"
    digits = {"name": "digits", "options": {"size": 16}, "subset": {"seed": 0}, "secondary": None}
    made = Sweep.model_validate({**old, "data": digits, "objectives": ["val/elbo"]})
    assert made.id == "4122022d2005"
    assert made.model_dump(mode="json")["data"] == {"name": "digits", "options": {"size": 16}}
    assert made.replace(data={**digits, "subset": {"images": 50}}).id != made.id


def test_possible_metrics():
    data = sweep_file.loads(TWO).data
    assert "val/elbo" in possible(["beta_vae"], data) and "score/mig" not in possible(["beta_vae"], data)
    assert "val/elbo" not in possible(["beta_vae", "xcov_autoencoder"], data)
    assert "score/mig" in possible(["beta_vae"], None)
