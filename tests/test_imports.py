"""Who may import whom: the rules of the house, read from the syntax trees."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("search", "spaces", "trainables", "cluster")
FILES = sorted(path for package in OURS for path in (ROOT / package).rglob("*.py"))
STDLIB = set(sys.stdlib_module_names)


def imports(path: Path) -> dict[str, bool]:
    """Every module that a file imports, and whether it does so at its top level."""
    tree = ast.parse(path.read_text())
    checking = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ]
    typing_only = {id(inner) for node in checking for inner in ast.walk(node)}
    top = {id(node) for node in tree.body}
    found: dict[str, bool] = {}
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            modules = [node.module or ""]
            modules += [f"{node.module}.{alias.name}" for alias in node.names if node.module in OURS]
        else:
            continue
        for module in modules:
            found[module] = found.get(module, False) or id(node) in top
    return found


def roots(path: Path) -> set[str]:
    return {module.partition(".")[0] for module in imports(path)} - STDLIB


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", FILES, ids=place)
def test_layers(path):
    """Nobody imports search; the halves do not know each other; heavy libraries have one room each."""
    where, known = place(path), roots(path)
    package = where.partition("/")[0]
    if package != "search" and where != "cluster/sweep.py":
        assert "search" not in known, "nobody imports search; the script for `ray submit` starts it"
    if package == "spaces":
        assert known <= {"spaces", "ray"}, "spaces use the standard library alone"
        assert not imports(path).get("ray"), "ray is imported where to_tune is called"
    if where.startswith("trainables/scores/"):
        assert known <= {"trainables", "numpy", "scipy", "sklearn"}
    if package == "trainables":
        assert not known & {"spaces", "cluster", "optuna", "mlflow"}
        if where.startswith(("trainables/core/", "trainables/data/")):
            methods = {f"trainables.{p.stem}" for p in (ROOT / "trainables").glob("*.py") if p.stem != "__init__"}
            assert not methods & set(imports(path)), "methods import core, never the reverse"

    if "ray" in known:
        assert (
            where
            in (
                "search/schedule.py",
                "search/connection.py",
                "search/on_ray.py",
                "trainables/core/ray_trainable.py",
                "spaces/core/domains.py",
                "spaces/core/space.py",
            )
            or package == "cluster"
        )
    if "optuna" in known:
        assert where == "search/sampler.py" or where.startswith("search/report/")
    if "plotly" in known:
        assert where.startswith("search/report/") and not imports(path).get("plotly")
    if "mlflow" in known:
        assert where.startswith("search/tracking/")


def test_the_mlflow_folder_shadows_nothing():
    assert not list((ROOT / "mlflow").rglob("*.py"))


def test_no_file_is_long():
    for path in [*FILES, *(ROOT / "tests").rglob("*.py")]:
        assert len(path.read_text().splitlines()) <= 300, place(path)


HEAVY = {
    *("torch", "torchvision", "ray", "optuna", "mlflow", "pyarrow"),
    *("sklearn", "scipy", "matplotlib", "pandas", "plotly"),
}


def test_every_package_is_installed():
    """A package that pyproject.toml does not name is missing from wheels, and only there."""
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    tops = ("search", "spaces", "trainables", "cluster")
    there = [p.parent.relative_to(ROOT) for top in tops for p in (ROOT / top).rglob("__init__.py")]
    assert sorted(named) == sorted(".".join(path.parts) for path in there)


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["run", "--help"],
        ["report", "--help"],
        ["simulate", "--help"],
        ["record", "factor_vea", "--output", "x.parquet"],
        ["check", "--help"],
        ["top", "nothing"],
        ["compare", "nothing", "0", "1"],
        ["run", "factor_vea"],
        ["run", "beta_vae", "--data", "x"],
        ["submit", "--help"],
        ["submit", "factor_vea"],
        ["submit", "first_look", "--storage", "/shared", "--dry-run"],
        ["status", "first_look", "--address", "head:8265"],
    ],
    ids=" ".join,
)
def test_quick_commands_import_nothing_heavy(words):
    code = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print('HEAVY', sorted({HEAVY!r} & set(sys.modules))))\n"
        f"sys.argv = ['teasel', *{words!r}]\n"
        "from search.__main__ import main\n"
        "main()\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "HEAVY []" in ran.stdout, ran.stdout + ran.stderr


def test_everything_under_trainables_but_one_file_works_without_ray():
    code = (
        "import sys\n"
        "sys.modules['ray'] = None\n"
        "import trainables\n"
        "from trainables.core import trial\n"
        "import trainables.data, trainables.scores\n"
        "[trainables.method(name) for name in trainables.names()]\n"
        "trainables.scores.metrics()\n"
        "assert not {'optuna', 'mlflow', 'search', 'spaces'} & set(sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
