"""What is wrong with what was found: one sentence for each thing, about all the nodes that have it, and its remedy."""

from dataclasses import replace

import pytest

from cluster.check.facts import Asked, Door, Facts, Files, Gpu, Images, Node
from cluster.check.judgement import judge, public

GB = 10**9
WELL = Node(
    name="w0",
    address="10.0.0.1",
    id="0",
    python="3.11.7",
    executable="/opt/python",
    ray="2.60.0",
    torch="2.15.0+cu132",
    teasel="0.1.0",
    code="aaaa",
    cores=16,
    memory=64 * GB,
    disk={"/cache": 100 * GB},
    cpus=16,
    offered=2,
    gpus=(Gpu(name="H100", capability="9.0", memory=80 * GB, free=79 * GB),) * 2,
    files=Files(reads=True, writes=True, returned=True),
    images=(Images(name="mnist", state="prepared", identity="5d", command="teasel data prepare mnist"),),
    speed=("networks compute in bfloat16: this processor has amx_bf16",),
    clock=0.01,
    clock_doubt=0.001,
)
ASKED = Asked(storage="/results", nonce="n", data={"name": "mnist"}, cpu=2, gpu=0.5)


def facts(*changes, asked=ASKED, **more):
    """Three nodes that are well, with changes of the second, the third, …"""
    nodes = [replace(WELL, driver=True)]
    for number, change in enumerate((*changes, *({},) * (2 - len(changes))), start=1):
        nodes.append(replace(WELL, name=f"w{number}", id=str(number), **change))
    return Facts(asked=asked, here=replace(WELL, name="this process"), nodes=tuple(nodes), cluster=True, **more)


