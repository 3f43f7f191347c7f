"""One piece of hostile input, and how it is judged: refused with a sentence of ours, soon, in little memory.

Runs in a process of its own (``child.py``).
"""

from __future__ import annotations

import ast
import gc
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[3]
OURS = tuple(str(ROOT / name) + os.sep for name in ("search", "spaces", "trainables", "cluster"))
SECONDS, MEGABYTES, LETTERS = 2.0, 300.0, 6_000
"""The most that a refusal may take of a processor and of memory, and may say."""

Call = Callable[[], object]


@dataclass(frozen=True, kw_only=True)
class Case:
    """``make`` writes what it needs into an empty folder and returns what must be refused when it is called."""

    name: str
    make: Callable[[Path], Call]
    harmless: bool = False
    """It need not be refused, and the call fails an assertion where it does harm."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a case."""

    name: str
    wrong: str = ""
    """Empty where it was refused as it should be."""
    said: str = ""
    seconds: float = 0.0
    megabytes: float = 0.0

    @property
    def record(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def slow(self) -> str:
        return f"{self.name}: {self.seconds:.1f} s of a processor" if self.seconds > SECONDS else ""


def judged(case: Case, folder: Path) -> Result:
    """Try a case in an empty folder."""
    call = case.make(folder)
    before = _files(folder)
    gc.collect()
    _forget_peak()
    resting, began = _memory("VmRSS"), time.process_time()
    wrong, said = "it was taken", ""
    try:
        call()
    except ValueError as error:
        said = str(error)
        wrong = "" if _raised_by_us(error.__traceback__) else f"not a sentence of ours: {said[:200]!r}"
        wrong = wrong or (f"a message of {len(said):,} letters" if len(said) > LETTERS else "")
    except AssertionError as error:
        wrong = f"harm: {error}"[:300]
    except BaseException as error:
        wrong = f"{type(error).__name__}: {error}"[:300]
    else:
        wrong = "" if case.harmless else wrong
    seconds, grown = time.process_time() - began, (_memory("VmHWM") - resting) / 1024
    if grown > MEGABYTES:
        wrong = wrong or f"{grown:.0f} MB"
    if changed := sorted(before.items() ^ _files(folder).items()):
        wrong = wrong or f"it wrote {changed[0][0]}"
    return Result(name=case.name, wrong=wrong, said=said[:300], seconds=round(seconds, 3), megabytes=round(grown, 1))


def _raised_by_us(trace: TracebackType | None) -> bool:
    """Whether the error was made by a ``raise`` of our source, and not by a library that stumbled."""
    assert trace is not None
    while trace.tb_next is not None:
        trace = trace.tb_next
    file = trace.tb_frame.f_code.co_filename
    return file.startswith(OURS) and trace.tb_lineno in _raising(file)


@cache
def _raising(file: str) -> frozenset[int]:
    raises = [node for node in ast.walk(ast.parse(Path(file).read_text())) if isinstance(node, ast.Raise)]
    return frozenset(line for node in raises for line in range(node.lineno, (node.end_lineno or node.lineno) + 1))


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(place, name)
            about = path.lstat()
            # A lock in the cache says only that somebody was there.
            if not (name.endswith(".lock") and about.st_size == 0):
                size = 0 if path.is_dir() else about.st_size
                found[str(path.relative_to(folder))] = (size, 0 if path.is_dir() else about.st_mtime_ns)
    return found


def _memory(kind: str) -> int:
    """Kilobytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(kind)))


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")
