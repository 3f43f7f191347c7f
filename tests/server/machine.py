"""A tracking server as ``mlflow/README.md`` sets it up, on loopback, from the files in ``mlflow/`` themselves.

``configure.sh`` renders them; ports and folders are then changed to free ones, as an administrator would. What systemd
would do with the unit is done here: its environment files, its check, its command.
"""

import contextlib
import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

FILES = Path(__file__).resolve().parents[2] / "mlflow"
NAME = "localhost"
"""The name by which clients reach the server, in place of mlflow.example.org."""
SYSTEM = {"PATH": f"{Path(sys.executable).parent}:/usr/sbin:{os.environ['PATH']}", "LANG": "C.UTF-8"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def sh(*words, env=None, code=0, said=None):
    """Run a command in an environment that is given whole; what it printed."""
    command = [str(word) for word in words]
    done = subprocess.run(
        command, env={**SYSTEM, **(env or {})}, input=said, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == code, f"{command[:3]} ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def environment(path):
    """The variables of an environment file, as systemd and Docker read it."""
    lines = (line.strip() for line in Path(path).read_text().splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def change(path, **values):
    """Set variables of an environment file."""
    lines = path.read_text().splitlines()
    known = {line.partition("=")[0]: number for number, line in enumerate(lines)}
    for name, value in values.items():
        lines[known[name]] = f"{name}={value}"
    path.write_text("\n".join(lines) + "\n")


def end(process, seconds=20.0):
    """End a process with all that it started; they share a session of their own."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return


def wait_for(url, process, log, seconds=180.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.25)
    raise AssertionError(f"{url} does not answer:\n{log.read_text(errors='replace')[-3000:]}")


class Postgres:
    """A cluster of its own: own folder, own port, own socket; it refuses root, so root runs it as `postgres`."""

    def __init__(self, folder, port):
        (self.bin,) = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
        self.folder, self.port = folder, port
        self.data, self.sockets = folder / "data", folder / "sockets"
        self.sockets.mkdir(parents=True)
        self.user = []
        if os.geteuid() == 0:
            self.user = ["runuser", "-u", "postgres", "--"]
            account = pwd.getpwnam("postgres")
            for each in (folder, self.sockets):
                os.chown(each, account.pw_uid, account.pw_gid)
        # The superuser is reached through a folder that only its owner can enter.
        self.sockets.chmod(0o700)
        access = ["--username=postgres", "--auth-local=trust", "--auth-host=scram-sha-256"]
        sh(*self.user, self.bin / "initdb", "-D", self.data, "--encoding=UTF8", "--no-sync", *access)

    def start(self):
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self.sockets}"
        # Its output would keep a pipe open for as long as it runs.
        command = [*self.user, self.bin / "pg_ctl", "-D", self.data, "-o", options, "-l", self.folder / "log", "-w"]
        subprocess.run([*command, "start"], env=SYSTEM, stdout=subprocess.DEVNULL, timeout=120, check=True)

    def stop(self):
        sh(*self.user, self.bin / "pg_ctl", "-D", self.data, "-w", "-m", "fast", "stop")

    def superuser(self, script, password):
        """Run a file of SQL as the README says."""
        where = ["-h", self.sockets, "-p", str(self.port), "-U", "postgres", "-d", "postgres", "-f", "-"]
        return sh(*self.user, self.bin / "psql", *where, env={"PGPASSWORD": password}, said=script.read_text())


class Machine:
    """Database, tracking server and reverse proxy; ``folder`` holds all they write."""

    def __init__(self, folder):
        self.folder, self.etc, self.artifacts = folder, folder / "etc", folder / "artifacts"
        self.ports = {name: free_port() for name in ("database", "server", "http", "https")}
        self.said = sh(FILES / "configure.sh", NAME, self.etc)
        change(
            self.etc / "server.env",
            MLFLOW_PORT=self.ports["server"],
            MLFLOW_WORKERS=1,
            PGPORT=self.ports["database"],
            MLFLOW_ARTIFACTS_DESTINATION=self.artifacts,
            MLFLOW_AUTH_CONFIG_PATH=self.etc / "basic_auth.ini",
        )
        self.artifacts.mkdir(mode=0o700)
        self.uri = f"https://{NAME}:{self.ports['https']}"
        self.local = f"http://127.0.0.1:{self.ports['server']}"
        self.certificate = folder / "certificate.pem"
        self.running = {}
        self.databases = 0

    @property
    def secrets(self):
        return environment(self.etc / "secrets.env")

    @property
    def environment(self):
        return {**environment(self.etc / "server.env"), **self.secrets}

    def start(self, *, empty=False):
        """Database, then server, then proxy; ``empty`` begins with a new database."""
        if empty:
            self.databases += 1
            self.postgres = Postgres(self.folder / f"postgres-{self.databases}", self.ports["database"])
        self.postgres.start()
        self.running["postgres"] = self.postgres
        if empty:
            self.postgres.superuser(FILES / "database.sql", self.secrets["PGPASSWORD"])

    def unit(self):
        """The systemd unit with its folders changed to this machine's."""
        text = (FILES / "mlflow.service").read_text()
        return text.replace("/etc/mlflow", str(self.etc)).replace("/opt/mlflow/bin", str(Path(sys.executable).parent))

    def serve(self, url="/health"):
        """Start the tracking server as systemd would."""
        given = [line.partition("=")[::2] for line in self.unit().splitlines() if "=" in line and line[0] != "#"]
        env = {"HOME": str(self.folder)}
        for path in (value for key, value in given if key == "EnvironmentFile"):
            env |= environment(path)
        told = dict(given)
        sh(*shlex.split(told["ExecStartPre"]), env=env)
        self.running["server"] = self._begin("server", shlex.split(told["ExecStart"]), env)
        wait_for(self.local + url, self.running["server"], self.folder / "server.log")

    def _begin(self, name, command, env):
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command,
                env={**SYSTEM, **env},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def proxy(self):
        """Start nginx with the site of ``mlflow/nginx.conf``, whose certificate is self-signed here."""
        key = self.folder / "key.pem"
        if not key.exists():
            about = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
            made = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", self.certificate]
            sh("openssl", "req", "-x509", *about, *made)
        site = (self.etc / "nginx.conf").read_text()
        letsencrypt = f"/etc/letsencrypt/live/{NAME}/"
        for old, new in (
            ("listen [::]:80;", ""),
            ("listen [::]:443 ssl;", ""),
            ("listen 80;", f"listen 127.0.0.1:{self.ports['http']};"),
            ("listen 443 ssl;", f"listen 127.0.0.1:{self.ports['https']} ssl;"),
            ("http://127.0.0.1:5000;", f"{self.local};"),
            (f"{letsencrypt}fullchain.pem", str(self.certificate)),
            (f"{letsencrypt}privkey.pem", str(key)),
        ):
            assert old in site, old
            site = site.replace(old, new)
        prefix = self.folder / "nginx"
        prefix.mkdir(exist_ok=True)
        (prefix / "site.conf").write_text(site)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"{kind}_temp_path {prefix / kind};" for kind in kinds)
        whole = f"daemon off; pid {prefix}/pid; error_log {prefix}/error.log; events {{}}"
        whole += f"http {{ access_log off; {temporary} include {prefix}/site.conf; }}"
        (prefix / "nginx.conf").write_text(whole)
        command = ["nginx", "-p", str(prefix), "-c", str(prefix / "nginx.conf"), "-e", str(prefix / "error.log")]
        sh(*command, "-t")
        self.running["nginx"] = self._begin("nginx", command, {})
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.ports["https"]), 1):
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / "nginx.log").read_text())

    def stop(self, *names):
        for name in names or ("nginx", "server", "postgres"):
            running = self.running.pop(name, None)
            if name == "postgres" and running is not None:
                running.stop()
            elif running is not None:
                end(running)


@contextlib.contextmanager
def machine():
    """A running machine; whatever happens, nothing of it is left, also when this process is asked to end."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    folder = Path(tempfile.mkdtemp(prefix="teasel-server-", dir="/tmp"))
    # `postgres` and nginx's workers pass through it.
    folder.chmod(0o711)
    made = Machine(folder)
    try:
        made.start(empty=True)
        made.serve()
        made.proxy()
        yield made
    finally:
        try:
            made.stop()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            signal.signal(signal.SIGTERM, before)


def _interrupt(*given):
    raise KeyboardInterrupt
