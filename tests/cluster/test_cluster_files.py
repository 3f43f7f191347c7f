"""Every file that starts a cluster: valid to Ray, closed to strangers, pinned, and made of commands that exist."""

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.scripts.scripts import cli as ray_cli

from cluster.capacity import declared, fits, from_cluster_file, room
from search.__main__ import app

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "cluster"
LAUNCHED = ("onprem", "aws", "gcp")
CLOUDS = ("aws", "gcp")
FILES = sorted(path for path in CLUSTER.iterdir() if path.suffix in (".yaml", ".sh") or path.name == "Dockerfile")
PINS = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split())
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
SOURCE = {name.partition(".")[0] for name in PACKAGES} | {"pyproject.toml", "README.md", "LICENSE", "constraints.txt"}
SECRETS = re.compile(r"AKIA|BEGIN [A-Z ]*KEY|[0-9a-f]{32}|(?i:password|secret_?key|RAY_AUTH_TOKEN) *[=:] *\S")


def launched(name):
    return yaml.safe_load((CLUSTER / f"{name}.yaml").read_text())


def kuberay(kind):
    documents = yaml.safe_load_all((CLUSTER / "kuberay.yaml").read_text())
    return next(document for document in documents if document["kind"] == kind)


def commands(config):
    return [command for key, group in config.items() if key.endswith("_commands") for command in group]


def starts(text):
    """The words of each ``ray start`` in a shell command or script."""
    found = re.findall(r"ray (start (?:[^;\n]|\\\n)*)", text.replace("\\\n", " "))
    return [shlex.split(re.sub(r"\$\(\(.*?\)\)|\$(?:base|cpus)\b", "20001", words)) for words in found]


def parsed(command, words):
    """What click makes of the words; an option that does not exist fails the test."""
    return command.make_context(words[0], list(words[1:]))


def test_the_files_are_all_known():
    assert [path.name for path in FILES] == [
        "Dockerfile",
        "aws.yaml",
        "gcp.yaml",
        "kuberay.yaml",
        "onprem.yaml",
        "slurm.sh",
    ]


@pytest.mark.parametrize("name", LAUNCHED)
def test_ray_accepts_it(name):
    validate_config(prepare_config(launched(name)))


