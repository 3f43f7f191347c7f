"""A model's folder: of every method, what is loaded is what was written, bit for bit; everything else is refused."""

import hashlib
import json
import random

import numpy as np
import pytest
import torch
from tests_trainables import models

import trainables
from trainables.core import checkpoint, model_file
from trainables.core.contract import Ramp, decodes
from trainables.core.model import ModelError
from trainables.core.model_file import CARD, WEIGHTS, load

CASES = [
    *((name, models.SHAPE, {}) for name in trainables.names()),
    ("class_conditional_vae", models.SHAPE, {"form": "naive"}),
    ("class_conditional_vae", (3, 16, 16), {"network": "burgess", "classifier_input": "both"}),
    ("beta_vae", (3, 12, 12), {"network": "report", "form": "capacity", "capacity": 7.5, "capacity_ramp": 0.25}),
    ("factor_vae", (3, 5, 7), {"network": "mlp", "tc": "gaussian"}),
]
IDS = ["-".join([name, *map(str, config.values())]) for name, _, config in CASES]


@pytest.fixture
def folder(tmp_path):
    return models.written(tmp_path / "model", "beta_vae", capacity=7.5, capacity_ramp=0.25)


def rewrite(folder, **changes):
    """The folder with another card, and a manifest that agrees."""
    card = json.loads((folder / CARD).read_bytes())
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = card
        for parent in parents:
            place = place[parent]
        if value is None:
            del place[last]
        else:
            place[last] = value
    weights = (folder / WEIGHTS).read_bytes()
    checkpoint.write(folder, {WEIGHTS: weights, CARD: json.dumps(card).encode()})


def reweigh(folder, content):
    """The folder with other weights, their sha256 and a manifest that agrees."""
    card = json.loads((folder / CARD).read_bytes())
    card["weights"]["sha256"] = hashlib.sha256(content).hexdigest()
    checkpoint.write(folder, {WEIGHTS: content, CARD: json.dumps(card).encode()})


@pytest.mark.parametrize(("name", "shape", "config"), CASES, ids=IDS)
def test_what_is_loaded_is_what_was_written(tmp_path, name, shape, config):
    method, hp, spec, modules = models.built(name, shape, **config)
    model = load(models.written(tmp_path / "model", name, shape, **config))
    assert (model.name, model.hp, model.spec, model.classes) == (name, hp, spec, models.CLASSES)
    assert not model.modules.training and sorted(p.name for p in (tmp_path / "model").iterdir()) == [
        "manifest.json",
        CARD,
        WEIGHTS,
    ]
    image_BCHW, label_B = models.images(shape), models.labels()
    with torch.no_grad():
        expected = method.codes(modules, image_BCHW, label_B)
    codes = model.encode(image_BCHW, label_B)
    assert codes.keys() == expected.keys()
    assert all(torch.equal(codes[group], expected[group]) for group in codes)
    assert {(one.group, one.index) for one in model.latents} == {
        (g, i) for g, n in model.groups.items() for i in range(n)
    }
    if decodes(method):
        with torch.no_grad():
            image = method.decode(modules, expected, label_B).sigmoid()
        assert torch.equal(model.decode(codes, label_B), image)
        picture = model.traversal(image_BCHW[0], label=1)
        assert min(picture.size) > 100
    else:
        for call in (lambda: model.decode(codes, label_B), lambda: model.traversal(image_BCHW[0], label=1)):
            with pytest.raises(ModelError, match=f"{name} has no decoder"):
                call()


def test_which_methods_are_told_the_class(tmp_path):
    told = {name for name in trainables.names() if load(models.written(tmp_path / name, name)).told}
    assert told == {"class_conditional_vae"}
    model = load(tmp_path / "class_conditional_vae")
    with pytest.raises(ModelError, match="encodes an image with its class, so say which; classes are left, middle, ri"):
        model.encode(models.images())
    with pytest.raises(ModelError, match="with its class"):
        model.traversal(models.images()[0])
    each, every = model.encode(models.images(), [2] * 5), model.encode(models.images(), 2)
    assert all(torch.equal(each[group], every[group]) for group in each)


