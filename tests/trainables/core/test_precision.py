"""Reduced precision and compiled networks: near to float32 for every method, and resumed bit for bit."""

import math
import subprocess
import sys

import pytest
import torch
from tests_trainables.test_methods import CASES, made

import trainables
from trainables.core import allocator
from trainables.core.attempt import COMPILE, PRECISIONS
from trainables.core.compiled import AREA, FASTER_WITH, WORTH, compiles, unable
from trainables.core.dataset import open_dataset
from trainables.core.precision import precision
from trainables.core.training import Training

TOLERANCE = 0.02
"""How far a loss in bfloat16 may be from that in float32, as a part of it; of a small loss, in nats."""


@pytest.mark.parametrize(("name", "config"), CASES)
def test_losses_and_gradients_in_bfloat16_are_near_those_in_float32(name, config, split):
    method, hp, _, data, *_ = made(name, config, split)
    exact, reduced = (Training(method, hp, data, seed=0, precision=p) for p in ("float32", "bfloat16"))
    first = {t: t.advance(1) for t in (exact, reduced)}
    assert first[exact].keys() == first[reduced].keys()
    for key, value in first[exact].items():
        # Of 8 images, one more or less is right.
        allowed = 0.2 if "accuracy" in key else TOLERANCE * max(abs(value), 1.0)
        assert math.isclose(first[reduced][key], value, abs_tol=allowed), key
    for player in exact.model:
        # All weights of a player together: a single gradient that is zero but for rounding points anywhere.
        turned = torch.nn.functional.cosine_similarity(*(gradient(t, player) for t in (exact, reduced)), dim=0)
        assert turned > 0.97, player


def gradient(training, player):
    found = training._step.optimizers[player].gradients
    assert {each.dtype for each in (*found, *training.model[player].parameters())} == {torch.float32}
    return torch.cat([each.flatten() for each in found])


def begin(**how):
    method = trainables.method("beta_vae")
    hp = method.Hyperparameters(batch_size=8, lr=1e-3)
    return Training(method, hp, open_dataset("digits", {"size": 16}).split("train"), seed=3, **how)


COMPILES = pytest.mark.skipif(bool(unable()), reason=f"nothing can be compiled: {unable()}")
HOW = [{"precision": "bfloat16"}, pytest.param({"precision": "float32", "compiled": True}, marks=COMPILES)]


@pytest.mark.parametrize("how", HOW, ids=str)
def test_saved_restored_and_continued_equals_uninterrupted_bit_for_bit(how):
    whole, first, second = begin(**how), begin(**how), begin(**how)
    losses = [whole.advance(7), whole.advance(12)]
    assert first.advance(7) == losses[0]
    second.load(*({k: v.clone() for k, v in part.items()} for part in first.state()))
    assert second.advance(12) == losses[1]
    plain = begin()
    assert [each["vae"] for each in losses] == pytest.approx([plain.advance(k)["vae"] for k in (7, 12)], rel=0.01)
    # What is saved and what scores see is the model itself.
    assert all(w.dtype == torch.float32 for w in whole.state()[0].values())


def test_a_process_that_never_asked_whether_it_can_compile_is_told_to():
    code = (
        "from torch import nn\n"
        "from trainables.core.compiled import compile_networks\n"
        "compile_networks(nn.ModuleList([nn.Sequential(nn.Conv2d(1, 1, 1))]))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr


@COMPILES
def test_a_second_trial_of_the_same_shape_is_not_compiled_again():
    from torch._dynamo.utils import counters

    begin(compiled=True).advance(2)
    before = counters["stats"]["unique_graphs"]
    begin(compiled=True).advance(2)
    assert before > 0 and counters["stats"]["unique_graphs"] == before


def test_what_is_chosen_says_why():
    assert precision("float32", "cpu").reason == "asked for" and precision("bfloat16", "cpu").reduced
    auto, known = precision("auto", "cpu"), torch.cpu.get_capabilities()
    able = known.get("amx_bf16") or known.get("avx512_bf16")
    assert auto.reduced == bool(able) and ("amx_bf16" in auto.reason or "avx512_bf16" in auto.reason)
    with pytest.raises(ValueError, match=f"No precision 'half'; there are {', '.join(PRECISIONS)}"):
        precision("half", "cpu")


@pytest.mark.parametrize("faster", [True, False])
def test_only_what_is_long_enough_is_compiled(monkeypatch, faster):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {FASTER_WITH: faster})
    assert compiles("never", "cpu") == (False, "asked for")
    with pytest.raises(ValueError, match=f"one of {', '.join(COMPILE)}"):
        compiles("now", "cpu")
    if not unable():
        assert compiles("always", "cpu", area=1, images=1) == (True, "asked for")
        assert compiles("auto", "cpu", area=AREA, images=WORTH / AREA)[0] == faster
        assert not compiles("auto", "cpu", area=AREA, images=WORTH / AREA - 1)[0]
        assert not compiles("auto", "cpu", area=AREA - 1, images=WORTH)[0]
        assert compiles("auto", "cuda") == (False, "measured on CPUs only")
        assert faster or FASTER_WITH in compiles("auto", "cpu")[1]


def test_freed_memory_is_kept_for_the_next_step():
    """A block above glibc's usual threshold is mapped anew at each step unless it is told otherwise."""
    import resource

    if not allocator.keep_memory():
        pytest.skip("this C library is not glibc and cannot be told to keep memory")
    for _ in range(10):
        torch.ones(8 * 2**20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(8 * 2**20)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 10 * 8 * 2**20 * 4 / 4096 / 4
