"""What a trial needs of a GPU: the largest configurations, the share, and a real measurement on a CPU."""

import json
import subprocess
import sys

import pytest

import trainables
from search.probe import MOST, Need, attempts, largest, share
from search.sweep_file import SweepError, from_command_line

GIB = 2**30


def sweep(tmp_path, *sets, methods=("beta_vae",), **given):
    return from_command_line(methods, data="digits", objectives=["val/elbo"], sets=sets, storage=str(tmp_path), **given)


def test_the_largest_of_every_network_is_measured(tmp_path):
    sets = ["network=burgess,mlp", "batch_size=64..512", "latents=4,8,16", "hidden=32..1024"]
    space = sweep(tmp_path, *sets).spaces()["beta_vae"]
    found = list(largest(space, trainables.method("beta_vae").Hyperparameters()))
    assert [config["network"] for config in found] == ["burgess", "mlp"]
    assert all(config["batch_size"] == 512 and config["latents"] == 16 for config in found)
    assert "hidden" not in found[0] and found[1]["hidden"] == 1024


@pytest.mark.parametrize("method", ["beta_vae", "factor_vae"])
def test_each_attempt_is_one_that_a_worker_can_run(tmp_path, method):
    from trainables.core.trial import Attempt

    for attempt in attempts(sweep(tmp_path, methods=[method]), None, "cpu"):
        assert Attempt(**attempt, steps=3, reports=(3,)).method == method


@pytest.mark.parametrize(
    ("taken", "expected"), [(1, 0.1), (8, 0.1111), (20, 0.3333), (35, 0.5), (37, 1.0), (72, 1.0), (4.1, 0.1)]
)
def test_shares_fill_a_gpu_and_leave_some_to_spare(taken, expected):
    need = Need(method="beta_vae", config={}, taken=int(taken * GIB), total=80 * GIB, device="GPU")
    small = Need(method="beta_vae", config={}, taken=GIB // 2, total=80 * GIB, device="GPU")
    found = share([small, need])
    assert found == expected
    assert int(1 / found + 1e-9) <= MOST and int(1 / found) * need.taken < 80 * GIB


def test_what_is_too_large_for_a_gpu_is_refused():
    need = Need(method="jade", config={}, taken=79 * GIB, total=80 * GIB, device="NVIDIA H100")
    with pytest.raises(ValueError, match=r"jade took 79.0 GiB of the 80.0 GiB of a NVIDIA H100"):
        share([need])


@pytest.mark.parametrize("gpu", ["half", "automatic"])
def test_a_word_that_is_no_share_is_refused(tmp_path, gpu):
    with pytest.raises(SweepError, match=r"it must be a number, such as 0.25, or auto"):
        sweep(tmp_path, gpu=gpu)


def test_auto_counts_as_a_whole_one_until_it_is_measured(tmp_path):
    assert sweep(tmp_path, gpu="auto").resources.gpus == 1.0 and sweep(tmp_path, gpu="0.25").resources.gpus == 0.25


def test_memory_is_measured_in_a_process_of_its_own(tmp_path):
    script = (
        "import json, sys; from trainables.core.memory import peak; print(json.dumps(peak(json.loads(sys.argv[1]))))"
    )

    def taken(*sets):
        (attempt,) = attempts(sweep(tmp_path, "network=mlp", "data.size=16", *sets), None, "cpu")
        found = json.loads(subprocess.check_output([sys.executable, "-c", script, json.dumps(attempt)]))
        assert found["device"] == "cpu" and 0 < found["taken"] < found["total"]
        return found["taken"]

    # 4096² float32 weights are 64 MiB; with their gradients and Adam's two moments, a quarter of a GiB.
    assert taken("hidden=4096") - taken("hidden=64") > 0.15 * GIB