def test_the_card_says_what_the_model_is(folder):
    card = json.loads((folder / CARD).read_text())
    assert card["format"] == 1 and card["teasel"] == "0.0.0" and card["method"] == "beta_vae"
    assert card["hyperparameters"]["capacity"] == {"end": 7.5, "steps": 250}
    assert load(folder).hp.capacity == Ramp(end=7.5, steps=250)
    assert card["input"] == {"shape": [1, 16, 16], "classes": 3, "secondary": None}
    assert card["classes"] == list(models.CLASSES) and card["groups"] == {"z": 3}
    assert card["weights"]["sha256"] == hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    assert card["data"]["name"] == "digits" and card["about"]["metrics"]["score/mig"] == "nan"
    assert [one["index"] for one in card["latents"]] == [2, 1, 0], "the largest KL comes first"


def test_latents_without_a_prior_keep_their_unit(tmp_path):
    model = load(models.written(tmp_path / "model", "xcov_autoencoder"))
    assert all(one.kl is None and one.unit > 0 and one.unit != 1 for one in model.latents)
    variances = [one.variance for one in model.latents]
    assert variances == sorted(variances, reverse=True)


def test_without_an_evaluation_latents_keep_their_numbers(tmp_path):
    _, hp, spec, modules = models.built("beta_vae")
    said = {"method": "beta_vae", "hp": hp, "modules": modules, "spec": spec, "data": {}, "teasel": "0"}
    digest = model_file.write(tmp_path / "model", classes=models.CLASSES, **said)
    model = load(tmp_path / "model")
    assert [one.name for one in model.latents] == ["z0", "z1", "z2"] and model.sha256 == digest
    with pytest.raises(ModelError, match="3 classes, so it needs as many names, not 0"):
        model_file.write(tmp_path / "other", classes=(), **said)


def test_what_is_no_model_is_not_replaced(tmp_path, folder):
    models.written(folder, "factor_vae")
    assert load(folder).name == "factor_vae"
    (tmp_path / "mine").mkdir()
    models.written(tmp_path / "mine", "beta_vae")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.tex").write_text("years of work")
    with pytest.raises(ModelError, match="holds no model; choose another folder"):
        models.written(tmp_path / "theirs", "beta_vae")
    assert [p.name for p in (tmp_path / "theirs").iterdir()] == ["thesis.tex"]


def test_loading_leaves_the_global_generator_alone(folder):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load(folder)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("name", [WEIGHTS, CARD, "manifest.json"])
def test_cut_flipped_or_missing_is_refused(folder, name):
    whole = (folder / name).read_bytes()
    rng = random.Random(0)
    damaged = [whole[: rng.randrange(len(whole))] for _ in range(8)]
    for _ in range(24):
        bit = rng.randrange(8 * len(whole))
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        damaged.append(bytes(flipped))
    refused = 0
    for content in damaged:
        (folder / name).write_bytes(content)
        try:
            load(folder)
        except ModelError as error:
            assert str(folder) in str(error) and "\n" not in str(error)
            refused += 1
    # A flip in the manifest's white space changes nothing.
    assert refused == len(damaged) if name != "manifest.json" else refused > 20
    (folder / name).unlink()
    with pytest.raises(ModelError, match=str(folder)):
        load(folder)


def test_other_weights_than_the_card_names(folder):
    other = models.written(folder.parent / "other", "beta_vae", seed=1)
    content = (other / WEIGHTS).read_bytes()
    card = (folder / CARD).read_bytes()
    checkpoint.write(folder, {WEIGHTS: content, CARD: card})
    with pytest.raises(ModelError, match=r"weights are not those that its model\.json names"):
        load(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, r"has format 2; this Teasel reads format 1"),
        ({"format": "old"}, r"has format 'old'"),
        ({"format": None}, "is not whole"),
        ({"method": "beta_vea"}, r"No method 'beta_vea' \(did you mean 'beta_vae'\?\); methods are"),
        ({"method": "core.trial"}, "No method 'core.trial'"),
        ({"method": 3}, "No method 3"),
        ({"hyperparameters": None}, "has no 'hyperparameters'"),
        ({"hyperparameters__bta": 3.0}, "beta_vae has no hyperparameter bta; it has batch_size, beta,"),
        ({"hyperparameters__latents": 0}, "latents must be a whole number of at least 1, not 0"),
        ({"hyperparameters__capacity": 4.0}, "cannot be loaded"),
        ({"hyperparameters__latents": 4}, "size mismatch"),
        ({"hyperparameters__hidden": 9, "hyperparameters__network": "mlp"}, "Missing key"),
        ({"input__shape": [1, 17, 16]}, "takes square images"),
        ({"input__shape": [1, 16]}, "cannot be loaded"),
        ({"input": 3}, "cannot be loaded"),
        ({"input__classes": 4}, "other latents or classes"),
        ({"classes": ["left"]}, "other latents or classes"),
        ({"latents": []}, "other latents or classes"),
        ({"latents": [{"nothing": 1}]}, "cannot be loaded"),
        ({"weights": None}, "has no 'weights'"),
        ({"weights__sha256": "0" * 64}, "another sha256"),
    ],
    ids=str,
)
def test_cards_that_are_refused(folder, changes, message):
    rewrite(folder, **changes)
    with pytest.raises(ModelError, match=message) as refused:
        load(folder)
    assert str(folder) in str(refused.value) and "\n" not in str(refused.value)


