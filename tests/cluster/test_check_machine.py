"""Looking at a machine, for real: its storage, datasets, processor and ports, and what it says of what it lacks."""

import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from cluster.check import doors, files, machine
from cluster.check.facts import Asked
from cluster.check.gpus import written_version
from cluster.check.here import plant
from cluster.check.images import look_at_images
from cluster.check.session import reach, token
from trainables.core.storage import place

ROOT = Path(__file__).parents[2]


def test_this_machine():
    said = machine.versions()
    assert said["python"] == ".".join(map(str, sys.version_info[:3]))
    assert said["teasel"] and said["ray"] and len(said["code"]) == 10
    assert written_version("torch", "version.py") and written_version("no_such_package", "version.py") == ""
    assert 1 <= machine.cores() <= os.cpu_count() and machine.memory() > 10**9
    assert files.free(["/no/such/folder"])["/no/such/folder"] > 0


def test_a_storage_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    _, made, why = plant(Asked(storage=str(tmp_path / "file" / "results")))
    assert (made, why) == ([], "Not a directory")


@pytest.fixture
def shared(tmp_path):
    files.plant(str(tmp_path), ".nonce")
    yield tmp_path
    files.clear(str(tmp_path), ".nonce", [])
    assert list(tmp_path.iterdir()) == []


def test_another_node_reads_and_writes(shared):
    assert files.look_at_files(str(shared), ".nonce", "w1") == {"reads": True, "writes": True, "fault": ""}
    assert files.gather(str(shared), ".nonce", ["w1", "w2"], patience=0) == {"w1"}


def test_a_node_with_a_folder_of_its_own(shared, tmp_path_factory):
    own = tmp_path_factory.mktemp("own")
    assert files.look_at_files(str(own / "a" / "b"), ".nonce", "w1") == {"reads": False, "writes": True, "fault": ""}
    assert list(own.iterdir()) == [], "the node clears what nobody else sees"


def test_an_object_store(s3):
    files.plant(s3, ".nonce")
    assert files.look_at_files(s3, ".nonce", "w1") == {"reads": True, "writes": True, "fault": ""}
    assert files.gather(s3, ".nonce", ["w1", "w2"], patience=0) == {"w1"}
    files.clear(s3, ".nonce", [])
    assert place(s3).names() == []
    lost = files.look_at_files(s3, ".nonce", "w1")
    assert lost == {"reads": False, "writes": False, "fault": "the driver's file is not there"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_storage_that_only_the_head_can_write():
    with tempfile.TemporaryDirectory(dir="/tmp") as storage:
        files.plant(storage, ".nonce")
        for folder in (storage, f"{storage}/.nonce"):
            Path(folder).chmod(0o755)
        # Imported before the change of user: the project itself may be out of others' reach.
        code = "import json, os, sys; from cluster.check.files import look_at_files; os.setgid(65534); "
        code += "os.setuid(65534); print(json.dumps(look_at_files(sys.argv[1], '.nonce', 'w1')))"
        said = subprocess.run([sys.executable, "-c", code, storage], cwd=ROOT, capture_output=True, text=True)
    assert json.loads(said.stdout) == {"reads": True, "writes": False, "fault": "Permission denied"}, said.stderr


def test_a_dataset_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("TEASEL_CACHE", str(tmp_path / "cache"))
    asked = {"name": "usps", "options": {"size": 16}, "secondary": {"name": "sprites"}}
    usps, sprites = look_at_images(asked, str(tmp_path))
    assert usps["state"] == "missing" and "no file usps.h5" in usps["reason"]
    assert usps["command"] == "teasel data prepare usps --set size=16"
    assert sprites["state"] == "possible" and not (tmp_path / "cache").exists(), "nothing was prepared"


def test_copies_of_a_dataset_have_one_identity(tmp_path, monkeypatch):
    from trainables.core.dataset import prepare_dataset

    seen = []
    for name in ("one", "two"):
        monkeypatch.setenv("TEASEL_CACHE", str(tmp_path / name))
        path = prepare_dataset("digits")
        seen += look_at_images({"name": "digits"}, None)
    assert [each["state"] for each in seen] == ["prepared"] * 2 and seen[0]["identity"] == seen[1]["identity"]
    path.write_bytes(path.read_bytes()[:-1000])
    (torn,) = look_at_images({"name": "digits"}, None)
    assert torn["state"] == "missing" and "not a whole prepared dataset" in torn["reason"]


class Page(http.server.BaseHTTPRequestHandler):
    """Answers strangers on one page, and asks for a token on another."""

    def do_GET(self):
        self.send_response(401 if self.path == "/locked" else 200)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_who_answers_strangers():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host, port = server.server_address
        assert doors.page(host, port, "/open") == doors.OPEN
        assert doors.page(host, port, "/locked") == doors.LOCKED
        # Something that answers, and is not Ray.
        assert doors.call(host, port, doors.CALLS["gcs"][1]) == doors.SHUT
        server.shutdown()
    assert doors.page(host, port, "/open") == doors.SHUT == doors.call(host, port, doors.CALLS["gcs"][1])


def test_loopback_is_no_open_door():
    assert not any(host.startswith("127.") for host in doors.addresses("127.0.0.1"))


def test_a_token_that_others_can_read(tmp_path, monkeypatch):
    path = tmp_path / "token"
    path.write_text("secret")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(path))
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    path.chmod(0o644)
    assert doors.exposed_token() == str(path)
    path.chmod(0o600)
    assert doors.exposed_token() == ""


def test_rays_own_services_want_the_token(ray_address):
    host, _, port = ray_address.partition(":")
    method = doors.CALLS["gcs"][1]
    assert doors.call(host, int(port), method) == doors.LOCKED
    assert doors.call(host, int(port), method, token()) == doors.OPEN
    reach(ray_address)


def test_a_wrong_token_is_told_at_once(ray_address, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "f" * 64)
    with pytest.raises(ValueError, match="the token of this machine is not the cluster's: copy the head's"):
        reach(ray_address)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:9", "No Ray cluster answers at '127.0.0.1:9'"),
        ("http://127.0.0.1:8265", "address of a dashboard, which only takes jobs"),
        ("head:port", "'head:port' is no address; it must be HOST:PORT"),
    ],
)
def test_an_address_where_no_cluster_is(address, said):
    with pytest.raises(ValueError, match=said):
        reach(address)


def test_a_changed_file_makes_another_copy(tmp_path, monkeypatch):
    for package in machine.PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("__version__ = '9'\n")
    code = "from cluster.check import machine; print(machine.code()); sys.path.insert(0, sys.argv[1]); "
    code += "print(machine.code(), machine.versions()['teasel']); "
    code += "open(sys.argv[1] + '/spaces/new.py', 'w').close(); print(machine.code())"
    said = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}", str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    ours, theirs, version, changed = said.stdout.split()
    assert version == "9" and len({ours, theirs, changed}) == 3, said.stderr