OWN = Files(reads=False, writes=True, returned=False)
MISSING = Images(
    name="mnist", state="missing", reason="mnist: no file. Put it there.", command="teasel data prepare mnist"
)
WRONG = {
    "silent": (
        facts({"silent": "no answer within 60 s"}),
        "w1 did not answer the check (no answer within 60 s): `ray stop`",
    ),
    "no Teasel": (facts({"teasel": "", "code": ""}), "Teasel is not installed on w1 (for /opt/python): `ray up"),
    "other Teasel": (facts({"teasel": "0.0.9"}), "Teasel is 0.0.9 on w1 and 0.1.0 here: `ray up CLUSTER.yaml`"),
    "other copy": (facts({}, {"code": "bbbb"}), "Teasel 0.1.0 on w2 is another copy than the one here: "),
    "other Python": (facts({"python": "3.12.1"}), "Python is 3.12.1 on w1 and 3.11.7 here: name 3.11.7"),
    "other Ray": (facts({"ray": "2.58.0"}), "`/opt/python -m pip install 'ray[default,tune]==2.60.0'` there"),
    "other torch": (
        facts({"torch": "2.14.0"}, {"torch": "2.14.0"}),
        "torch is 2.14.0 on w1 and w2 and 2.15.0+cu132 here: `/opt/python -m pip install torch==2.15.0` there.",
    ),
    "no torch": (
        facts({"torch": "", "faults": ("torch: No module named 'torch'",)}),
        "torch is missing on w1 and 2.15.0+cu132 here: `/opt/python -m pip install torch==2.15.0` there",
    ),
    "broken torch": (
        facts({"torch": "2.15.0+cu132", "faults": ("torch: libcudart.so.13 is missing",)}),
        "a library cannot be used on w1 (torch: libcudart.so.13 is missing): `/opt/python -m pip install",
    ),
    "slow torch": (
        facts({"faults": ("torch: not imported, and no kernel run, within 42 s",)}),
        "a library cannot be used on w1 (torch: not imported, and no kernel run, within 42 s): `teasel check --timeout",
    ),
    "own folder": (facts({"files": OWN}, {"files": OWN}), "/results is not shared: what this machine writes there is "),
    "read-only": (
        facts({"files": Files(reads=True, writes=False, fault="Read-only file system")}),
        "/results can be read but not written on w1 (Read-only file system): `sudo chown -R $USER /results` there",
    ),
    "nothing": (
        facts({"files": Files(reads=False, writes=False, fault="Permission denied")}),
        "/results can be neither read nor written on w1 (Permission denied)",
    ),
    "no key": (
        facts(
            {"files": Files(reads=False, writes=False, fault="ACCESS_DENIED")},
            asked=replace(ASKED, storage="s3://b/p"),
        ),
        "s3://b/p can be neither read nor written on w1 (ACCESS_DENIED): set the credentials of the store",
    ),
    "one way": (
        facts({"files": Files(reads=True, writes=True, returned=False)}),
        "/results is not shared both ways: what w1 writes there is not seen on this machine",
    ),
    "driver": (facts(unwritable="No space left"), "this machine cannot write to /results (No space left): `ls -ld"),
    "blind": (
        facts({"gpus": (), "gpu_fault": "torch 2.15.0+cpu is built without CUDA"}),
        "on w1 Ray gives out 2 GPUs and torch sees 0 (torch 2.15.0+cpu is built without CUDA): `/opt/python -m pip",
    ),
    "kernel": (
        facts({"gpus": (WELL.gpus[0], replace(WELL.gpus[0], fault="no kernel image is available"))}),
        "a kernel did not run on GPU 1 (H100) of w1: no kernel image is available: `nvidia-smi`",
    ),
    "too many GPUs": (
        facts(asked=replace(ASKED, gpu=4)),
        "a trial asks for 4 GPU, and the largest node has 2 (3 nodes together 6): `teasel run … --gpu 2`",
    ),
    "too many CPUs": (facts(asked=replace(ASKED, cpu=17)), "a trial asks for 17 CPU, and the largest node has 16"),
    "too many to come": (
        facts(asked=replace(ASKED, gpu=9), to_come=((96, 8),)),
        "the largest node has 8, those that the autoscaler may add included",
    ),
    "no data": (
        facts({"images": (MISSING,)}),
        "dataset mnist is missing on w1 and cannot be prepared there (mnist: no file): "
        "`teasel data prepare mnist --data-root FOLDER` there",
    ),
    "other data": (
        facts({"images": (replace(WELL.images[0], identity="77"),)}),
        "the prepared mnist differs between nodes: 5d on w0 and w2, 77 on w1: delete mnist-*.arrow",
    ),
    "clock": (facts({"clock": -75.0}), "the clock differs from this machine's on w1 (-75.0 s): `sudo timedatectl"),
    "open": (
        facts({"doors": (Door(name="Ray's dashboard", address="8.8.8.8:8265"),)}),
        "Ray answers without a token on w1 (Ray's dashboard at 8.8.8.8:8265), and whoever reaches it",
    ),
}
DOUBTFUL = {
    "patch of Python": (facts({"python": "3.11.9"}), "Python is 3.11.9 on w1"),
    "build of torch": (facts({"torch": "2.15.0+cpu"}), "torch is 2.15.0+cpu on w1"),
    "gone": (facts({"silent": "it died", "gone": True}), "w1 left the cluster during the check: `ray status`"),
    "not tried": (
        facts({"files": Files(fault="Teasel is not there to try it")}),
        "/results was not tried on w1: Teasel is not there to try it",
    ),
    "full GPU": (
        facts({"gpus": (WELL.gpus[0], replace(WELL.gpus[0], fault="CUDA out of memory."))}),
        "`nvidia-smi` there shows who uses it",
    ),
    "unused GPUs": (facts({"offered": 1.0}), "torch sees more GPUs than Ray gives out on w1: `ray start --num-gpus"),
    "unused cores": (facts({"cores": 4}), "Ray gives out 16 CPUs on w1, which has 4: `ray start --num-cpus=4`"),
    "precision": (
        facts({"speed": ("networks compute in float32: this processor has neither",)}),
        "networks compute in bfloat16 on w0 and w2; networks compute in float32 on w1, so scores differ a little: "
        "`--precision float32`",
    ),
    "clock": (facts({"clock": 3.0}), "the clock differs from this machine's on w1 (+3.0 s): `sudo timedatectl"),
    "room": (facts({"disk": {"/cache": GB}}), "little is free for /cache on w1 (1.0 GB): `du -sh /cache`"),
    "open": (
        facts({"doors": (Door(name="GCS", address="10.0.0.2:6379"),)}),
        "Ray answers without a token on w1 (GCS at 10.0.0.2:6379)",
    ),
    "token": (facts({"exposed": "/home/a/token"}), "can read Ray's token in /home/a/token: `chmod 600"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_error_is_one_sentence_with_its_remedy(name):
    found, expected = WRONG[name]
    errors = [str(problem) for problem in judge(found) if problem.error]
    assert len(errors) == 1 and expected in errors[0] and errors[0].endswith("."), errors


@pytest.mark.parametrize("name", DOUBTFUL)
def test_a_warning_keeps_no_sweep_from_running(name):
    found, expected = DOUBTFUL[name]
    (problem,) = judge(found)
    assert not problem.error and expected in str(problem)


@pytest.mark.parametrize(
    "found",
    [
        facts(),
        facts({"clock": 2.5, "clock_doubt": 0.6}),
        facts({"images": (Images(name="mnist", state="possible"),)}),
        facts({"clock": None}),
        facts(asked=replace(ASKED, gpu=8), to_come=((96, 8),)),
    ],
    ids=["all well", "a slow answer is no wrong clock", "data can be prepared", "no clock", "the autoscaler adds it"],
)
def test_nothing_is_wrong(found):
    assert judge(found) == ()


def test_a_machine_alone_has_its_own_words():
    node = replace(WELL, name="laptop", cpus=0, offered=0, gpus=(), cores=2)
    (problem,) = judge(Facts(asked=replace(ASKED, gpu=1), here=node, nodes=(node,)))
    assert str(problem) == (
        "a trial asks for 1 GPU, and this machine has 0: `teasel run … --gpu 0` asks for what exists, "
        "`--address` joins a larger cluster."
    )


def test_a_machine_without_torch():
    node = replace(WELL, name="laptop", torch="", faults=("torch: No module named 'torch'",))
    (problem,) = judge(Facts(asked=ASKED, here=node, nodes=(node,)))
    assert str(problem).startswith("torch is not installed on laptop (torch: No module named 'torch'): `/opt/python")


def test_errors_come_first_and_many_nodes_are_one_sentence():
    odd = {"torch": "2.14.0", "clock": 3.0}
    found = judge(facts(*[odd] * 9))
    assert [problem.error for problem in found] == [True, False]
    assert "on w1, w2, w3, w4 and 5 others and" in str(found[0])


@pytest.mark.parametrize(
    ("address", "is_public"),
    [("8.8.8.8:1", True), ("10.1.2.3:1", False), ("[2600::1]:1", True), ("[fd00::2]:1", False), ("head:1", False)],
)
def test_public_addresses(address, is_public):
    assert public(address) is is_public
