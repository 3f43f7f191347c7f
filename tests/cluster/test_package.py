"""What a submission sends: the source and nothing else, the same for the same content, never too large."""

import io
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.package import SOURCE, gather, source_root

ROOT = Path(__file__).parents[2]
SWEEP = {"sweep.yaml": b"name: mine\n"}


@pytest.fixture
def tree(tmp_path):
    """A small checkout with a file of each kind that is sent."""
    root = tmp_path / "checkout"
    for folder, kinds in SOURCE.items():
        (root / folder / "core").mkdir(parents=True)
        (root / folder / "__init__.py").write_text("")
        for kind in kinds:
            (root / folder / "core" / f"a{kind}").write_text(f"{folder}{kind}")
    (root / "pyproject.toml").write_text('[project]\nname = "teasel"\n')
    return root


def names(root, **limits):
    return [file.name for file in gather(root, SWEEP, **limits).files]


def test_every_package_and_its_data_are_sent_and_nothing_else(tree):
    sent = set(names(ROOT))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    for package in project["packages"]:
        folder = ROOT / package.replace(".", "/")
        wanted = [*folder.glob("*.py")]
        for pattern in project["package-data"].get(package, ()):
            wanted += folder.glob(pattern)
        assert {path.relative_to(ROOT).as_posix() for path in wanted} <= sent
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode == 0:
        code = {path for path in tracked.stdout.split() if path.endswith(".py") and path.split("/")[0] in SOURCE}
        assert {path for path in code if (ROOT / path).exists()} <= sent
    assert {name.split("/")[0] for name in sent} == {*SOURCE, "pyproject.toml", "sweep.yaml"}
    assert source_root() == ROOT


NEVER = [
    *(".git/config", ".git/objects/ab/cd", ".venv/lib/x.py", "results/mine/ledger.jsonl", "data/mnist/train.yaml"),
    *("tests/test_it.py", "mlflow/compose.yaml", ".env", "key.pem", "credentials", "search/.env", "search/.env.py"),
    *("search/key.pem", "spaces/credentials.yaml", "spaces/secrets.yaml", "spaces/passwords.yaml", "spaces/.aws.yaml"),
    *("search/results/mine/trials/000/model.safetensors", "trainables/data/train.npz", "trainables/data/train.h5"),
    *("cluster/onprem.yaml", "cluster/slurm.sh", "cluster/Dockerfile", "cluster/auth_token", "spaces/id_rsa"),
    *("search/__pycache__/a.cpython-311.pyc", "search/__pycache__/a.py", "search/.ipynb_checkpoints/a.py"),
    *("search/.git/hooks.py", "trainables/core/mlflow.db", "conftest.py", "sweep.py", "constraints.txt", ".netrc"),
]


@pytest.mark.parametrize("path", NEVER)
def test_never_sent(tree, path):
    before = names(tree)
    (tree / path).parent.mkdir(parents=True, exist_ok=True)
    (tree / path).write_text("secret")
    assert names(tree) == before


@pytest.mark.parametrize("as_folder", [False, True], ids=["file", "folder"])
def test_a_link_out_of_the_tree_is_not_sent_and_said(tree, as_folder):
    outside = tree.parent / "outside"
    outside.mkdir()
    (outside / "private.py").write_text("TOKEN = 'secret'")
    link = tree / "search" / ("linked" if as_folder else "linked.py")
    link.symlink_to(outside if as_folder else outside / "private.py")
    package = gather(tree, SWEEP)
    assert b"secret" not in b"".join(file.read() for file in package.files)
    assert package.left_out == (() if as_folder else (f"search/linked.py (a link out of {tree})",))


def test_a_link_within_the_tree_is_sent_as_what_it_leads_to(tree):
    (tree / "search" / "linked.py").symlink_to(tree / "spaces" / "core" / "a.py")
    sent = {file.name: file.read() for file in gather(tree, SWEEP).files}
    assert sent["search/linked.py"] == b"spaces.py"


def test_a_file_named_like_a_secret_is_said(tree):
    (tree / "spaces" / "credentials.yaml").write_text("secret")
    (tree / "search" / "credentials.py").write_text("# code about credentials is code")
    package = gather(tree, SWEEP)
    assert package.left_out == ("spaces/credentials.yaml (named like a secret)",)
    assert "search/credentials.py" in names(tree)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.from_regex(
            r"(search|spaces|trainables|cluster|data|results)/[a-z.]{1,8}(\.py|\.yaml|\.pem|\.db|)", fullmatch=True
        ),
        st.binary(max_size=50),
        max_size=8,
    )
)
def test_the_same_content_packs_to_the_same_bytes_and_unpacks_to_itself(tree, files):
    for path, content in files.items():
        target = tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_dir():
            target.write_bytes(content)
    packed = gather(tree, SWEEP).zip()
    other = tree.parent / "elsewhere"
    shutil.rmtree(other, ignore_errors=True)
    shutil.copytree(tree, other)
    for number, path in enumerate(sorted(other.rglob("*"))):
        os.utime(path, (number, number))
        path.chmod(0o755)
    assert gather(other, SWEEP).zip() == packed
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        for name in archive.namelist():
            assert name in SWEEP or archive.read(name) == (tree / name).read_bytes()
            assert name in (*SWEEP, "pyproject.toml") or Path(name).suffix in SOURCE[name.split("/")[0]]


def test_other_content_packs_to_other_bytes(tree):
    before = gather(tree, SWEEP).zip()
    assert gather(tree, {"sweep.yaml": b"name: other\n"}).zip() != before
    (tree / "search" / "core" / "a.py").write_text("changed")
    assert gather(tree, SWEEP).zip() != before


def test_a_package_over_the_limit_is_refused_with_its_largest_files(tree):
    (tree / "trainables" / "core" / "weights.py").write_bytes(b"0" * 2_000_000)
    (tree / "spaces" / "table.yaml").write_bytes(b"0" * 1_200_000)
    with pytest.raises(
        ValueError, match=r"3\.2 MB.*at most 3 MB.*weights\.py \(2\.0 MB\), spaces/table\.yaml \(1\.2 MB\)"
    ):
        gather(tree, SWEEP, limit_mb=3)
    assert gather(tree, SWEEP, limit_mb=4).largest[0].name == "trainables/core/weights.py"
    for limit in (0, -1, 501, float("nan")):
        with pytest.raises(ValueError, match="--max-size"):
            gather(tree, SWEEP, limit_mb=limit)


def test_no_source_no_package(tmp_path):
    with pytest.raises(ValueError, match="no folder cluster"):
        gather(tmp_path, SWEEP)


def test_somebody_elses_project_file_is_not_sent(tree):
    (tree / "pyproject.toml").write_text('[project]\nname = "other"\n')
    assert "pyproject.toml" not in names(tree)


def test_what_is_sent_runs_alone(tmp_path):
    with zipfile.ZipFile(io.BytesIO(gather(ROOT, SWEEP).zip())) as archive:
        archive.extractall(tmp_path)
    code = (
        "import search, spaces, trainables; print(search.__file__); print(len(trainables.names()), len(spaces.names()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split()[0] == str(tmp_path / "search" / "__init__.py")
    assert ran.stdout.split()[1:] != ["0", "0"]
