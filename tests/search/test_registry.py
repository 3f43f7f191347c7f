"""A model in a real MLflow registry, in a database and behind a server: registered once, loaded by name, no pickle."""

import hashlib
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from tests_search.runs import proxy
from tests_trainables import models

from search.tracking import RegistryError, fetch, load_model, register
from search.tracking.flavors import REQUIREMENTS
from trainables.core.model import ModelError
from trainables.core.model_file import load

pytestmark = pytest.mark.timeout(600)
ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["database", "server"])
def place(request, tmp_path, storage):
    """(uri, storage) of a registry, as the command line would have them."""
    return (None, storage) if request.param == "database" else (request.getfixturevalue("mlflow_server"), tmp_path)


def client(place):
    from mlflow import MlflowClient

    uri, storage = place
    address = uri or f"sqlite:///{storage / 'mlflow.db'}"
    return MlflowClient(tracking_uri=address, registry_uri=address)


def run(place, name):
    """A new run in an experiment as the publisher would make it."""
    talk, (uri, storage) = client(place), place
    found = talk.get_experiment_by_name(name)
    if found is None:
        artifacts = None if uri else (storage / "mlartifacts" / name).as_uri()
        return talk.create_run(talk.create_experiment(name, artifact_location=artifacts)).info.run_id
    return talk.create_run(found.experiment_id).info.run_id


def aliases(place, name):
    return {alias: str(number) for alias, number in client(place).get_registered_model(name).aliases.items()}


def said(place):
    uri, storage = place
    return {"uri": uri, "storage": storage}


def test_registered_twice_is_one_version(place, tmp_path):
    name = "twice"
    folder, run_id = models.written(tmp_path / "model", "factor_vae"), run(place, name)
    more = {"name": name, "run_id": run_id, **said(place)}
    assert register(folder, tags={"teasel.sweep": "look", "token": "password=CANARY"}, description="first", **more) == 1
    assert register(folder, tags={"teasel.sweep": "look2"}, description="## then\nmore", **more) == 1
    talk, model = client(place), load(folder)
    (version,) = talk.search_model_versions(f"name = '{name}'")
    assert version.run_id == run_id and version.source.endswith(f"{run_id}/artifacts/model-{model.sha256[:12]}")
    assert aliases(place, name) == {"pick": "1"}
    assert version.tags["teasel.sha256"] == model.sha256 and version.tags["teasel.sweep"] == "look2"
    assert version.tags["teasel.method"] == "factor_vae" and version.tags["teasel.version"] == "0.0.0"
    assert version.description == "## then\nmore" and "CANARY" not in json.dumps(dict(version.tags))
    uris = ("models:/twice@pick", "models:/twice/1")
    for number, uri in enumerate(uris):
        got = fetch(uri, tmp_path / str(number), **said(place))
        assert {p.relative_to(got).as_posix() for p in got.rglob("*") if p.is_file()} == {
            *("model.safetensors", "model.json", "manifest.json"),
            *("MLmodel", "requirements.txt", "encoder/model.pt2"),
        }
        assert load(got).sha256 == model.sha256
    loaded = load_model(uris[0], **said(place)).modules.state_dict()
    assert all(weight.equal(loaded[key]) for key, weight in model.modules.state_dict().items())


def test_another_model_of_the_same_run_is_another_version(place, tmp_path):
    name = "another"
    one, two = (models.written(tmp_path / str(seed), "beta_vae", seed=seed) for seed in (1, 2))
    run_id = run(place, name)
    found = [register(f, name=name, run_id=run_id, alias="best", **said(place)) for f in (one, two, one, two)]
    assert found == [1, 2, 1, 2]
    assert aliases(place, name) == {"best": "2"}
    for number, folder in enumerate((one, two), 1):
        assert load_model(f"models:/{name}/{number}", **said(place)).sha256 == load(folder).sha256
    again = register(one, name=name, run_id=run(place, name), **said(place))
    assert again == 3, "the same model of another run has another lineage"


