"""``teasel encode`` and ``teasel traverse`` on real files: what is written, and that bad input writes nothing."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests_trainables import models
from typer.testing import CliRunner

import search
import trainables
from search.__main__ import app
from search.tracking import register
from trainables.core.model_file import load


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a model of every method, ``NAME``, and one of colours, ``colour``."""
    folder = tmp_path_factory.mktemp("models")
    for name in trainables.names():
        models.written(folder / name, name)
    models.written(folder / "colour", "beta_vae", (3, 16, 16), network="burgess")
    return folder


@pytest.fixture
def images(tmp_path):
    """Seven images of noise, 16×16, in a folder and one below it."""
    folder = tmp_path / "images"
    (folder / "more").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (7, 16, 16), dtype=np.uint8)
    for number, pixels in enumerate(noise):
        place = folder / "more" if number % 2 else folder
        Image.fromarray(pixels).save(place / f"{number}.png")
    (folder / "labels.csv").write_text("0,left\n")
    return folder


def pixels(path):
    return np.asarray(Image.open(path), dtype=np.float32)[None] / np.float32(255)


def teasel(*words, code=0):
    said = CliRunner().invoke(app, [str(word) for word in words])
    assert said.exit_code == code, (said.output, said.exception)
    return " ".join(said.output.split())


def refused(folder, *words):
    """The message of a command that refuses and leaves ``folder`` as it was."""
    before = sorted(path for path in folder.rglob("*"))
    message = teasel(*words, code=2)
    assert sorted(path for path in folder.rglob("*")) == before
    return message


@pytest.mark.parametrize("name", trainables.names())
def test_codes_of_images(made, images, tmp_path, name):
    model, output = load(made / name), tmp_path / "codes.parquet"
    label = ["--label", "right"] if model.told else []
    said = teasel("encode", made / name, images, "-o", output, "--batch", 3, *label)
    latents = sum(model.groups.values())
    assert said == f"{output}: 7 images, {latents} latents of {name}; 1 other files skipped"
    table = pq.read_table(output)
    files = table["file"].to_pylist()
    assert files == [
        str(images / place) for place in (*("0.png", "2.png", "4.png", "6.png"), *(f"more/{n}.png" for n in (1, 3, 5)))
    ]
    codes = model.encode(np.stack([pixels(file) for file in files]), 2 if model.told else None)
    expected = {
        f"{group}_{index:02d}": codes[group][:, index] for group, n in model.groups.items() for index in range(n)
    }
    if "y" in codes:
        expected |= {f"y_{one}": codes["y"][:, index] for index, one in enumerate(models.CLASSES)}
    assert table.column_names == ["file", *expected]
    for column, values in expected.items():
        assert table.schema.field(column).type == "float"
        np.testing.assert_allclose(table[column].to_numpy(), values.numpy(), rtol=1e-4, atol=1e-6)
    metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    assert metadata["teasel.method"] == name and metadata["teasel.sha256"] == model.sha256
    assert metadata["teasel.version"] == search.__version__ and metadata["teasel.label"] == (
        "right" if model.told else ""
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["codes.parquet", "images"]


def test_grey_and_coloured_images_become_what_the_model_takes(made, images, tmp_path):
    teasel("encode", made / "colour", images / "0.png", "-o", tmp_path / "one.parquet")
    expected = load(made / "colour").encode(np.repeat(pixels(images / "0.png")[None], 3, axis=1))
    assert pq.read_table(tmp_path / "one.parquet")["z_00"].to_pylist() == expected["z"][:, 0].tolist()
    Image.open(images / "0.png").convert("RGB").save(images / "coloured.png")
    teasel("encode", made / "beta_vae", images / "coloured.png", images / "0.png", "-o", tmp_path / "two.parquet")
    one, two = pq.read_table(tmp_path / "two.parquet")["z_00"].to_pylist()
    assert one == two


def test_a_name_that_is_not_text_is_written_with_escapes(made, images, tmp_path):
    odd = os.fsencode(images) + b"/\xff.png"
    os.rename(os.fsencode(images / "0.png"), odd)
    teasel("encode", made / "beta_vae", images, "-o", tmp_path / "codes.parquet")
    assert str(images / "\\xff.png") in pq.read_table(tmp_path / "codes.parquet")["file"].to_pylist()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("beta_vea", "images"), r"No model in .*beta_vea: there is no such folder"),
        (("", "images"), r"it has no model\.json"),
        (("beta_vae", "gone.png"), r"There is no file .*gone\.png"),
        (("beta_vae", "images/labels.csv"), r"labels\.csv cannot be read as an image"),
        (("class_conditional_vae", "images"), "say which it is with --label. Classes are left, middle, right."),
        (
            ("class_conditional_vae", "images", "--label", "rigth"),
            "No class 'rigth' (did you mean 'right'?); classes are",
        ),
        (("beta_vae", "images", "--label", "left"), "beta_vae encodes images without their class; leave --label out"),
        (("beta_vae", "images", "-o", "images"), "images is a folder; name a file in it"),
        (("beta_vae", "images", "-o", "nowhere/codes.parquet"), "There is no folder"),
        (("beta_vae", "images", "--batch", "0"), "Invalid value"),
        (("models:/look", "images"), "is no registered model; write models:/NAME@pick"),
        (("models:/look@pick", "images", "--storage", "empty"), "No MLflow database in"),
        (("models:/look@pick", "images", "--mlflow", "none"), "'none' is no MLflow server"),
    ],
    ids=str,
)
def test_words_that_are_refused(made, images, tmp_path, words, message):
    model, *rest = words
    model = model if model.startswith("models:") else made / model
    places = ("gone.png", "nowhere/codes.parquet", "empty")
    rest = [tmp_path / word if word.startswith("images") or word in places else word for word in rest]
    output = [] if "-o" in rest else ["-o", tmp_path / "codes.parquet"]
    said = refused(tmp_path, "encode", model, *rest, *output)
    assert re.search(message, said) or message in said