@pytest.mark.parametrize("name", LAUNCHED)
def test_ray_starts_with_a_token_and_its_dashboard_on_loopback(name):
    config = launched(name)
    for kind in ("head", "worker"):
        stop, start = config[f"{kind}_start_ray_commands"]
        assert stop == "ray stop" and re.search(r"export RAY_AUTH_MODE=token[ ;].*ray start", start)
        (words,) = starts(start)
        options = parsed(ray_cli.commands["start"], words).params
        assert options["head"] == (kind == "head")
        if kind == "head":
            assert options["dashboard_host"] == "127.0.0.1" and options["disable_usage_stats"]
    assert config["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"


@pytest.mark.parametrize("name", LAUNCHED)
def test_the_checkout_that_it_installs_is_whole_and_nothing_else(name):
    mounts = {there: here for there, here in launched(name)["file_mounts"].items() if there.startswith("~/teasel/")}
    assert {there.removeprefix("~/teasel/") for there in mounts} == SOURCE == set(mounts.values())
    assert all((ROOT / here).exists() for here in mounts.values())
    (install,) = [command for command in launched(name)["setup_commands"] if "pip install" in command]
    assert "--constraint ~/teasel/constraints.txt" in install
    extra = re.search(r"teasel\[(\w+)\]", install)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert (extra and extra[1]) == (name if name in CLOUDS else None) and (not extra or extra[1] in extras)


@pytest.mark.parametrize("name", LAUNCHED)
def test_its_setup_can_be_run_twice(name, tmp_path):
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("a token")
    (tmp_path / ".ray" / "auth_token").chmod(0o644)
    for command in commands(launched(name)):
        subprocess.run(["bash", "-n", "-c", command], check=True)
    for command in 2 * [c for c in launched(name)["setup_commands"] if "pip" not in c and "venv" not in c]:
        subprocess.run(["bash", "-ec", command], check=True, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
    assert (tmp_path / ".ray" / "auth_token").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / ".bashrc").read_text() == ". ~/.teasel_profile\n"
    shown = ["bash", "-c", ". ~/.bashrc; echo $PATH $RAY_AUTH_MODE"]
    said = subprocess.run(shown, check=True, env={"HOME": str(tmp_path)}, capture_output=True, text=True).stdout
    assert said.startswith(f"{tmp_path}/teasel-env/bin:") and said.endswith(" token\n")


@pytest.mark.parametrize("name", CLOUDS)
def test_gpu_workers_on_spot_from_none_and_a_head_that_stays(name):
    config = launched(name)
    head, worker = (config["available_node_types"][kind] for kind in (config["head_node_type"], "gpu_worker"))
    spot = {"aws": "InstanceMarketOptions", "gcp": "scheduling"}[name]
    assert worker["min_workers"] == 0 < worker["max_workers"] == config["max_workers"]
    assert spot in worker["node_config"] and spot not in head["node_config"]
    assert head["resources"] == {"CPU": 0}, "no trial on the head"
    assert room(from_cluster_file(prepare_config(config)), {"CPU": 1, "GPU": 0.25}) == 8 * 4


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_credential_and_one_ray(path):
    text = path.read_text()
    assert not SECRETS.search(text)
    for version in re.findall(r"\bray(?:\[[\w,]*\])?==([\d.]+)|rayVersion: \"([\d.]+)\"", text):
        assert PINS["ray"] in version


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_its_comments_tell_to_type_exists(path):
    typed = re.findall(
        r"^# {1,3}(?:\(umask 077; )?((?:ray|teasel|sbatch) .*?)(?: >/dev/null\))?(?:  +#.*)?$", path.read_text(), re.M
    )
    assert typed or path.name in ("kuberay.yaml", "Dockerfile")
    for line in typed:
        words = shlex.split(line, comments=True)
        if words[0] == "sbatch":
            _of_teasel(words[words.index("cluster/slurm.sh") + 1 :])
        elif words[0] == "teasel":
            _of_teasel(words[1:])
        else:
            context = parsed(ray_cli.commands[words[1]], words[1:])
            if words[1] == "submit":
                assert context.params["script"] == "cluster/sweep.py"
                _of_teasel(context.params["script_args"])


def _of_teasel(words):
    parsed(typer.main.get_command(app).commands[words[0]], words)


def test_kuberay_is_one_cluster_with_one_image_a_token_and_closed_to_other_pods():
    cluster, job, policy = kuberay("RayCluster"), kuberay("RayJob"), kuberay("NetworkPolicy")
    assert {cluster["apiVersion"], job["apiVersion"]} == {"ray.io/v1"}
    spec = cluster["spec"]
    assert spec["rayVersion"] == PINS["ray"] and spec["authOptions"] == {"mode": "token"}
    (worker,) = spec["workerGroupSpecs"]
    pods = [spec["headGroupSpec"]["template"]["spec"], worker["template"]["spec"]]
    pods.append(job["spec"]["submitterPodTemplate"]["spec"])
    assert len({container["image"] for pod in pods for container in pod["containers"]}) == 1
    assert all(pod["securityContext"]["runAsNonRoot"] for pod in pods)
    assert (worker["replicas"], worker["minReplicas"]) == (0, 0) and spec["enableInTreeAutoscaling"]
    name = {"ray.io/cluster": cluster["metadata"]["name"]}
    assert job["spec"]["clusterSelector"] == policy["spec"]["podSelector"]["matchLabels"] == name
    first, second = policy["spec"]["ingress"]
    assert first["from"] == [{"podSelector": {"matchLabels": name}}] and second["ports"][0]["port"] == 8265
    submitter = job["spec"]["submitterPodTemplate"]["metadata"]["labels"]
    assert second["from"][0]["podSelector"]["matchLabels"] == submitter
    _of_teasel(shlex.split(job["spec"]["entrypoint"])[1:])


def test_teasel_is_told_how_far_kuberay_grows():
    spec = kuberay("RayCluster")["spec"]
    (worker,) = spec["workerGroupSpecs"]
    (container,) = worker["template"]["spec"]["containers"]
    for template in (spec["headGroupSpec"]["template"], worker["template"]):
        environment = {entry["name"]: entry["value"] for entry in template["spec"]["containers"][0]["env"]}
        (group,) = declared(environment["TEASEL_NODE_GROUPS"])
        limits = container["resources"]["limits"]
        assert group.nodes == worker["maxReplicas"]
        assert group.resources == {"CPU": float(limits["cpu"]), "GPU": float(limits["nvidia.com/gpu"])}
        assert fits([group.resources], {"GPU": 0.25}) == 4


def test_slurm_starts_closed_rays_with_options_that_exist():
    text = (CLUSTER / "slurm.sh").read_text()
    head, worker = (parsed(ray_cli.commands["start"], words).params for words in starts(text))
    assert head["head"] and head["dashboard_host"] == "127.0.0.1" and head["block"] and worker["block"]
    assert text.index("export RAY_AUTH_MODE=token") < text.index("ray start") and "umask 077" in text
    assert "ray stop" not in re.sub("#.*", "", text), "it would end the Rays of other jobs"


def test_slurm_script_is_sound_and_refuses_what_it_cannot_run():
    script = str(CLUSTER / "slurm.sh")
    subprocess.run(["bash", "-n", script], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", script], check=True)
    for environment, said in [
        ({}, "this is a batch script: sbatch"),
        ({"SLURM_JOB_ID": "1"}, "nothing to do"),
        ({"SLURM_JOB_ID": "1", "TEASEL_VENV": "/nowhere", "words": "run"}, "no Teasel in /nowhere: set TEASEL_VENV"),
    ]:
        words = environment.pop("words", "").split()
        environment["PATH"] = "/usr/bin:/bin"
        ran = subprocess.run(["bash", script, *words], env=environment, capture_output=True, text=True)
        assert ran.returncode == 2 and said in ran.stderr


def test_the_image_has_all_source_pinned_and_no_root():
    text = (CLUSTER / "Dockerfile").read_text()
    copied = {word for line in re.findall(r"^COPY (.*)$", text, re.M) for word in line.split()[:-1]}
    assert copied == SOURCE
    installs = re.findall(r"pip install .*", text)
    assert installs and all("--constraint constraints.txt" in install for install in installs)
    assert re.findall(r"^USER (.*)$", text, re.M) == ["ray"]
    assert re.search(r"^FROM python:3\.1[1-9]\.\d+-slim", text, re.M) and "RAY_AUTH_MODE=token" in text
    ignored = (CLUSTER / "Dockerfile.dockerignore").read_text().split("\n")
    assert {line[1:] for line in ignored if line.startswith("!")} == SOURCE and "*" in ignored