FRESH = """
import io, sys
import mlflow, numpy as np, torch
name, images, labels = sys.argv[1], np.load(sys.argv[2]), sys.argv[3:]
model = mlflow.pyfunc.load_model(f"models:/{name}@pick")
codes = model.predict(images, **({"params": {"labels": labels}} if labels else {}))
graph = mlflow.pytorch.load_model(f"models:/{name}@pick")
inputs = [torch.from_numpy(images)] + ([torch.tensor([int(sys.argv[3] == "middle")] * len(images))] if labels else [])
with torch.no_grad():
    again = graph(*inputs)
assert all(np.array_equal(codes[group], again[group].numpy()) for group in codes)
assert isinstance(model.get_raw_model(), torch.nn.ModuleDict)
np.savez(sys.argv[2] + ".codes", **codes)
"""


@pytest.mark.parametrize("method", ["beta_vae", "class_conditional_vae"])
def test_mlflow_loads_it_by_its_alias_with_pickle_forbidden(place, tmp_path, method):
    import numpy as np

    name = f"fresh {method}"
    folder = models.written(tmp_path / "model", method)
    register(folder, name=name, run_id=run(place, name), **said(place))
    images, told = models.images(), load(folder).told
    np.save(tmp_path / "images.npy", images.numpy())
    words = [name, str(tmp_path / "images.npy"), *(["middle"] if told else [])]
    uri, storage = place
    ran = subprocess.run(
        [sys.executable, "-c", FRESH, *words],
        capture_output=True,
        text=True,
        timeout=200,
        cwd=ROOT,
        env={
            **os.environ,
            "MLFLOW_TRACKING_URI": uri or f"sqlite:///{storage / 'mlflow.db'}",
            "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        },
    )
    assert ran.returncode == 0, ran.stderr
    with np.load(tmp_path / "images.npy.codes.npz") as found:
        expected = load(folder).encode(images, 1 if told else None)
        assert set(found) == set(expected)
        assert all(np.array_equal(found[group], expected[group]) for group in expected)


def test_no_file_is_a_pickle(tmp_path, storage):
    """The graph's archive has one record in torch's ``weights_only`` form: the black images that it was traced with."""
    import torch

    register(
        models.written(tmp_path / "model", "jade"),
        name="jade",
        run_id=run((None, storage), "jade"),
        uri=None,
        storage=storage,
    )
    files = [path for path in (storage / "mlartifacts").rglob("*") if path.is_file()]
    assert len(files) == 6
    for path in files:
        assert path.suffix not in (".pkl", ".pickle", ".pt", ".pth", ".joblib") and "pickle" not in path.name
        assert not path.read_bytes().startswith(b"\x80"), f"{path} begins as a pickle does"
        if zipfile.is_zipfile(path):
            assert path.name == "model.pt2"
            with zipfile.ZipFile(path) as archive:
                (record,) = [n for n in archive.namelist() if archive.read(n).startswith(b"PK")]
                with archive.open(record) as file:
                    (black,), _ = torch.load(file, weights_only=True)
                assert not black.any()
    text = next(path for path in files if path.name == "MLmodel").read_text()
    assert "pickle" not in text and "loader_module: trainables.core.python_function" in text


def test_requirements_are_lower_bounds_and_name_no_index(tmp_path, storage):
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert set(REQUIREMENTS) <= set(ours)
    assert not any("http" in line or "-" in line or "teasel" in line for line in REQUIREMENTS)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("models:/loke@pick", r"No registered model 'loke' \(did you mean 'look'\?\); models are look\."),
        ("models:/look@pik", r"look has no alias 'pik' \(did you mean 'pick'\?\); aliases are pick\."),
        ("models:/look/7", r"look has no version 7; versions are 1\."),
        *(
            (bad, r"is no registered model; write models:/NAME@pick or models:/NAME/3")
            for bad in ("models:/look", "look")
        ),
        ("models:/look/latest", "is no registered model"),
        ("models:/../x@pick", "is no registered model"),
    ],
)
def test_names_that_lead_nowhere(tmp_path, storage, model, message):
    folder = models.written(tmp_path / "model", "beta_vae")
    register(folder, name="look", run_id=run((None, storage), "look"), uri=None, storage=storage)
    with pytest.raises(RegistryError, match=message):
        fetch(model, tmp_path / "into", uri=None, storage=storage)
    assert not (tmp_path / "into").exists()


