"""One host: namespaces with a first process, a home and a /tmp of their own; and the commands that are run on it.

The kernel ends every process of a host with the one that built it. This module knows nothing of networks.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

NEW = ("unshare", "--net", "--pid", "--fork", "--kill-child", "--mount", "--uts", "--mount-proc")


def call(*command: str) -> None:
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
        call(*enter, "mount", *map(str, words))
        return lambda: call(*enter, "umount", str(words[-1]))

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
