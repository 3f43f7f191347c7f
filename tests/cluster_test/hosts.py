"""A laptop and three hosts on one machine, for tests of what happens between hosts.

Each is a set of namespaces (network, processes, mounts, host name) with a home and a /tmp of its own; the three hosts
run an SSH server. A bridge in the laptop's network joins them: the machine's own interfaces are never touched. The
kernel ends every process of a host with the process that built it, even when that one is killed, and network and
mounts end with the processes. By hand, as root: ``python tests/cluster_test/hosts.py`` builds them until Ctrl-C.

What is shared: the rest of the file system, read as it is, and the folder ``Hosts.shared``. This module knows nothing
of Ray or Teasel.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

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

NEW = ("unshare", "--net", "--pid", "--fork", "--kill-child", "--mount", "--uts", "--mount-proc")


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


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)}: {done.stderr.strip() or done.stdout.strip()}")


def _below(path: Path, folder: Path) -> bool:
    return path != folder and path.is_relative_to(folder)


class Command:
    """A command on a host, with what it says in a file."""

    def __init__(self, title: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.title = title
        self._process = process
        self._log = log

    @property
    def said(self) -> str:
        """Output and errors so far, together."""
        return self._log.read_text(errors="replace")

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> int:
        """Wait for its end; the exit code.  Killed where it takes longer than that."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.title} took more than {seconds:g} s and said:\n{self.said}") from None

    def kill(self, signum: int = signal.SIGKILL) -> None:
        """Send it a signal, and not to what brought it onto its host."""
        for child in _children(self._process.pid) if self.code is None else []:
            with suppress(ProcessLookupError):
                os.kill(child, signum)
        if signum == signal.SIGKILL:
            self._process.wait(60)


class Host:
    """One host; ``run`` and ``start`` give it commands."""

    def __init__(self, name: str, address: str, folder: Path, keep: Sequence[Path], environment: Mapping[str, str]):
        self.name = name
        self.address = address
        self.folder = folder
        self.home = Path.home()
        self.environment = {"HOME": str(self.home), "USER": "root", "LANG": "C.UTF-8", **environment}
        self.log = folder / "log"
        self._keep = keep
        self._commands = 0
        self._builder: subprocess.Popen[bytes] | None = None
        self.init = 0
        """The host's first process, as the machine numbers it."""

    def boot(self, command: str) -> None:
        """Make the namespaces; ``command`` is the host's first process, in bash."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = ["set -e", f"hostname {self.name}", "mount --make-rprivate /"]
        for file in (Path("/etc/hosts"), Path("/etc/resolv.conf")):
            if file.exists():
                lines.append(f"mount --bind {shlex.quote(str(self.folder.parent / file.name))} {file}")
        for over in (self.home, Path("/tmp")):
            lines += self._covered(over)
        lines += [f"touch {shlex.quote(str(self.shared / ('up-' + self.name)))}", command, "exit"]
        # A killed builder takes the host with it.
        guarded = ["setpriv", "--pdeathsig", "KILL", *NEW, "bash", "-c", "\n".join(lines)]
        with self.log.open("ab") as log:
            self._builder = subprocess.Popen(
                guarded, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=self.environment
            )
        up = self.shared / f"up-{self.name}"
        for _ in range(600):
            if up.exists():
                break
            if self._builder.poll() is not None:
                raise RuntimeError(f"Host {self.name} did not start: {self.log.read_text().strip()}")
            time.sleep(0.1)
        else:
            raise RuntimeError(f"Host {self.name} did not start within a minute.")
        up.unlink()
        self.init = _children(self._builder.pid)[0]

    @property
    def shared(self) -> Path:
        return self.folder.parent / "shared"

    def _covered(self, over: Path) -> list[str]:
        """Lines that put a folder of this host over ``over``, leaving what must stay visible below it."""
        own = self.folder / over.name
        own.mkdir(mode=0o1777 if over.name == "tmp" else 0o700, exist_ok=True)
        own.chmod(0o1777 if over.name == "tmp" else 0o700)
        lines = []
        for path in (p for p in self._keep if _below(p, over)):
            place = own / path.relative_to(over)
            place.mkdir(parents=True, exist_ok=True)
            lines.append(f"mount --rbind {shlex.quote(str(path))} {shlex.quote(str(place))}")
        return [*lines, f"mount --rbind {shlex.quote(str(own))} {shlex.quote(str(over))}"]

    def _inside(self, command: Sequence[str], cwd: Path | None) -> list[str]:
        assert self.init, f"host {self.name} is not up"
        enter = ["setpriv", "--pdeathsig", "KILL", "nsenter", f"--target={self.init}"]
        enter += ["--net", "--pid", "--mount", "--uts", "--"]
        return [*enter, "env", "--chdir", str(cwd or self.home), *map(str, command)]

    def run(
        self, *command: Any, env: Mapping[str, str] | None = None, cwd: Path | None = None, timeout: float = 600
    ) -> Command:
        """Run a command to its end."""
        begun = self.start(*command, env=env, cwd=cwd)
        begun.wait(timeout)
        return begun

    def start(self, *command: Any, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Command:
        """Begin a command."""
        self._commands += 1
        log = self.folder / f"command-{self._commands:03d}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                self._inside(command, cwd),
                env={**self.environment, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Command(f"{self.name}: {shlex.join(map(str, command))}", process, log)

    def mount(self, *words: Any) -> Callable[[], None]:
        """``mount`` on this host alone; what takes back the mount on the last of ``words``."""
        enter = ["nsenter", f"--target={self.init}", "--mount", "--pid"]
        _call(*enter, "mount", *map(str, words))
        return lambda: _call(*enter, "umount", str(words[-1]))

    def kill(self) -> None:
        """Power off: every process is gone at once."""
        if self._builder is not None and self._builder.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.init or self._builder.pid, signal.SIGKILL)
            try:
                self._builder.wait(60)
            except subprocess.TimeoutExpired:
                self._builder.kill()
                self._builder.wait(60)
        self.init = 0


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Hosts:
    """A laptop and three hosts: ``with Hosts(…) as hosts: hosts.laptop.run("ssh", …)``.

    ``keep`` are folders that every host sees though they lie below home or /tmp; ``profile`` are lines of each host's
    ``.bashrc``, in which ``{name}`` is the host's name and ``{home}`` its home.
    """

    def __init__(self, *, keep: Sequence[Path] = (), profile: str = "", environment: Mapping[str, str] | None = None):
        self.folder = Path(tempfile.mkdtemp(prefix="teasel-hosts-")).resolve()
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
        _call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / "key"))
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
        _call("nsenter", f"--target={host.init}", "--net", "sh", "-ec", command)

    def _furnish(self, host: Host) -> None:
        """Key, shell profile and the SSH server's configuration of a host."""
        home = host.folder / host.home.name
        (home / ".ssh").mkdir(parents=True, exist_ok=True)
        (home / ".ssh").chmod(0o700)
        shutil.copy(self.folder / "key", home / ".ssh" / "id_ed25519")
        shutil.copy(self.folder / "key.pub", home / ".ssh" / "authorized_keys")
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
        sys.exit(f"hosts.py cannot build hosts here: {problem}.")
    with Hosts(keep=(Path(sys.prefix), Path(sys.base_prefix), Path.cwd())) as hosts:
        for host in (hosts.laptop, *hosts.hosts):
            print(f"{host.address}  {host.name:9} nsenter --target {host.init} --net --pid --mount --uts")
        print(f"All see {hosts.shared}. Ctrl-C takes them down.", flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