def test_where_there_is_no_registry(tmp_path, storage):
    folder = models.written(tmp_path / "model", "beta_vae")
    with pytest.raises(RegistryError, match="No MLflow database in"):
        fetch("models:/look@pick", tmp_path / "into", uri=None, storage=tmp_path)
    assert not (tmp_path / "mlflow.db").exists()
    with pytest.raises(RegistryError, match=r"No registered model 'look'; there is none yet"):
        fetch("models:/look@pick", tmp_path / "into", uri=None, storage=storage)
    with pytest.raises(RegistryError, match=r"^http://127\.0\.0\.1:9: no server there \(connection refused\)$"):
        register(folder, name="look", run_id="0" * 32, uri="http://127.0.0.1:9", storage=tmp_path)
    with pytest.raises(ValueError, match="user name, password or token"):
        fetch("models:/look@pick", tmp_path / "into", uri="http://me:CANARY@host", storage=tmp_path)


def test_what_cannot_be_registered(tmp_path, storage):
    folder, where = models.written(tmp_path / "model", "beta_vae"), {"uri": None, "storage": storage}
    with pytest.raises(RegistryError, match="not found"):
        register(folder, name="look", run_id="0" * 32, **where)
    for name in ("a/b", "a:b", "a@b", "it's", "", " "):
        with pytest.raises(RegistryError, match="cannot name a model"):
            register(folder, name=name, run_id="0" * 32, **where)
    (folder / "model.json").unlink()
    with pytest.raises(ModelError, match="No model in"):
        register(folder, name="look", run_id=run((None, storage), "look"), **where)
    assert not client((None, storage)).search_registered_models()


def test_a_model_that_was_damaged_on_the_way_is_refused(tmp_path, storage):
    folder, where = models.written(tmp_path / "model", "beta_vae"), {"uri": None, "storage": storage}
    register(folder, name="look", run_id=run((None, storage), "look"), **where)
    (weights,) = (storage / "mlartifacts").rglob("model.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match="does not match its checksum"):
        load_model("models:/look@pick", **where)


def test_a_server_that_fails_half_way_leaves_one_version(tmp_path, mlflow_server):
    folder = models.written(tmp_path / "model", "beta_vae")
    with proxy(mlflow_server) as between:
        for number, (fault, after) in enumerate([("reset", 0), *(("lost", n) for n in range(2, 16)), ("error", 4)]):
            name = f"half-way-{number}"
            run_id = run((mlflow_server, tmp_path), name)
            between.plan(fault, after=after, faults=1)
            try:
                register(folder, name=name, run_id=run_id, uri=between.uri, storage=tmp_path)
            except RegistryError as error:
                assert "\n" not in str(error)
            between.plan("none", after=0, faults=0)
            assert register(folder, name=name, run_id=run_id, uri=between.uri, storage=tmp_path) == 1
            assert len(client((mlflow_server, tmp_path)).search_model_versions(f"name = '{name}'")) == 1
    assert load_model(f"models:/{name}@pick", uri=mlflow_server, storage=tmp_path).sha256 == load(folder).sha256


def test_mlflows_own_state_is_left_alone(tmp_path, storage):
    import mlflow

    before = (mlflow.get_tracking_uri(), mlflow.get_registry_uri(), mlflow.active_run(), dict(os.environ))
    folder = models.written(tmp_path / "model", "beta_vae")
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in sorted(folder.iterdir()))).hexdigest()
    register(folder, name="look", run_id=run((None, storage), "look"), uri=None, storage=storage)
    load_model("models:/look@pick", uri=None, storage=storage)
    assert (mlflow.get_tracking_uri(), mlflow.get_registry_uri(), mlflow.active_run(), dict(os.environ)) == before
    assert hashlib.sha256(b"".join(p.read_bytes() for p in sorted(folder.iterdir()))).hexdigest() == digest
