"""Sweep files: round trip, ready-made sweeps, and each error with its line."""

import subprocess
import sys
import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from search import sweep_file
from search.problems import SweepError
from search.sweep import Sweep

GOOD = """\
name: s
methods: [beta_vae, factor_vae]
data: {name: sprites, options: {size: 32}}
objectives: [score/mig]
budget: {trials: 8, steps: 900}
space: {lr: 1e-4}
"""


def edited(number, line):
    """GOOD with one line replaced; lines count from 1."""
    lines = GOOD.splitlines()
    lines[number - 1] = line
    return "\n".join(lines) + "\n"


def more(text):
    return GOOD + text


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"
LONG = "x" * 10_000

BAD = {
    "unknown key": (edited(4, "objectve: score/mig"), [4, 1], "objectve.*keys are name.*mean 'obj"),
    "unknown inner key": (edited(5, "budget: {trails: 3}"), [5], "'trails' in budget.*'trials'"),
    "unknown method": (edited(2, "method: beta_vea"), [2], "methods are beta_vae, .*did you mean 'beta_vae'"),
    "second method unknown": (edited(2, "methods:\n- beta_vae\n- x"), [4], "unknown method 'x'"),
    "method twice": (edited(2, "methods: [beta_vae, beta_vae]"), [2], "listed twice"),
    "no methods": (edited(2, "methods: []"), [2], "methods is empty; methods are beta_vae"),
    "methods a number": (edited(2, "methods: 3"), [2], "methods is 3; it must be a list"),
    "methods missing": (edited(2, ""), [1], "methods is missing: a list of methods"),
    "unknown dataset": (edited(3, "data: sprits"), [3], "unknown dataset 'sprits'.*'sprites'"),
    "dataset option": (edited(3, "data: {name: sprites, options: {siz: 3}}"), [3], "siz.*size"),
    "dataset value": (edited(3, "data: {name: sprites, options: {size: 33}}"), [3], "33"),
    "options a list": (edited(3, "data: {name: sprites, options: [1]}"), [3], "must be a mapping"),
    "data a list": (edited(3, "data: [sprites]"), [3], "must be a mapping"),
    "no dataset name": (edited(3, "data: {options: {}}"), [3], "data.name is missing"),
    "unknown metric": (edited(4, "objective: score/mgi"), [4], "val/elbo.*mean 'score/mig'"),
    "metric without factors": (
        edited(3, "data: digits"), [4], "score/mig needs factors.*'digits'.*it can give val/",
    ),
    "metric twice": (edited(4, "objectives: [val/kl, val/kl]"), [4], "listed twice"),
    "direction": (
        edited(4, "objectives: [{metric: val/kl, direction: down}]"), [4], "'maximize' or 'minim",
    ),
    "no objectives": (edited(4, "objectives: []"), [4], "metrics are score/"),
    "no trials": (edited(5, "budget: {trials: 0}"), [5], "trials is 0; it must be at least 1"),
    "steps in words": (edited(5, "budget: {steps: ten}"), [5], "'ten'; it must be a whole number"),
    "half a step": (edited(5, "budget: {steps: 1.5}"), [5], "1.5; it must be a whole number"),
    "trials true": (edited(5, "budget: {trials: true}"), [5], "True; it must be a whole number"),
    "quoted trials": (edited(5, "budget: {trials: '8'}"), [5], "'8'; it must be a whole number"),
    "wall time": (edited(5, "budget: {wall_time: 6 moons}"), [5], "'6 moons'.*2h30m"),
    "wall time nan": (edited(5, "budget: {wall_time: .nan}"), [5], "finite"),
    "wall time below 0": (edited(5, "budget: {wall_time: -3}"), [5], "greater than 0"),
    "budget a number": (edited(5, "budget: 32"), [5], "budget is 32; it must be a mapping"),
    "budget huge": (edited(5, f"budget: {{steps: {10**30}}}"), [5], "at most"),
    "hyperparameter": (edited(6, "space: {betta: 3}"), [6], "'betta'; beta_vae and fac.*'beta'"),
    "hyperparameter of another": (
        edited(6, "space:\n  beta_vae:\n    tc: gaussian"), [8], "'tc'; beta_vae has form",
    ),
    "method not searched": (
        edited(2, "methods: [beta_vae]").replace("{lr: 1e-4}", "{factor_vae: {lr: 1}}"), [6],
        "does not search factor_vae",
    ),
    "method without mapping": (edited(6, "space: {beta_vae: 3}"), [6], "must be a mapping of"),
    "empty range": (edited(6, "space:\n  lr:\n    low: 1\n    high: 0.1"), [7], "1 to 0.1 is em"),
    "nan bound": (edited(6, "space: {lr: {low: .nan}}"), [6], "low: nan is not a number"),
    "infinite bound": (edited(6, "space: {lr: {high: .inf}}"), [6], "high: inf is not a number"),
    "text bound": (edited(6, "space: {lr: {low: small}}"), [6], "low: 'small' is not a number"),
    "range key": (edited(6, "space: {lr: {min: 1e-4}}"), [6], "unknown key 'min'.*low, high, log"),
    "option": (edited(6, "space: {network: burges}"), [6], "'burges' is not poss.*'burgess'"),
    "no value": (edited(6, "space: {lr: }"), [6], "None is not a number"),
    "ramp too long": (edited(6, "space: {capacity_ramp: 1.5}"), [6], "1.5 must be at most 1"),
    "ramp of nothing": (edited(6, "space: {capacity_ramp: 0}"), [6], "greater than 0"),
    "read by no trial": (edited(6, "space: {hidden: 200}"), [6], "hidden is read only.*burgess"),
    "space a list": (edited(6, "space: [lr]"), [6], "space is .*must be a mapping"),
    "unknown sampler": (more("sampler: tep\n"), [7], "unknown sampler 'tep'.*did you mean 'tpe'"),
    "sampler of one method": (more("sampler: cmaes\n"), [7], "2 methods share none"),
    "sampler seed": (more("sampler: {seed: -1}\n"), [7], "at least 0"),
    "unknown schedule": (more("schedule: ahsa\n"), [7], "unknown schedule 'ahsa'.*'asha'"),
    "rung beyond": (more("schedule:\n  rungs:\n  - 9\n  - 900\n"), [10], "rung 900.*at step 900"),
    "rungs descend": (more("schedule: {rungs: [30, 20]}\n"), [7], "must ascend, and 20 follows 30"),
    "rung zero": (more("schedule: {rungs: [0]}\n"), [7], "at least 1"),
    "no rungs": (more("schedule: {rungs: []}\n"), [7], "rungs is empty"),
    "grace beyond": (more("schedule: {grace: 1000}\n"), [7], "1000 is beyond the budget"),
    "rungs of none": (more("schedule: {name: none, rungs: [3]}\n"), [7], "none stops no trial"),
    "reduction": (more("schedule: {reduction_factor: 1}\n"), [7], "at least 1.5"),
    "early stop of two": (
        edited(4, "objectives: [val/kl, score/mig]") + "schedule: median\n", [7], "none stops none",
    ),
    "gpu": (more("resources: {gpu: 1.5}\n"), [7], "a fraction up to 1"),
    "concurrency": (more("concurrency: 0\n"), [7], "at least 1"),
    "report_every": (more("report_every: 1000\n"), [7], "beyond the budget"),
    "path in the name": (edited(1, "name: ../x"), [1], "names a folder, so no path"),
    "name with a slash": (edited(1, "name: a/b"), [1], "no path"),
    "name with a newline": (edited(1, 'name: "a\\nb"'), [1], "letters, digits"),
    "name too long": (edited(1, f"name: {LONG}"), [1], "10002 characters"),
    "long method": (edited(2, f"methods: {LONG}"), [2], "10002 characters"),
    "long key": (more(f"{LONG}: 1\n"), [7], r"unknown key 'xxx|not find expected ':'|no YAML"),
    "storage": (more('storage: "a\\0b"\n'), [7], "storage is 'a.x00b'"),
    "control character": (edited(1, "name: a\x07b"), [1], "control character"),
    "not UTF-8": (GOOD.encode() + b"storage: \xff\n", [7], "byte 0xff"),
    "tab": (edited(5, "budget:\n\ttrials: 3"), [6], "a tab, and YAML indents with spaces"),
    "not YAML": (edited(5, "budget: {trials: 3"), [6], "this is no YAML"),
    "key twice": (more("name: t\n"), [7], "'name' is in line 1 already"),
    "inner key twice": (edited(6, "space:\n  lr: 1\n  lr: 2"), [8], "'lr' is in line 7 already"),
    "key a list": (more("? [a]\n: 1\n"), [7], "a key must be a word"),
    "alias": (BOMB, [2], r"alias \*a is not possible"),
    "tag": (more("storage: !!python/object:os.system x\n"), [7], "tag"),
    "own tag": (more("storage: !thing x\n"), [7], "tag '!thing' is not possible"),
    "deep": ("name: " + "[" * 50 + "]" * 50, [1], "nested more than 20 deep"),
    "very deep": ("name: " + "[" * 100_000, [1], "nested more than 20 deep"),
    "many values": ("name: [" + "1," * 30_000 + "]", [1], "more than 20000 values"),
    "large": ("#" * 300_000, [1], "larger than 256 KB"),
    "two documents": (more("---\nname: x\n"), [7], "a file holds one sweep"),
    "a list": ("- name\n", [1], r"no mapping but \['name'\]; it needs keys name"),
    "a word": ("sweep", [1], "no mapping but 'sweep'"),
    "nothing": ("", [1], "the file is empty"),
    "only a comment": ("# later\n", [1], "the file is empty"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_bad_files(tmp_path, kind):
    text, lines, says = BAD[kind]
    path = tmp_path / "sweep.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    began = time.process_time()
    with pytest.raises(SweepError, match=says) as error:
        sweep_file.load(path)
    assert time.process_time() - began < 0.5
    said = [line for line in error.value.lines if line.startswith(f"{path}:{lines[0]}: ")]
    assert said, str(error.value)
    for line in error.value.lines:
        assert any(line.startswith(f"{path}:{number}: ") for number in lines), line
        assert len(line) < 600 + len(str(path))


def test_every_problem_at_once():
    text = GOOD.replace("beta_vae", "beta_vea").replace("sprites", "sprits").replace("8", "0")
    with pytest.raises(SweepError) as error:
        sweep_file.loads(text + "sampler: tep\nsede: 3\n")
    assert [line.split(":")[1] for line in error.value.lines] == ["2", "3", "5", "7", "8"]


def test_numbers_that_yaml_1_1_reads_as_text():
    made = sweep_file.loads(GOOD.replace("900", "9_00").replace("1e-4", "{low: 1e-5, high: 1E-3}") + "seed: 010\n")
    assert made.space["lr"] == {"low": 1e-5, "high": 1e-3}
    assert made.budget.steps == 900
    assert made.seed == 10
    assert sweep_file.loads(GOOD + "storage: on\n").storage == "on"
    assert sweep_file.loads(GOOD.replace("900", "1e3")).budget.steps == 1000


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SweepError, match=r"cannot be read: No such file"):
        sweep_file.load(tmp_path / "none.yaml")
    with pytest.raises(SweepError, match=r"cannot be read: Is a directory"):
        sweep_file.load(tmp_path)
    for name in ("first_lok", "x\0y", LONG):
        with pytest.raises(SweepError, match=r"ready-made sweeps are .*first_look"):
            sweep_file.find(name)


@pytest.mark.parametrize("name", sweep_file.ready_made())
def test_ready_made_sweeps(name):
    made = sweep_file.load(sweep_file.find(name))
    assert made.name == name
    assert sweep_file.loads(sweep_file.dump(made)) == made


words = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Cn", "Co", "Zl", "Zp"]), min_size=1)
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", fullmatch=True) | st.sampled_from(
    ["1e4", "null", "true", "0x10", "1_000", "5", "no", "1.", "3.e5", "010"]
)
changes = st.fixed_dictionaries(
    {},
    optional={
        "lr": st.floats(1e-9, 1.0) | st.lists(st.floats(1e-9, 1.0), min_size=2, unique=True),
        "latents": st.integers(1, 4096) | st.just({"low": 2, "high": 30, "log": False}),
        "batch_size": st.just("search"),
        "network": st.just(["burgess", "mlp"]),
        "factor_vae": st.fixed_dictionaries({"gamma": st.floats(0, 1e6)}),
    },
)


