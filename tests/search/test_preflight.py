"""What only data and networks can tell is refused before a ledger begins."""

import pytest
from typer.testing import CliRunner

from search.__main__ import app
from search.preflight import check, configurations
from search.problems import SweepError
from search.run import source
from search.sweep_file import from_command_line
from trainables.beta_vae import Hyperparameters
from trainables.core.dataset import open_source


def refused(methods, sets=(), **words):
    sweep = from_command_line(methods, data="digits", objectives=["val/reconstruction"], sets=sets, **words)
    with pytest.raises(SweepError) as error:
        check(sweep, open_source(source(sweep.data)))
    return error.value.lines


def test_every_network_that_may_be_tried_takes_the_images():
    lines = refused(["beta_vae", "factor_vae"], ["data.size=8", "beta_vae.network=mlp,burgess"])
    assert [line.partition(":")[0] for line in lines] == ["beta_vae on digits", "factor_vae on digits"]
    assert all("'burgess' takes square images with a side of 16" in line and "not 8×8" in line for line in lines)
    sweep = from_command_line(["beta_vae"], data="digits", objectives=["val/elbo"], sets=["network=mlp", "data.size=8"])
    check(sweep, open_source(source(sweep.data)))


def test_each_choice_is_tried_once():
    sweep = from_command_line(
        ["beta_vae"], data="digits", objectives=["val/elbo"], sets=["network=mlp,burgess", "likelihood=search"]
    )
    found = list(configurations(sweep.spaces()["beta_vae"], Hyperparameters()))
    assert {config["network"] for config in found} == {"mlp", "burgess"}
    assert {config["likelihood"] for config in found} == {"bernoulli", "gaussian"}
    assert all(config["batch_size"] == 64 and "lr" not in config for config in found)


def test_more_images_than_there_are():
    assert refused(["beta_vae"], ["data.per_class=1000"])[0].startswith(
        "data digits: subset: 1000 images of each class"
    )
    (line,) = refused(["jade"], ["secondary.images=5000", "secondary.size=8"], secondary="digits")
    assert line.startswith("data digits: subset: 5000 images are asked for, and there are 1")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["train", "jade", "--data", "digits"], "--secondary mnist"),
        (["train", "beta_vae", "--data", "digits", "--set", "data.size=8"], "a side of 16"),
        (["train", "beta_vae", "--data", "digits", "--set", "data.images=9999"], "9999 images are asked for"),
        (["run", "beta_vae", "--data", "digits", "--secondary", "digits", "--objective", "val/kl"], "leave it out"),
        (
            ["run", "jade", "--data", "digits", "--secondary", "mnist", "--objective", "val/kl", "--data-root", "."],
            "mnist",
        ),
    ],
)
def test_refused_with_code_2_and_nothing_written(words, says, tmp_path, monkeypatch):
    monkeypatch.setenv("TEASEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(app, [*words, "--storage", str(tmp_path / "results"), "--mlflow", "none"])
    assert said.exit_code == 2 and says in said.output, said.output
    assert not (tmp_path / "results").exists()


def test_training_on_two_datasets_of_different_size(tmp_path):
    words = ["--set", "data.size=16", "--set", "data.per_class=4", "--set", "channels=8", "--set", "batch_size=8"]
    words += ["--data", "digits", "--secondary", "digits", "--steps", "4", "--mlflow", "none"]
    said = CliRunner().invoke(app, ["train", "paired_classifier", *words, "--storage", str(tmp_path)])
    assert said.exit_code == 0, said.output
    assert "Best: trial 000" in said.output and "Its picture:" in said.output


def test_an_objective_that_needs_more_images_than_it_is_measured_on():
    few = ["data.size=16", "data.shapes=1", "data.scales=1", "data.orientations=1", "data.positions=16"]
    sweep = from_command_line(["beta_vae"], data="sprites", objectives=["score/mig"], sets=few)
    with pytest.raises(SweepError, match=r"score/mig needs 100 images, and sprites has 2\d to measure on"):
        check(sweep, open_source(source(sweep.data)))
