"""Programs over boards with one glyph in 3×3 cells, and analogy problems, as index arithmetic.

A board is the number (shape · 3 + row) · 3 + column, 0 to 179. A program is a row of a table that holds the board
after for each board before. A problem shows worked examples of one program and asks for the board after a question.
After the report "Disentangling Symbols and Movements". Knows nothing about images.

Legend: P programs, B boards.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from trainables.core.glyphs import NAMES

GRID = (len(NAMES), 3, 3)
"""Shapes, rows, columns; the last is fastest."""
BOARDS = len(NAMES) * 9
SHIFTS = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}
"""Rows and columns by which the glyph moves, unless the board's border stops it."""
PROGRAMS = (*(f"shift-{way}" for way in SHIFTS), *(f"to-{name}" for name in NAMES))
LARGEST = 32


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What happened to some boards, and a board to which it is to happen; all are numbers of boards."""

    program: str
    """Its name, one of ``PROGRAMS``; a solver is not told."""
    examples: tuple[tuple[int, int], ...]
    """(before, after); no program but this one explains them all."""
    question: int
    """Not among the boards before."""
    answer: int


@cache
def table() -> np.ndarray:
    """The board after each program on each board, int64 (P, B); read-only."""
    shape, row, column = np.unravel_index(np.arange(BOARDS), GRID)
    after = [
        np.ravel_multi_index((shape, np.clip(row + down, 0, 2), np.clip(column + right, 0, 2)), GRID)
        for down, right in SHIFTS.values()
    ]
    after += [np.ravel_multi_index((np.full(BOARDS, k), row, column), GRID) for k in range(len(NAMES))]
    made = np.stack(after)
    made.flags.writeable = False
    return made


def apply(program: str, board: int) -> int:
    """The board after ``program`` on ``board``. ``ValueError`` for an unknown program or board."""
    if program not in PROGRAMS:
        raise ValueError(f"No program {program!r}; programs are {', '.join(PROGRAMS)}.")
    if not 0 <= board < BOARDS:
        raise ValueError(f"A board must be a number from 0 to {BOARDS - 1}, not {board!r}.")
    return int(table()[PROGRAMS.index(program), board])


def consistent(examples: tuple[tuple[int, int], ...]) -> tuple[str, ...]:
    """The programs that explain every example (before, after)."""
    before, after = np.array(examples, dtype=np.int64).reshape(-1, 2).T
    explains = (table()[:, before] == after).all(axis=1)
    return tuple(name for name, right in zip(PROGRAMS, explains, strict=True) if right)


def problems(count: int, examples: int = 2, seed: int = 0) -> tuple[Problem, ...]:
    """``count`` problems with ``examples`` (1 to 32) worked examples each; a longer list begins with the shorter one.

    The four shifts and to-shape are equally likely, then each shape. The boards before are distinct; of two or more
    examples of to-shape two start with different shapes. One question in three is not moved by its shift. Raises
    ``ValueError`` for other numbers.
    """
    if count < 0:
        raise ValueError(f"The number of problems must be 0 or more, not {count}.")
    if not 1 <= examples <= LARGEST:
        raise ValueError(f"The number of worked examples must be from 1 to {LARGEST}, not {examples}.")
    random = np.random.RandomState(seed)
    return tuple(_problem(random, examples) for _ in range(count))


def _problem(random: np.random.RandomState, examples: int) -> Problem:
    kind = random.randint(len(SHIFTS) + 1)
    program = kind if kind < len(SHIFTS) else kind + random.randint(len(NAMES))
    while True:
        *before, question = (int(board) for board in random.permutation(BOARDS)[: examples + 1])
        shown = tuple((board, int(table()[program, board])) for board in before)
        alike = examples > 1 and len({board // 9 for board in before}) == 1
        if consistent(shown) == (PROGRAMS[program],) and not alike:
            break
    return Problem(
        program=PROGRAMS[program],
        examples=shown,
        question=question,
        answer=int(table()[program, question]),
    )
