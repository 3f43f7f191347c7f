"""Boards, glyphs, programs and analogy problems, against rules on shapes, rows and columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.core import programs
from trainables.core.glyphs import NAMES, glyphs
from trainables.data import nar

MOVES = {"shift-left": (0, -1), "shift-right": (0, 1), "shift-up": (-1, 0), "shift-down": (1, 0)}


@pytest.fixture(scope="module")
def boards():
    return nar.prepare(nar.Options())


def rule(program, factors):
    """The factors after a program, by its name and in words of one cell at a time."""
    shape, row, column = factors
    if program.startswith("to-"):
        return NAMES.index(program.removeprefix("to-")), row, column
    down, right = MOVES[program]
    inside = 0 <= row + down <= 2 and 0 <= column + right <= 2
    return (shape, row + down, column + right) if inside else factors


def test_boards_are_the_grid_in_its_order(boards):
    description = nar.describe(nar.Options())
    assert (description.images, description.shape, description.classes) == (180, (3, 64, 64), ())
    assert dict(description.factors) == {"shape": 20, "row": 3, "column": 3}
    assert np.array_equal(boards.factors, np.indices((20, 3, 3)).reshape(3, -1).T)
    assert [(boards.split == mark).sum() for mark in (0, 1, 2)] == [144, 18, 18] and boards.labels is None


def test_each_board_shows_its_glyph_in_its_cell_and_white_elsewhere(boards):
    images = boards.images.reshape(180, 3, 64, 64)
    for image, (shape, row, column) in zip(images, boards.factors, strict=True):
        top, left = 2 + 20 * row, 2 + 20 * column
        cell = image[:, top : top + 20, left : left + 20]
        assert np.array_equal(cell.transpose(1, 2, 0), glyphs()[shape])
        assert (image != 255).any(0).sum() == (cell != 255).any(0).sum() > 60


def test_glyphs_differ_are_blue_inside_and_green_at_the_rim():
    assert len(set(NAMES)) == 20
    all_ = glyphs().astype(float)
    apart = abs(all_[:, None] - all_[None]).mean(axis=(2, 3, 4))
    assert apart[~np.eye(20, dtype=bool)].min() > 10
    for glyph in all_:
        assert (glyph == (24, 38, 120)).all(-1).sum() >= 15
        ink = (glyph != 255).any(-1)
        outer = ink & ~_surrounded(ink)
        assert np.all(glyph[outer][:, 1] >= 130)


def _surrounded(ink):
    """Pixels whose four neighbours are all drawn."""
    padded = np.pad(ink, 1)
    return padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]


@given(st.sampled_from(programs.PROGRAMS), st.integers(0, 179))
@settings(max_examples=200, deadline=None)
def test_programs_follow_the_rule(program, board):
    factors = tuple(int(i) for i in np.unravel_index(board, (20, 3, 3)))
    after = np.unravel_index(programs.apply(program, board), (20, 3, 3))
    assert tuple(int(i) for i in after) == rule(program, factors)


def test_a_shift_moves_the_picture_by_a_cell_and_stops_at_the_border(boards):
    images = boards.images.reshape(180, 3, 64, 64)
    middle = 9 * 7 + 4
    right = programs.apply("shift-right", middle)
    assert np.array_equal(images[right], np.roll(images[middle], 20, axis=2))
    assert programs.apply("shift-right", right) == right
    star = programs.apply("to-star", middle)
    assert boards.factors[star].tolist() == [NAMES.index("star"), 1, 1]


@pytest.mark.parametrize("examples", [1, 2, 5])
def test_the_examples_determine_the_program_and_the_rule_solves_every_problem(examples):
    made = programs.problems(300, examples, seed=3)
    for problem in made:
        assert len(problem.examples) == examples
        factors = [
            tuple(tuple(int(i) for i in np.unravel_index(board, (20, 3, 3))) for board in pair)
            for pair in problem.examples
        ]
        explained = [p for p in programs.PROGRAMS if all(rule(p, before) == after for before, after in factors)]
        assert explained == [problem.program]
        question = tuple(int(i) for i in np.unravel_index(problem.question, (20, 3, 3)))
        assert problem.answer == np.ravel_multi_index(rule(explained[0], question), (20, 3, 3))
        assert programs.consistent(problem.examples) == (problem.program,)
        asked = [before for before, _ in problem.examples] + [problem.question]
        assert len(set(asked)) == examples + 1
        if problem.program.startswith("to-") and examples > 1:
            assert len({before // 9 for before, _ in problem.examples}) > 1
    counts = [sum(p.program == move for p in made) for move in MOVES]
    assert all(30 < n < 90 for n in [*counts, 300 - sum(counts)])


def test_problems_are_seeded_and_a_longer_list_begins_with_the_shorter():
    assert programs.problems(5, 2, seed=1) == programs.problems(9, 2, seed=1)[:5]
    assert programs.problems(9, 2, seed=1) != programs.problems(9, 2, seed=2)
    assert programs.problems(0) == ()


def test_a_shift_against_the_border_explains_nothing():
    corner = 9 * 2
    both = programs.consistent(((corner, corner),))
    assert set(both) == {"shift-left", "shift-up", f"to-{NAMES[2]}"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: programs.problems(-1), "number of problems must be 0 or more, not -1"),
        (lambda: programs.problems(1, 0), "worked examples must be from 1 to 32, not 0"),
        (lambda: programs.apply("turn", 0), "No program 'turn'; programs are shift-left"),
        (lambda: programs.apply("shift-up", 180), "from 0 to 179, not 180"),
    ],
)
def test_impossible_numbers_and_names_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