@settings(deadline=None)
@given(
    name=names,
    storage=words.filter(str.isprintable),
    space=changes,
    steps=st.integers(100, 10**9),
    wall_time=st.none() | st.floats(1e-3, 1e9),
    factor=st.floats(1.5, 1e6),
    seed=st.integers(0, 2**32 - 1),
)
def test_round_trip(name, storage, space, steps, wall_time, factor, seed):
    made = Sweep(
        name=name,
        methods=("beta_vae", "factor_vae"),
        data={"name": "sprites", "options": {"size": 32}},
        objectives=("score/mig",),
        budget={"steps": steps, "wall_time": wall_time},
        space=space,
        schedule={"reduction_factor": factor},
        seed=seed,
        storage=storage,
    )
    text = sweep_file.dump(made)
    assert sweep_file.loads(text) == made
    assert yaml.safe_load(text)["name"] == name


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
leaves |= st.sampled_from(["search", "score/mig", "sprites", "beta_vae", "low", "high", "asha"])
keys = st.text(max_size=5) | st.sampled_from(
    ["name", "options", "metric", "low", "high", "log", "lr", "beta_vae", "trials", "rungs", "form"]
)
anything = st.recursive(leaves, lambda v: st.lists(v, max_size=3) | st.dictionaries(keys, v, max_size=3), max_leaves=8)


