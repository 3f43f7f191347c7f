"""A head that cannot be used is one clear sentence: no URL, nobody there, no dashboard, another Ray."""

import http.server
import json
import os
import socket
import threading

import pytest
import ray

from cluster.address import head_url, is_url
from cluster.follow import _Said, own_words
from cluster.head import Head, HeadError
from cluster.jobs import Job


@pytest.mark.parametrize("given", ["http://head:8265", "https://ray.example.org/team/", "http://10.0.0.1:80"])
def test_an_address(given):
    assert head_url(given, {}) == given.rstrip("/")
    assert is_url(given)


def test_the_address_comes_from_the_environment_if_it_is_a_dashboard():
    assert head_url(None, {"RAY_ADDRESS": "http://a:1"}) == "http://a:1"
    assert head_url(None, {"RAY_ADDRESS": "http://a:1", "RAY_API_SERVER_ADDRESS": "http://b:1"}) == "http://b:1"
    assert head_url("http://c:1", {"RAY_API_SERVER_ADDRESS": "http://b:1"}) == "http://c:1"
    with pytest.raises(ValueError, match="No cluster is named"):
        head_url(None, {"RAY_ADDRESS": "10.0.0.1:6379"})


@pytest.mark.parametrize(
    ("given", "instead"),
    [
        ("head", "http://head:8265"),
        ("head:8265", "http://head:8265"),
        ("head:8300", "http://head:8300"),
        ("10.0.0.1:6379", "http://10.0.0.1:8265"),
        ("ray://head:10001", "http://head:8265"),
        ("ftp://head", "http://head:8265"),
        ("auto", "http://auto:8265"),
        ("http://", "http://HOST:8265"),
        ("http:///x", "http://HOST:8265"),
        ("not a url", "http://HOST:8265"),
        ("http://head:port", "http://HOST:8265"),
        ("http://[::1", "http://HOST:8265"),
        ("", "http://HOST:8265"),
    ],
)
def test_no_address(given, instead):
    with pytest.raises(ValueError, match=instead):
        head_url(given, {})


@pytest.mark.parametrize(
    "given",
    [
        "http://me:hunter2@head:8265",
        "http://hunter2@head",
        "me:hunter2@head",
        "http://head?token=hunter2",
        "http://h#hunter2",
    ],
)
def test_credentials_in_an_address_are_refused_and_not_repeated(given):
    with pytest.raises(ValueError, match="user name, password or token") as refused:
        head_url(given, {})
    assert "hunter2" not in str(refused.value)


@pytest.fixture
def answering():
    """A web server that answers every request with what it is told to; its address."""
    servers = []

    def serve(body, status=200):
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_nobody_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(HeadError, match=r"No Ray dashboard answers.*connection refused"):
            Head(url)
    with pytest.raises(HeadError, match="No Ray dashboard answers"):
        Head("http://no-such-host.invalid:8265")


@pytest.mark.parametrize(("body", "status"), [(b"<html>hello</html>", 200), (b"nothing", 404)])
def test_no_dashboard(answering, body, status):
    with pytest.raises(HeadError, match="answers, but is no Ray dashboard"):
        Head(answering(body, status))


def test_an_ailing_head(answering):
    with pytest.raises(HeadError, match=r"does not answer.*503"):
        Head(answering(b"busy", 503))


@pytest.mark.parametrize("version", ["2.40.0", "3.0.0"])
def test_another_ray(answering, version):
    url = answering(json.dumps({"version": "4", "ray_version": version}).encode())
    with pytest.raises(HeadError, match=f"runs Ray {version}, and Teasel here Ray {ray.__version__}.*pip install"):
        Head(url)


def test_the_given_address_is_used_whatever_the_environment_says(answering, monkeypatch):
    url = answering(json.dumps({"version": "4", "ray_version": ray.__version__}).encode())
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:1")
    assert Head(url).url == url
    assert os.environ["RAY_ADDRESS"] == "http://127.0.0.1:1"


def job(status, exit_code=None, error=None, message=""):
    return Job(id="j", status=status, began=0, ended=1, exit_code=exit_code, error=error, message=message)


@pytest.mark.parametrize(
    ("ended", "code", "refused"),
    [
        (job("SUCCEEDED", 0), 0, False),
        (job("STOPPED"), 130, False),
        (job("FAILED", 130, "JOB_ENTRYPOINT_COMMAND_ERROR"), 130, False),
        (job("FAILED", 2, "JOB_ENTRYPOINT_COMMAND_ERROR"), 2, True),
        (job("FAILED", 3, "JOB_ENTRYPOINT_COMMAND_ERROR"), 3, False),
        (job("FAILED", 127, "JOB_ENTRYPOINT_COMMAND_ERROR"), 127, True),
        (
            job("FAILED", 1, "JOB_ENTRYPOINT_COMMAND_ERROR", "Traceback\nModuleNotFoundError: No module named 'x'"),
            1,
            True,
        ),
        (job("FAILED", 1, "JOB_ENTRYPOINT_COMMAND_ERROR", "No module named 'x'\nLedgerError: full"), 1, False),
        (job("FAILED", -9, "JOB_ENTRYPOINT_COMMAND_ERROR"), 1, False),
        (job("FAILED", None, "RUNTIME_ENV_SETUP_FAILURE"), 1, True),
        (job("FAILED", None, "JOB_SUPERVISOR_ACTOR_UNSCHEDULABLE"), 1, True),
        (job("FAILED", None, "JOB_SUPERVISOR_ACTOR_DIED"), 1, False),
    ],
)
def test_what_came_of_a_job(ended, code, refused):
    assert (ended.code, ended.refused, ended.live) == (code, refused, False)


def test_words_are_written_once_however_often_the_connection_breaks():
    log = "2026-01-01 10:00:00,000\tINFO job_manager.py:581 -- Runtime env is setting up.\n"
    log += "Running entrypoint for job j: x\n"
    log += "".join(f"line {number}\n" for number in range(20)) + "the end"
    for cuts in ((5, 40, 41, 60), (log.index("line 3"), 120), (len(log),), ()):
        written = []
        said = _Said(written.append, 0)
        for cut in cuts:
            said.begin()
            for start in range(0, cut, 7):
                said.add(log[start : min(start + 7, cut)])
        said.from_start(log)
        said.close()
        assert "".join(written) == own_words(log) + "\n"
    written = []
    said = _Said(written.append, log.index("line 12"))
    said.from_start(log)
    said.close()
    assert "".join(written) == log[log.index("line 12") :] + "\n"
