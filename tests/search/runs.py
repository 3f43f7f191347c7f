"""What an MLflow server holds of a sweep, in a form that can be compared; and a server that misbehaves."""

from __future__ import annotations

import hashlib
import http.client
import socket
import struct
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlflow import MlflowClient
from mlflow.entities import ViewType


def runs(uri: str, name: str):
    """All active runs of an experiment."""
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiment = client.get_experiment_by_name(name)
    return [] if experiment is None else client.search_runs([experiment.experiment_id], max_results=1000)


def deleted(uri: str, name: str):
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiment = client.get_experiment_by_name(name).experiment_id
    return client.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)


def content(uri: str, name: str) -> dict:
    """Everything in an experiment by trial: what differs between two publications must differ here."""
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    found: dict = {}
    for run in runs(uri, name):
        tags = dict(run.data.tags)
        parent = tags.pop("mlflow.parentRunId", None)
        key = tags.get("teasel.trial", "sweep")
        assert key not in found, f"two runs for {key}"
        points = []
        for metric in run.data.metrics:
            points += [
                (m.key, m.value.hex(), m.timestamp, m.step) for m in client.get_metric_history(run.info.run_id, metric)
            ]
        info = run.info
        found[key] = {
            "face": (info.run_name, info.status, info.start_time, info.end_time),
            "child": parent is not None,
            "tags": tags,
            "params": dict(run.data.params),
            "points": sorted(points),
            "latest": dict(run.data.metrics),
            "files": _files(client, info),
        }
        if parent is not None:
            assert client.get_run(parent).data.tags["teasel.sweep"] == tags["teasel.sweep"]
    return found


def _files(client: MlflowClient, info) -> dict:
    place = urlsplit(info.artifact_uri)
    if place.scheme == "file":
        root = Path(unquote(place.path))
        return {
            str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in root.rglob("*") if p.is_file()
        }
    left, found = [""], {}
    while left:
        for entry in client.list_artifacts(info.run_id, left.pop() or None):
            if entry.is_dir:
                left.append(entry.path)
            else:
                found[entry.path] = entry.file_size
    return found


class Proxy:
    """Stands before a server and, from request ``after`` on, does what ``fault`` says until ``faults`` are used up.

    ``reset``: closes without asking the server; ``lost``: asks it and loses the answer; ``error``: answers 500;
    ``hang``: says nothing for ``seconds``; ``strike``: asks it, and calls ``blow`` after ``seconds``.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.fault, self.after, self.faults, self.seen = "none", 0, 0, 0
        self.seconds, self.blow = 2.0, lambda: None
        self.lock = threading.Lock()

    def plan(self, fault: str, *, after: int, faults: int) -> None:
        with self.lock:
            self.fault, self.after, self.faults, self.seen = fault, after, faults, 0

    def next(self) -> str:
        with self.lock:
            self.seen += 1
            if self.seen <= self.after or self.faults <= 0:
                return "none"
            self.faults -= 1
            return self.fault


@contextmanager
def proxy(upstream: str):
    """A ``Proxy`` on a free port; ``.uri`` is its address."""
    state = Proxy(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            fault = state.next()
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if fault == "reset":
                return self.cut()
            if fault == "error":
                return self.say(500, {}, b"out of order")
            if fault == "hang":
                time.sleep(state.seconds)
                return self.cut()
            if fault == "strike":
                threading.Timer(state.seconds, state.blow).start()
            server = http.client.HTTPConnection(state.upstream, timeout=60)
            headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
            server.request(self.command, self.path, body, headers)
            reply = server.getresponse()
            said = reply.read()
            server.close()
            if fault == "lost":
                return self.cut()
            self.say(reply.status, {"Content-Type": reply.headers.get("Content-Type", "text/plain")}, said)

        def say(self, status: int, headers: dict, body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def cut(self) -> None:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        def log_message(self, *said: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.uri = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
