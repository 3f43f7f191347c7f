"""Originals in an object store: the right ones are fetched, once, and read as those of a folder are."""

import re

import pytest

from trainables.core.arrays import DatasetError
from trainables.core.at_hand import at_hand
from trainables.core.dataset import prepare_dataset
from trainables.core.fetching import data_root, originals, remote
from trainables.core.storage import place

FILES = {
    "MNIST/raw/train-images-idx3-ubyte": b"mnist",
    "FashionMNIST/raw/train-images-idx3-ubyte": b"fashion",
    "dsprites/dsprites.npz": b"sprites",
    "jaffeimages/jaffe/KA.AN1.39.tiff": b"jaffe",
    "usps.h5": b"usps",
}


@pytest.fixture
def store(s3):
    for name, content in FILES.items():
        (place(s3) / name).write(content)
    return s3


NAMES = ("mnist", "fashion_mnist", "sprites", "jaffe", "usps")


@pytest.mark.parametrize(("name", "file"), list(zip(NAMES, FILES, strict=True)))
def test_what_bears_the_datasets_name_is_fetched_and_no_more(store, tmp_path, name, file):
    here = originals(store, name, tmp_path)
    assert here.is_relative_to(tmp_path)
    assert [str(p.relative_to(here)) for p in here.rglob("*") if p.is_file()] == [file]
    assert (here / file).read_bytes() == FILES[file]


def test_what_is_there_is_not_fetched_again(store, tmp_path):
    file = originals(store, "usps", tmp_path) / "usps.h5"
    file.write_bytes(b"USPS")
    assert originals(store, "usps", tmp_path) / "usps.h5" == file and file.read_bytes() == b"USPS"
    file.write_bytes(b"us")
    originals(store, "usps", tmp_path)
    assert file.read_bytes() == b"usps", "what was cut short is fetched anew"


def test_a_dataset_is_prepared_from_a_store_as_from_a_folder(s3, tmp_path):
    (place(s3) / "USPS/usps.h5").write(b"not HDF5")
    (place(tmp_path) / "USPS/usps.h5").write(b"not HDF5")
    errors = []
    for root in (s3, tmp_path):
        with pytest.raises(DatasetError) as caught:
            prepare_dataset("usps", data_root=root, cache=tmp_path / "cache")
        errors.append(str(caught.value))
    fetched = next((tmp_path / "cache" / "originals").iterdir())
    assert (fetched / "USPS/usps.h5").exists()
    # The module was pointed to the fetched folder, and says the same of it as of any other.
    assert errors[0].replace(str(fetched), "ROOT") == errors[1].replace(str(tmp_path), "ROOT")


def test_what_a_store_lacks_is_said(store, tmp_path):
    place(f"{store}/usps.h5").remove()
    with pytest.raises(DatasetError, match=rf"no folder {re.escape(store)}/celeba, .* FashionMNIST/, MNIST/"):
        originals(store, "celeba", tmp_path)
    found = at_hand("usps", data_root=store, cache=tmp_path)
    assert found["state"] == "missing" and "usps" in found["reason"]
    assert at_hand("mnist", data_root=store, cache=tmp_path)["state"] == "possible"


def test_a_root_is_a_folder_or_a_store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert data_root("data") == str(tmp_path / "data") and remote("data") is None
    assert data_root("s3://bucket/originals") == "s3://bucket/originals"
    with pytest.raises(ValueError, match="user name, password") as caught:
        data_root("s3://key:secret@bucket/originals")
    assert "secret@" not in str(caught.value)
