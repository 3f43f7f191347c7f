"""Places: the same on a disk, an S3 server and a stand-in for Google's; what is refused, and no secret repeated."""

import os
import pickle

import pytest

from trainables.core import checkpoint
from trainables.core.storage import Disk, place
from trainables.core.trial import STATE, WEIGHTS, release


@pytest.fixture(params=["disk", "s3", "gs"])
def here(request, tmp_path):
    return place(tmp_path / "a" if request.param == "disk" else request.getfixturevalue(request.param))


def test_what_is_written_is_read(here):
    file = here / "trials/000/card"
    assert not here.exists() and not file.exists() and file.size() is None and here.names() == []
    file.write(b"one")
    file.write(b"three")
    assert file.read() == b"three" and file.size() == 5 and file.name == "card"
    (here / "empty").write(b"")
    assert (here / "empty").read() == b"" and (here / "empty").size() == 0
    assert here.exists() and here.names() == ["empty", "trials"]
    assert {entry.name: entry.size for entry in here.entries()} == {"empty": 0, "trials": None}
    assert here.entries()[0].modified > 1e9
    assert (here / "trials").parent == here and (here / "trials").size() is None
    assert pickle.loads(pickle.dumps(file)).read() == b"three"
    assert place(file.uri) == file and here / here.path_below(file.uri) == file


def test_what_is_removed_is_gone(here):
    for name in ("a/x", "a/y", "b"):
        (here / name).write(b"1")
    (here / "a/x").remove()
    assert (here / "a").names() == ["y"]
    (here / "a").remove()
    (here / "nothing").remove()
    assert here.names() == ["b"]
    (here / "b").remove()
    with pytest.raises(FileNotFoundError) as caught:
        (here / "b").read()
    assert str(here) in str(caught.value)


def test_a_path_of_somebody_else_leads_nowhere_else(here):
    (here / "in").write(b"1")
    assert here.within("in").read() == b"1"
    for path in ("../out", "/etc/passwd", "in/../../out", ".."):
        assert here.within(path) is None


def test_a_large_object_arrives_whole(here):
    content = os.urandom(12_000_000)
    (here / "weights").write(memoryview(content))
    assert (here / "weights").read() == content


def test_checkpoints_are_whole_or_not_there(here):
    folder, files = here / "step-1", {WEIGHTS: b"w" * 1000, STATE: b"s", "trial.json": b"{}"}
    checkpoint.write(folder, files)
    assert {name: checkpoint.read(folder, name) for name in files} == files
    checkpoint.write(folder, {"other": b"1"})
    assert folder.names() == [checkpoint.MANIFEST, "other"]
    checkpoint.write(folder, files)
    (folder / WEIGHTS).write(b"W" + b"w" * 999)
    with pytest.raises(checkpoint.CheckpointError, match="checksum"):
        checkpoint.read(folder, WEIGHTS)
    release(folder, keep_weights=True)
    with pytest.raises(checkpoint.CheckpointError, match="no whole"):
        checkpoint.read(folder, STATE)
    (folder / checkpoint.MANIFEST).remove()
    with pytest.raises(checkpoint.CheckpointError):
        checkpoint.read(folder, "trial.json")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("ftp://host/a", "ftp://; storage must be a folder"),
        ("s3:/bucket/a", "it must be a folder"),
        ("s3://", "names no bucket"),
        ("gs:///a", "names no bucket"),
        ("s3://bucket/../other", "names no bucket"),
        ("file://host/a", "three slashes"),
        ("", "it must be a folder"),
        ("s3://AKIASECRET:hunter2@bucket/a", "AWS_ACCESS_KEY_ID"),
        ("s3://bucket/a?secret_key=hunter2", "AWS_ACCESS_KEY_ID"),
        ("AKIASECRET:hunter2@s3://bucket", "AWS_ACCESS_KEY_ID"),
        ("gs://token:hunter2@bucket", "GOOGLE_APPLICATION_CREDENTIALS"),
    ],
)
def test_what_is_no_place_is_refused_and_no_secret_repeated(uri, expected):
    with pytest.raises(ValueError) as caught:
        place(uri)
    assert expected in str(caught.value)
    assert "hunter2" not in str(caught.value) and "SECRET:" not in str(caught.value)


def test_places_have_one_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert place("results") == place("results/") == place(tmp_path / "results") == Disk(tmp_path / "results")
    assert place(f"file://{tmp_path}/a%20b") == Disk(tmp_path / "a b")
    assert place("S3://bucket//a/").uri == "s3://bucket/a" and place("gs://bucket/a").uri == "gs://bucket/a"


def test_a_store_that_cannot_be_used_is_said(s3, monkeypatch):
    with pytest.raises(ValueError, match="no bucket s3://not-there"):
        place("s3://not-there/a").require()
    place(s3).require()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ValueError, match=r"nobody answers at 127\.0\.0\.1"):
        place(s3).require()