def broken(folder):
    (folder / "more" / "z.png").write_bytes((folder / "0.png").read_bytes()[:60])
    return r"z.png cannot be read as an image"


def of_another_size(folder):
    Image.new("L", (20, 16)).save(folder / "more" / "z.png")
    return "z.png is 20×16; the model takes 16×16. --resize scales images."


def too_large(folder):
    Image.new("1", (10_001, 10_000)).save(folder / "more" / "z.png")
    return "z.png has 10001×10000 pixels; at most 40 million are read"


def leading_out(folder):
    Image.new("L", (16, 16)).save(folder.parent / "secret.png")
    (folder / "more" / "z.png").symlink_to(folder.parent / "secret.png")
    return "z.png is a link that leads out of the folder"


SPOILT = [
    *(("encode", spoil) for spoil in (broken, of_another_size, too_large, leading_out)),
    *(("traverse", spoil) for spoil in (broken, of_another_size, too_large)),
]


@pytest.mark.parametrize(("command", "spoil"), SPOILT)
def test_files_that_are_refused_leave_an_earlier_output_as_it_was(made, images, tmp_path, command, spoil):
    message, output = spoil(images), tmp_path / "output"
    output.write_text("earlier")
    where = images if command == "encode" else images / "more" / "z.png"
    assert message in refused(tmp_path, command, made / "beta_vae", where, "-o", output)
    assert output.read_text() == "earlier"


def test_images_are_scaled_when_asked(made, images, tmp_path):
    of_another_size(images)
    teasel("encode", made / "beta_vae", images, "-o", tmp_path / "codes.parquet", "--resize")
    assert pq.read_table(tmp_path / "codes.parquet").num_rows == 8


def test_a_full_disk_leaves_nothing(made, images, tmp_path, monkeypatch):
    def full(self, content):
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    assert "No space left on device" in refused(
        tmp_path, "encode", made / "beta_vae", images, "-o", tmp_path / "c.parquet"
    )
    assert "No space left on device" in refused(
        tmp_path, "traverse", made / "beta_vae", images / "0.png", "-o", tmp_path / "t"
    )


@pytest.mark.parametrize("name", trainables.names())
def test_traversals(made, images, tmp_path, name):
    model, output = load(made / name), tmp_path / "traversal.png"
    words = ("traverse", made / name, images / "0.png", "-o", output, *(["--label", "middle"] if model.told else []))
    if not hasattr(model.method, "decode"):
        assert f"{name} has no decoder" in refused(tmp_path, *words)
        return
    assert teasel(*words) == f"{output}: what each latent of {name} does to {images / '0.png'}"
    with Image.open(output) as picture:
        assert picture.format == "PNG" and picture.width > 500 and picture.height > 100
    if model.classes and not model.told:
        teasel(*words, "--label", "left")
        assert "No class 'up'; classes are left, middle, right" in refused(tmp_path, *words, "--label", "up")


def test_traversals_that_are_refused(made, images, tmp_path):
    more = ("-o", tmp_path / "t.png")
    said = refused(tmp_path, "traverse", made / "class_conditional_vae", images / "0.png", *more)
    assert "encodes an image with its class, so say which; classes are left, middle, right" in said
    assert "is a folder; `teasel traverse` draws one image" in refused(
        tmp_path, "traverse", made / "jade", images, *more
    )
    assert "cannot be read" in refused(tmp_path, "traverse", made / "jade", images / "labels.csv", *more)
    assert "cannot be read as an image" in refused(tmp_path, "traverse", made / "jade", images / "gone.png", *more)


def test_a_registered_model(made, images, tmp_path, storage):
    from mlflow import MlflowClient

    uri = f"sqlite:///{storage / 'mlflow.db'}"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiment = client.create_experiment("look", artifact_location=(storage / "mlartifacts").as_uri())
    run_id = client.create_run(experiment).info.run_id
    register(made / "factor_vae", uri=None, storage=storage, name="look", run_id=run_id)
    output = ("-o", tmp_path / "codes.parquet")
    teasel("encode", "models:/look@pick", images, *output, "--storage", storage)
    found = pq.read_table(tmp_path / "codes.parquet")
    teasel("encode", made / "factor_vae", images, *output)
    assert found.equals(pq.read_table(tmp_path / "codes.parquet"), check_metadata=True)
    teasel("traverse", "models:/look/1", images / "0.png", "-o", tmp_path / "t.png", "--mlflow", uri)
    assert "No registered model 'lock' (did you mean 'look'?)" in refused(
        tmp_path, "encode", "models:/lock@pick", images, "-o", tmp_path / "no.parquet", "--storage", storage
    )


def test_a_damaged_model_is_refused(made, images, tmp_path):
    folder = models.written(tmp_path / "model", "beta_vae")
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**card, "format": 9}))
    said = refused(tmp_path, "encode", folder, images, "-o", tmp_path / "codes.parquet")
    assert "has format 9; this Teasel reads format 1" in said


@pytest.mark.parametrize("command", ["encode", "traverse"])
def test_help_imports_nothing_heavy(command):
    code = (
        "import atexit, sys\n"
        "heavy = {'torch', 'mlflow', 'pyarrow', 'numpy', 'PIL'}\n"
        "atexit.register(lambda: print('HEAVY', sorted(heavy & set(sys.modules))))\n"
        f"sys.argv = ['teasel', {command!r}, '--help']\n"
        "from search.__main__ import main\n"
        "main()\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0 and "HEAVY []" in ran.stdout, ran.stdout + ran.stderr
