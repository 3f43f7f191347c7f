"""The short form of the scoreboard: the important faults, a few times each."""

import importlib
from pathlib import Path

import pytest

MODULES = [importlib.import_module(f"tests_chaos.{p.stem}") for p in sorted(Path(__file__).parent.glob("fault_*.py"))]
SHORT = [
    pytest.param(fault, seed, id=f"{fault.number}-{fault.title}-{seed}")
    for module in MODULES
    for fault in module.FAULTS
    for seed in range(fault.short)
]


@pytest.mark.parametrize(("fault", "seed"), SHORT)
def test_it_is_survived(fault, seed, tmp_path):
    outcome = fault.run(tmp_path, seed)
    assert outcome.survived and not outcome.lost and not outcome.doubled, outcome
