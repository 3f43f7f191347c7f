"""Photographs of persons with expressions: the seven classes, and splits in which pairs can be drawn.

A pair is two images of one person with different expressions. Every split is made before pairing, so no pair has a
foot in two parts; and every part holds two expressions or more of each person in it. Knows nothing about files.

Legend: N images.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from trainables.core.arrays import TEST, TRAIN, VALIDATION

EXPRESSIONS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
SPLITS = ("image", "person")
PERSONS = 10


def require_split(dataset: str, value: object) -> None:
    """Raise ``ValueError`` unless ``value`` names a way to split."""
    if value not in SPLITS:
        raise ValueError(f"{dataset}: split must be 'image' or 'person', not {value!r}.")


def split_persons(
    kind: str, identity_N: np.ndarray, expression_N: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, dict[str, Any]]:
    """(uint8 (N,), rule). ``image``: about a tenth of each person's images in validation and in test; ``person``: one
    whole person in ten in validation and one in test.

    ``RandomState`` is used because numpy promises never to change its stream.
    """
    split_N = np.full(len(identity_N), TRAIN, dtype=np.uint8)
    random = np.random.RandomState(seed)
    persons = np.unique(identity_N)
    if kind == "person":
        tenth = max(1, len(persons) // 10)
        order = random.permutation(persons)
        split_N[np.isin(identity_N, order[:tenth])] = VALIDATION
        split_N[np.isin(identity_N, order[tenth : 2 * tenth])] = TEST
        drawn = "whole persons, by a seeded permutation"
    else:
        for person in persons:
            rows = _by_turns(np.flatnonzero(identity_N == person), expression_N, random)
            tenth = min(max(2, round(len(rows) / 10)), (len(rows) - 1) // 2)
            split_N[rows[:tenth]] = VALIDATION
            split_N[rows[tenth : 2 * tenth]] = TEST
        drawn = "of each person a seeded permutation that takes the expressions by turns"
    return split_N, {"kind": drawn, "seed": seed, "fractions": [0.8, 0.1, 0.1]}


def _by_turns(rows: np.ndarray, expression_N: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """``rows`` in random order, but one of each expression before the second of any."""
    rows = random.permutation(rows)
    turn = np.empty(len(rows), dtype=np.int64)
    for expression in np.unique(expression_N[rows]):
        same = expression_N[rows] == expression
        turn[same] = np.arange(same.sum())
    return rows[np.argsort(turn, kind="stable")]