@settings(deadline=None)
@given(st.sampled_from(sorted(Sweep.model_fields)), anything)
def test_any_value_in_any_field_is_taken_or_refused(field, value):
    given_value = {**yaml.safe_load(GOOD), field: value}
    given_value["space"] = value if field == "space" else {}
    text = yaml.safe_dump(given_value, allow_unicode=False)
    try:
        made = sweep_file.loads(text)
    except SweepError as error:
        assert str(error).startswith("sweep.yaml:")
    else:
        assert sweep_file.loads(sweep_file.dump(made)) == made


@settings(deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_read_or_refused(raw):
    with pytest.raises(SweepError, match=r"^sweep.yaml:\d+: "):
        sweep_file.loads(raw)


def test_reading_and_refusing_imports_nothing_heavy(tmp_path):
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(GOOD.replace("sprites", "digits"))
    code = (
        "import sys\n"
        "from search import sweep_file\n"
        "made = sweep_file.load('good.yaml'); made.search_space(); sweep_file.dump(made); made.id\n"
        "try: sweep_file.load('bad.yaml')\n"
        "except ValueError as error: print(error)\n"
        "heavy = {'torch', 'ray', 'optuna', 'mlflow', 'pyarrow', 'sklearn', 'scipy', 'PIL'}\n"
        "print(heavy & {m.split('.')[0] for m in sys.modules})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "bad.yaml:4: score/mig needs factors" in done.stdout
    assert done.stdout.splitlines()[-1] == "set()"
