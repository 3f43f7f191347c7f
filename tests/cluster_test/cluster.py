"""Ray on the three hosts, as a person at the laptop brings it up and uses it."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from tests_hosts.host import Command
from tests_hosts.hosts import Hosts

from search.folder import existing
from search.history import History
from search.ledger import LedgerError

REPOSITORY = Path(__file__).parents[2]
BIN = Path(sys.prefix) / "bin"
DASHBOARD = "http://127.0.0.1:8265"
"""The head's dashboard, as ``tunnel`` brings it to the laptop."""

# Two cores carry three hosts: to Ray each has one CPU, and little memory.
SIZE = {"CPU": 1, "memory": 2_000_000_000, "object_store_memory": 100_000_000}
PROFILE = f"""\
export PATH={sys.base_prefix}/bin:$PATH RAY_OVERRIDE_RESOURCES='{json.dumps(SIZE)}' TEASEL_CACHE={{home}}/cache
# The Teasel that `ray up` brought, with the libraries of the tests.
export PYTHONPATH={{home}}/teasel
"""
"""Each host's shell profile, to which the cluster file adds its own."""

INSTALLING = ("-m venv ", "-m pip install ")
"""What the setup commands that take 7 GB a host have in them."""

ALIVE = """
import json, ray
ray.init("auto", log_to_driver=False, logging_level="ERROR")
print("alive", json.dumps(sorted(node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"])))
"""


def until(what: str, true: Callable[[], Any], *, alive: Command | None = None, seconds: float = 900) -> Any:
    """Wait until ``true()`` is; what it gave.  The limit is for what never comes, not for what is slow."""
    end = time.monotonic() + seconds
    while not (found := true()):
        ended = alive is not None and alive.code is not None
        assert not ended and time.monotonic() < end, (
            f"no {what} {'before the end' if ended else f'in {seconds:g} s'}{_tail(alive)}"
        )
        time.sleep(0.5)
    return found


def _tail(command: Command | None) -> str:
    return "" if command is None else f"; {command.title} (exit {command.code}) said:\n{command.said[-4000:]}"


class Cluster:
    """``cluster/onprem.yaml`` on the three hosts."""

    def __init__(self, hosts: Hosts) -> None:
        self.hosts = hosts
        self.laptop = hosts.laptop
        self.storage = hosts.shared / "results"
        self.storage.mkdir()
        self.file = hosts.shared / "onprem.yaml"
        self.file.write_text(yaml.safe_dump(self._adapted()))

    def _adapted(self) -> dict[str, Any]:
        """The shipped file with our addresses and key, and with what is installed already as its installation."""
        config = yaml.safe_load((REPOSITORY / "cluster" / "onprem.yaml").read_text())
        head, *workers = [host.address for host in self.hosts.hosts]
        config["provider"].update(head_ip=head, worker_ips=workers)
        config["auth"].update(ssh_user="root", ssh_private_key="~/.ssh/id_ed25519")
        kept = [line for line in config["setup_commands"] if not any(mark in line for mark in INSTALLING)]
        assert len(config["setup_commands"]) - len(kept) == len(INSTALLING), "installs in other ways than it did"
        config["setup_commands"] = [f"ln -sfn {sys.prefix} ~/teasel-env", *kept]
        return config

    # -- from the laptop

    def token(self) -> str:
        """A token for Ray, made where the README says."""
        command = self.laptop.run(BIN / "ray", "get-auth-token", "--generate")
        assert command.code == 0, _tail(command)
        return command.said.split()[-1]

    def up(self) -> None:
        """``ray up``, and every host in it."""
        command = self.laptop.run(BIN / "ray", "up", "--yes", self.file, cwd=REPOSITORY, timeout=900)
        assert command.code == 0, _tail(command)
        until("three nodes", lambda: len(self.nodes()) == 3)

    def submit(self, *words: Any) -> Command:
        """``ray submit CLUSTER cluster/sweep.py -- …`` begun."""
        return self.laptop.start(BIN / "ray", "submit", self.file, REPOSITORY / "cluster" / "sweep.py", "--", *words)

    def submitted(self, *words: Any) -> str:
        """``ray submit`` to its end; what it printed."""
        command = self.submit(*words)
        assert command.wait(1200) == 0, _tail(command)
        return command.said

    def teasel(self, *words: Any, code: int = 0, **env: str) -> str:
        """``teasel`` on the laptop to its end, which must be with exit ``code``; what it printed, on one line."""
        command = self.laptop.run(BIN / "teasel", *words, env=env, timeout=1200)
        assert command.code == code, _tail(command)
        return " ".join(command.said.split())

    @contextmanager
    def tunnel(self):
        """The head's dashboard at ``DASHBOARD`` on the laptop."""
        command = ["ssh", "-N", "-o", "StrictHostKeyChecking=no", "-o", "ExitOnForwardFailure=yes"]
        tunnel = self.laptop.start(*command, "-L", "8265:127.0.0.1:8265", f"root@{self.hosts['head'].address}")
        try:
            probe = "import socket; socket.create_connection(('127.0.0.1', 8265), 5)"
            until("tunnel", lambda: self.laptop.run(sys.executable, "-c", probe).code == 0, alive=tunnel)
            yield DASHBOARD
        finally:
            tunnel.kill()

    # -- from outside

    def nodes(self) -> list[str]:
        """Addresses of the hosts that Ray has."""
        said = self._on_head(BIN / "python", "-c", ALIVE).said
        line = next((line for line in said.splitlines() if line.startswith("alive ")), "alive []")
        return json.loads(line.removeprefix("alive "))

    def _on_head(self, *command: Any) -> Command:
        return self.hosts["head"].run(*command, env={"RAY_AUTH_MODE": "token"}, timeout=120)

    def history(self, name: str, storage: Path | None = None) -> History:
        """A sweep as its ledger tells it; empty before it has one."""
        try:
            return existing(storage or self.storage, name).history()
        except LedgerError:
            return History()

    def reports(self, name: str) -> int:
        """How many reports a sweep has made."""
        return sum(len(trial.reports) for trial in self.history(name).trials)


def environment() -> dict[str, str]:
    """What every process on laptop and hosts sees."""
    return {
        "PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "PYTHONPATH": str(REPOSITORY),
        "RAY_USAGE_STATS_ENABLED": "0",
        "OMP_NUM_THREADS": "1",
        **{name: os.environ[name] for name in ("PYTHONDONTWRITEBYTECODE",) if name in os.environ},
    }


def kept() -> tuple[Path, ...]:
    """What hosts must see wherever it lies: this repository, its virtual environment and the Python below that."""
    return REPOSITORY, Path(sys.prefix), Path(sys.base_prefix)
