"""A model's encoder as a graph gives every method's codes bit for bit, holds no decoder, and needs no pickle."""

import io
import json
import zipfile
from types import SimpleNamespace

import pytest
import torch
from tests_trainables import models

import trainables
from trainables.core.model import Model, ModelError, asked
from trainables.core.model_file import load
from trainables.core.model_graph import archive

CASES = [
    *((name, models.SHAPE, {}) for name in trainables.names()),
    ("class_conditional_vae", (3, 16, 16), {"network": "burgess"}),
    ("beta_vae", (3, 12, 12), {"network": "report"}),
    ("beta_vae", (1, 32, 32), {"network": "nar"}),
]


@pytest.mark.parametrize(("name", "shape", "config"), CASES, ids=lambda value: str(value))
def test_the_graph_gives_the_codes(tmp_path, name, shape, config):
    model = load(models.written(tmp_path / "model", name, shape, **config))
    before = {key: weight.clone() for key, weight in model.modules.state_dict().items()}
    graph = torch.export.load(io.BytesIO(archive(model))).module()
    for count in (1, 2, 5):
        image_BCHW, label_B = models.images(shape, count), models.labels(count)
        expected = model.encode(image_BCHW, label_B)
        with torch.no_grad():
            found = graph(image_BCHW, label_B) if model.told else graph(image_BCHW)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[group], expected[group]) for group in found)
    assert all(torch.equal(before[key], weight) for key, weight in model.modules.state_dict().items())


def test_only_what_codes_depend_on_is_written(tmp_path):
    model = load(models.written(tmp_path / "model", "factor_vae", hidden=64, network="mlp"))
    graph = torch.export.load(io.BytesIO(archive(model)))
    assert graph.state_dict and all(".vae.encoder." in f".{name}" for name in graph.state_dict)


def test_no_record_is_a_pickle_but_the_example_input_of_black_images(tmp_path):
    content = archive(load(models.written(tmp_path / "model", "class_conditional_vae")))
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        configs = [json.loads(file.read(name)) for name in file.namelist() if name.endswith("_config.json")]
        (sample,) = [name for name in file.namelist() if "/sample_inputs/" in name]
        inputs = torch.load(io.BytesIO(file.read(sample)), weights_only=True)
    entries = [entry for config in configs for entry in config["config"].values()]
    assert entries and not any(entry["use_pickle"] for entry in entries)
    assert all(not tensor.any() for tensor in inputs[0]) and inputs[1] == {}


def test_a_method_that_cannot_be_traced_says_so():
    def codes(model, images, labels):
        return {"z": images.mean((1, 2, 3))[:, None] * (2 if float(images.sum()) > 0 else 1)}

    modules = torch.nn.ModuleDict({"vae": torch.nn.Linear(1, 1)})
    method = SimpleNamespace(__name__="branching", codes=codes, build=lambda hp, spec: modules)
    spec = SimpleNamespace(shape=(1, 4, 4), classes=0)
    groups, told = asked(method, modules, spec)
    model = Model(method=method, hp=None, modules=modules, spec=spec, groups=groups, told=told, latents=(), card={})
    with pytest.raises(ModelError, match=r"torch\.export cannot trace the encoder of branching"):
        archive(model)
