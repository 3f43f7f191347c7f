"""What ``teasel submit`` refuses or lists here, before a cluster is asked for anything."""

import pytest
from tests_search.command import teasel

from search.command_line.submission import Options, checked, shared, variables
from search.sweep_file import find, load

NOBODY = ("--address", "http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("submit", "first_lok", *NOBODY), "did you mean 'first_look'"),
        (("submit", "first_look", "--set", "latent=4", "--storage", "/shared", *NOBODY), "latent"),
        (("submit", "first_look", "--trials", "0", "--storage", "/shared", *NOBODY), "--trials"),
        (("submit", "first_look", *NOBODY), "Name one that the cluster has: --storage"),
        (("submit", "first_look", "--storage", "s3://me:hunter2@bucket/x", *NOBODY), "Leave it out"),
        (("submit", "first_look", "--storage", "/shared", "--address", "head:8265"), "http://head:8265"),
        (("submit", "first_look", "--storage", "/shared", "--address", "http://me:hunter2@head"), "token"),
        (("submit", "first_look", "--storage", "/shared", *NOBODY), "No Ray dashboard answers at http://127.0.0.1:1"),
        (("submit", "first_look", "--storage", "/shared", "--max-size", "0.2", *NOBODY), "The largest files: "),
        (("submit", "first_look", "--storage", "/shared", "--mlflow", "http://me:hunter2@host", *NOBODY), "MLflow"),
        (("run", "first_look", *NOBODY), "`teasel submit` sends a sweep there"),
        (("resume", "first_look", *NOBODY), "No Ray dashboard answers"),
        (("resume", "first_look", "--trials", "more", *NOBODY), "write +20"),
        (("status", "first_look", *NOBODY), "No Ray dashboard answers"),
        (("stop", "first_look", "--address", "ray://head:10001"), "http://head:8265"),
        (("logs", "first_look", *NOBODY), "No Ray dashboard answers"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_refused_with_one_sentence_and_code_2(words, said, monkeypatch):
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "TEASEL_STORAGE"):
        monkeypatch.delenv(name, raising=False)
    printed = teasel(*words, code=2)
    assert said in printed
    assert "hunter2" not in printed
    assert "Traceback" not in printed


def test_a_dry_run_lists_what_would_be_sent_largest_first(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_REGION", "north")
    words = ("--storage", "s3://bucket/team", "--env", "MY_REGION", "--data-root", "/data", "--trials", "7")
    listed = teasel("submit", "first_look", "--dry-run", *words)
    sizes = [float(size) for size, unit in zip(listed.split(), listed.split()[1:], strict=False) if unit == "kB"]
    assert len(sizes) > 100
    assert sizes[:100] == sorted(sizes[:100], reverse=True)
    sweep = load(find("first_look")).replace(storage="s3://bucket/team")
    assert f"Job: teasel-first_look-{sweep.id}" in listed
    assert "python -m search run sweep.yaml --data-root /data" in listed
    assert "Storage: s3://bucket/team" in listed
    assert "MY_REGION" in listed
    assert "north" not in listed
    assert "nothing was sent" in listed


@pytest.mark.parametrize("storage", ["results", "./results", "../x", "~/results"])
def test_a_folder_of_this_machine_is_no_storage_of_the_cluster(storage):
    with pytest.raises(ValueError, match="a folder of this machine"):
        shared(storage)


@pytest.mark.parametrize("storage", ["s3://bucket/x", "gs://bucket", "/shared/results", "file:///shared/results"])
def test_a_storage_of_the_cluster(storage):
    assert shared(storage).startswith(storage.removeprefix("file://"))


@pytest.mark.parametrize(
    "name",
    [
        *("AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD", "HF_TOKEN", "api_key", "DB_PASS", "GITHUB_AUTH"),
        *("RAY_ADDRESS", "PYTHONPATH", "OMP_NUM_THREADS", "NOT_THERE", "WITH SPACE", "", "PROXY", "A=b"),
    ],
)
def test_variables_that_are_not_handed_on(name, monkeypatch):
    if name and "=" not in name and name != "NOT_THERE":
        monkeypatch.setenv(name, "http://me:hunter2@proxy" if name == "PROXY" else "hunter2")
    with pytest.raises(ValueError, match="--env") as refused:
        variables([name])
    assert "hunter2" not in str(refused.value)


def test_a_secret_given_with_its_value_is_not_repeated():
    with pytest.raises(ValueError, match="--env TOKEN=…") as refused:
        variables(["TOKEN=hunter2"])
    assert "hunter2" not in str(refused.value)


def test_variables_are_handed_on_by_name(monkeypatch):
    monkeypatch.setenv("AWS_REGION", "north")
    monkeypatch.setenv("AWS_PROFILE", "team")
    assert variables(["AWS_REGION", "AWS_PROFILE"]) == {"AWS_REGION": "north", "AWS_PROFILE": "team"}


def test_options_are_quoted_for_the_shell_and_checked():
    options = Options(data_root="/my data", mlflow="http://host:5000", download=True, python="/opt/env/bin/python")
    assert checked(options).command("run", "sweep.yaml") == (
        "exec /opt/env/bin/python -m search run sweep.yaml --data-root '/my data' --download --mlflow http://host:5000"
    )
    for wrong in (Options(data_root="data"), Options(data_root="s3://a:b@c"), Options(python=" ")):
        with pytest.raises(ValueError, match=r"--|password"):
            checked(wrong)