def test_a_hyperparameter_that_is_younger_than_the_model_has_its_default(folder):
    rewrite(folder, hyperparameters__capacity_loss=None)
    assert load(folder).hp.capacity_loss == "rounded"


@pytest.mark.parametrize("content", [b"", b"garbage", (8).to_bytes(8, "little") + b"{broken}"], ids=repr)
def test_weights_that_are_none(folder, content):
    reweigh(folder, content)
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(folder)


def test_weights_of_another_type_or_name(folder):
    weights = dict(load(folder).modules.state_dict())
    reweigh(folder, checkpoint.tensors({name: weight.double() for name, weight in weights.items()}))
    with pytest.raises(ModelError, match=r"is torch\.float64, and must be torch\.float32"):
        load(folder)
    reweigh(folder, checkpoint.tensors({**weights, "more": torch.zeros(1)}))
    with pytest.raises(ModelError, match="Unexpected key"):
        load(folder)


@pytest.mark.parametrize("place", ["", "nothing"])
def test_where_there_is_no_model(tmp_path, place):
    with pytest.raises(ModelError, match=r"No model in .*: (there is no such folder|it has no model\.json)"):
        load(tmp_path / place)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(2, 16, 16), r"floats \(B, 1, 16, 16\), not float32 \(2, 16, 16\)"),
        (torch.zeros(2, 1, 16, 17), "not float32"),
        (torch.zeros(2, 1, 16, 16, dtype=torch.uint8), "not uint8"),
        (torch.full((2, 1, 16, 16), 255.0), r"in \[0, 1\], not in \[255, 255\]"),
        (torch.full((2, 1, 16, 16), float("nan")), r"in \[0, 1\], not in \[nan, nan\]"),
    ],
)
def test_images_that_are_refused(folder, images, message):
    with pytest.raises(ModelError, match=message):
        load(folder).encode(images)


@pytest.mark.parametrize("labels", [3, -1, [0, 1], [0.0] * 5, [True] * 5])
def test_labels_that_are_refused(tmp_path, labels):
    model = load(models.written(tmp_path / "model", "class_conditional_vae"))
    with pytest.raises(ModelError, match="Labels must be"):
        model.encode(models.images(), labels)


def test_arrays_batches_and_no_images_at_all(folder):
    model, image_BCHW = load(folder), models.images(count=7)
    whole = model.encode(image_BCHW)
    array = image_BCHW.double().numpy()
    array.setflags(write=False)
    parts = model.encode(array, batch=3)
    assert all(torch.allclose(whole[group], parts[group], atol=1e-6) for group in whole)
    assert {group: tuple(code.shape) for group, code in model.encode(image_BCHW[:0]).items()} == {
        "z": (0, 3),
        "z_log_variance": (0, 3),
    }
    assert model.decode({"z": np.zeros((0, 3), np.float32)}).shape == (0, 1, 16, 16)
    with pytest.raises(ModelError, match="batch must be"):
        model.encode(image_BCHW, batch=0)


def test_codes_that_are_refused(folder, tmp_path):
    model = load(folder)
    with pytest.raises(ModelError, match="beta_vae decodes z; z not given"):
        model.decode({"w": torch.zeros(2, 3)})
    with pytest.raises(ModelError, match=r"Codes z must have the shape \(B, 3\), not \(2, 4\)"):
        model.decode({"z": torch.zeros(2, 4)})
    with pytest.raises(ModelError, match="cannot decode these codes: class_conditional_vae encodes and decodes with"):
        load(models.written(tmp_path / "c", "class_conditional_vae")).decode(
            {"z": torch.zeros(2, 3), "w": torch.zeros(2, 2)}
        )


def test_classes_by_name(folder):
    model = load(folder)
    assert model.label("middle") == 1
    with pytest.raises(ModelError, match=r"No class 'midle' \(did you mean 'middle'\?\); classes are left, middle, ri"):
        model.label("midle")
