"""A laptop and three hosts on one machine, for tests of what happens between hosts.

Each is a set of namespaces (network, processes, mounts, host name) with a home and a /tmp of its own; the three hosts
run an SSH server. A bridge in the laptop's network joins them: the machine's own interfaces are never touched. The
kernel ends every process of a host with the process that built it, even when that one is killed, and network and
mounts end with the processes. By hand, as root: ``PYTHONPATH=tests python -m cluster_test.hosts`` builds them until
Ctrl-C, and says how to enter them.

What is shared: the rest of the file system, read as it is, and the folder ``Hosts.shared``. This module knows nothing
of Ray or Teasel.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from .host import NEW, Host, call

NAMES = ("head", "worker-1", "worker-2")
LAPTOP = "laptop"
NETWORK = "10.77.0"
SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin") or "sshd"
PROGRAMS = {
    "ip": "iproute2",
    "ssh": "openssh-client",
    SSHD: "openssh-server",
    "rsync": "rsync",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
}
"""What is called, and the Debian package that has it."""


FOLDER = "teasel-hosts-"
"""How the folder of files begins; the number of the process that made it follows."""


def lacking() -> str | None:
    """What this machine lacks, in one line; None when hosts can be built here."""
    if os.geteuid() != 0:
        return "it needs root, to make network, process and mount namespaces"
    if missing := sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)}):
        return f"it needs programs of the packages {', '.join(missing)} (Debian's names)"
    trial = "mount -t tmpfs none /mnt && ip link add type bridge && ip link add type veth"
    tried = subprocess.run([*NEW, "sh", "-c", trial], capture_output=True, text=True)
    if tried.returncode:
        return (
            "it needs the capabilities CAP_SYS_ADMIN and CAP_NET_ADMIN and a kernel with namespaces, bridge and veth; "
            f"a try said: {(tried.stderr or tried.stdout).strip() or tried.returncode}"
        )
    return None


def _sweep_up() -> None:
    """Remove the files of those that were killed before they could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}*-*"):
        owner = folder.name.removeprefix(FOLDER).partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            shutil.rmtree(folder, ignore_errors=True)


class Hosts:
    """A laptop and three hosts: ``with Hosts(…) as hosts: hosts.laptop.run("ssh", …)``.

    ``keep`` are folders that every host sees though they lie below home or /tmp; ``profile`` are lines of each host's
    ``.bashrc``, in which ``{name}`` is the host's name and ``{home}`` its home.
    """

    def __init__(self, *, keep: Sequence[Path] = (), profile: str = "", environment: Mapping[str, str] | None = None):
        _sweep_up()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER}{os.getpid()}-")).resolve()
        self.shared = self.folder / "shared"
        keep = (*(p.resolve() for p in keep), self.shared)
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", **(environment or {})}
        self.profile = profile
        self.laptop = Host(LAPTOP, f"{NETWORK}.1", self.folder / LAPTOP, keep, environment)
        self.hosts = [
            Host(name, f"{NETWORK}.{number}", self.folder / name, keep, environment)
            for number, name in enumerate(NAMES, 10)
        ]

    def __getitem__(self, name: str) -> Host:
        return next(host for host in (self.laptop, *self.hosts) if host.name == name)

    def __enter__(self) -> Hosts:
        try:
            self._up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    @property
    def key(self) -> Path:
        """The private key that every host accepts, as the laptop and the hosts see it."""
        return self.laptop.home / ".ssh" / "id_ed25519"

    def _up(self) -> None:
        self.shared.mkdir(mode=0o755)
        names = [f"{host.address} {host.name}" for host in (self.laptop, *self.hosts)]
        (self.folder / "hosts").write_text("\n".join(["127.0.0.1 localhost", *names, ""]))
        # Refused at once: nobody here can be looked up.
        (self.folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / "key"))
        self._furnish(self.laptop)
        self.laptop.boot("sleep infinity & wait")
        self._on_network(self.laptop, "ip link set lo up")
        self._on_network(self.laptop, f"ip link add bridge type bridge && ip addr add {NETWORK}.1/24 dev bridge")
        self._on_network(self.laptop, "ip link set bridge up")
        for host in self.hosts:
            self.boot(host.name)

    def boot(self, name: str) -> None:
        """Switch a host on, for the first time or after ``kill``; its files are as they were left."""
        host = self[name]
        self._furnish(host)
        # Not exec: bash reaps what daemons leave behind.
        host.boot(f"mkdir -p /run/sshd; {SSHD} -D -e -f {host.home}/.ssh/sshd_config")
        wire = f"to-{name}"
        self._on_network(self.laptop, f"ip link add {wire} type veth peer name eth0 netns {host.init}")
        self._on_network(self.laptop, f"ip link set {wire} master bridge && ip link set {wire} up")
        self._on_network(host, f"ip addr add {host.address}/24 dev eth0 && ip link set lo up && ip link set eth0 up")
        # Without a default route Ray takes the loopback address for the host's own.
        self._on_network(host, f"ip route add default via {NETWORK}.1")

    def cut(self, name: str) -> None:
        """Pull a host's network cable; its processes go on."""
        self._on_network(self.laptop, f"ip link set to-{name} down")

    def join(self, name: str) -> None:
        """Put the cable back."""
        self._on_network(self.laptop, f"ip link set to-{name} up")

    def down(self) -> None:
        """Switch everything off and remove what was written.  Harmless when nothing is up."""
        for host in (*self.hosts, self.laptop):
            host.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _on_network(self, host: Host, command: str) -> None:
        call("nsenter", f"--target={host.init}", "--net", "sh", "-ec", command)

    def _furnish(self, host: Host) -> None:
        """Key, shell profile and the SSH server's configuration of a host."""
        home = host.folder / host.home.name
        (home / ".ssh").mkdir(parents=True, exist_ok=True)
        (home / ".ssh").chmod(0o700)
        shutil.copy(self.folder / "key", home / ".ssh" / "id_ed25519")
        shutil.copy(self.folder / "key.pub", home / ".ssh" / "authorized_keys")
        # A host that is switched on again has what `ray up` added to it.
        if not (home / ".bashrc").exists():
            (home / ".bashrc").write_text(self.profile.replace("{name}", host.name).replace("{home}", str(host.home)))
        lines = [
            f"HostKey {host.home}/.ssh/id_ed25519",
            f"AuthorizedKeysFile {host.home}/.ssh/authorized_keys",
            "PermitRootLogin prohibit-password",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "UsePAM no",
            "UseDNS no",
            "StrictModes no",
            "PidFile none",
            "MaxSessions 100",
        ]
        (home / ".ssh" / "sshd_config").write_text("\n".join([*lines, ""]))


def main() -> None:
    if problem := lacking():
        sys.exit(f"No hosts can be built here: {problem}.")
    with Hosts(keep=(Path(sys.prefix), Path(sys.base_prefix), Path.cwd())) as hosts:
        for host in (hosts.laptop, *hosts.hosts):
            print(f"{host.address}  {host.name:9} nsenter --target {host.init} --net --pid --mount --uts")
        print(f"All see {hosts.shared}. Ctrl-C takes them down.", flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
