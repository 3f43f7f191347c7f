"""Hostile input, each piece refused: the cases of ``hostile/`` that cost little, in one process for each kind.

How long a refusal takes is judged by `make chaos`, on an otherwise idle machine.
"""

import importlib

import pytest

KINDS = ("sweeps", "ledgers", "models", "arrays", "columns", "pictures", "names")
NAMES = [(kind, c.name) for kind in KINDS for c in importlib.import_module(f"tests_chaos.hostile.{kind}").CASES]


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_refused(kind):
    from tests_chaos.hostile.trial import results

    wrong = [f"{result.name}: {result.wrong}" for result in results(kind).values() if result.wrong]
    assert not wrong, "\n".join(wrong)


def test_there_are_many():
    assert len(set(NAMES)) == len(NAMES) >= 500
