"""A disk that is full, at everything that is written to it: a tmpfs of 20 MB with a filler in it."""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests_chaos import invariants, mlflows, tries, views
from tests_chaos.fault import Fault, Outcome

from search.tracking import publish

PAGE = 4096
"""A tmpfs gives space by the page."""


class Disk:
    """20 MB, of which a filler takes what it is told to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def leave(self, free: int) -> None:
        """So many bytes remain free."""
        with self._filler.open("ab", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * 65536):
                pass
        size = self._filler.stat().st_size // PAGE * PAGE
        os.truncate(self._filler, max(0, size - free // PAGE * PAGE))

    def free(self) -> None:
        """All of it."""
        self._filler.unlink(missing_ok=True)


def _mount(path: Path) -> str:
    """Why none can be mounted, or nothing."""
    command = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr.strip() or "mount failed"


@contextmanager
def disk(folder: Path) -> Iterator[Disk]:
    """A small disk; only where ``SKIPPED`` says nothing."""
    path = folder / "disk"
    path.mkdir()
    if why := _mount(path):
        raise OSError(why)
    try:
        yield Disk(path)
    finally:
        # MLflow keeps connections to its database open.
        subprocess.run(["umount", "--lazy", path], check=True)


def _skipped() -> str:
    if os.geteuid() != 0:
        return "it takes root to mount a tmpfs"
    with tempfile.TemporaryDirectory() as folder:
        if why := _mount(Path(folder)):
            return why
        subprocess.run(["umount", folder], check=True)
    return ""


SKIPPED = _skipped()


# -- the record -----------------------------------------------------------------------------------------------------


@contextmanager
def _elsewhere(path: Path, folder: Path) -> Iterator[None]:
    """What is written below ``path`` lies in ``folder``, on another disk; a link would be refused."""
    for each in (path, folder):
        each.mkdir()
    subprocess.run(["mount", "--bind", folder, path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


def storage_full(ledger_alone: bool):
    """Checkpoints on the full disk beside the ledger, or the ledger alone."""

    def fault(folder: Path, seed: int) -> Outcome:
        with ExitStack() as stack:
            small = stack.enter_context(disk(folder))
            driver = tries.begin(tries.sweep(small.path))
            if ledger_alone:
                stack.enter_context(_elsewhere(small.path / "chaos" / "trials", folder / "trials"))
            small.leave(random.Random(seed).randrange(3 * PAGE if ledger_alone else 400_000))
            tries.drive(driver)
            before = tries.recorded(small.path)
            wrong = [] if driver.broken is not None else ["a full disk was not noticed"]
            ends = [row["reason"] for row in views.rows(before) if row["kind"] in ("lost", "end")]
            wrong += [f"a trial paid for it: {reason}" for reason in ends if "space" in reason]
            wrong += [w for w in invariants.check(small.path, "chaos", over=False) if not w.startswith("I4")]
            small.free()
            return tries.resumed(small.path, before=before, wrong=wrong, whole=tries.whole())

    return fault


def refused(folder: Path, seed: int) -> Outcome:
    """`teasel train` on a disk without a byte: said in a sentence, and the name is not taken afterwards."""
    words = ("train", "beta_vae", "--data", "digits", "--steps", "4", "--mlflow", "none", "--name", "one")
    words += tuple(word for text in tries.SETS if not text.startswith("lr") for word in ("--set", text))
    with disk(folder) as small:
        small.leave(0)
        code, said = tries.command(*words, "--storage", str(small.path))
        wrong = invariants.spoken(said, code, expected=2, words=["No space left on device"])
        small.free()
        code, said = tries.command(*words, "--storage", str(small.path))
        wrong += invariants.spoken(said, code, expected=0)
        return tries.outcome(small.path, "one", wrong=wrong)


# -- beside it ------------------------------------------------------------------------------------------------------


def database_full(folder: Path, seed: int) -> Outcome:
    """MLflow's database alone: the sweep knows nothing of it."""
    with disk(folder) as small:
        uri = f"sqlite:///{tries.empty_database(small.path)}"
        small.leave(random.Random(seed).randrange(200_000))
        driver = tries.begin(tries.sweep(folder))
        beside = mlflows.Beside(folder / "chaos", uri, patience=0.5)
        tries.drive(driver)
        found = beside.end()
        wrong = [] if found.error and "\n" not in found.error else [f"I5: a full database was not said: {found}"]
        wrong += [f"I5: {found.error}"] if "full" not in str(found.error) else []
        small.free()
        again = publish(folder / "chaos", uri)
        wrong += [f"it was not published: {again.error}"] if again.error else []
        return tries.outcome(folder, wrong=wrong, mlflow=small.path / "mlflow.db", whole=tries.whole())


def cache_full(folder: Path, seed: int) -> Outcome:
    """The prepared dataset has no room: refused before any work, with nothing left behind."""
    words = ("data", "prepare", "digits", "--set", f"size={(8, 16, 32)[seed % 3]}")
    with disk(folder) as small, mlflows.environment(TEASEL_CACHE=str(small.path / "cache")):
        small.leave((0, 50_000, 200_000)[seed % 3])
        code, said = tries.command(*words)
        wrong = invariants.spoken(said, code, expected=2)
        wrong += [] if "No room to prepare" in said or "No space left" in said else [f"I5: it says {said}"]
        left = [path.name for path in small.path.rglob("*") if path.is_file() and path.name != "filler"]
        wrong += [f"it left {name}" for name in left if not name.endswith(".lock")]
        small.free()
        code, said = tries.command(*words)
        wrong += invariants.spoken(said, code, expected=0)
    return Outcome(survived=not wrong, note="; ".join(wrong))


def _fault(title: str, times: int, run: Callable[[Path, int], Outcome]) -> Fault:
    return Fault(
        number=9,
        title=f"disk full: {title}" + (f" (skipped: {SKIPPED})" if SKIPPED else ""),
        times=0 if SKIPPED else times,
        run=run,
    )


FAULTS = [
    _fault("ledger", 6, storage_full(True)),
    _fault("checkpoints and ledger", 6, storage_full(False)),
    _fault("at the first row", 1, refused),
    _fault("MLflow's database", 4, database_full),
    _fault("prepared dataset", 3, cache_full),
]
