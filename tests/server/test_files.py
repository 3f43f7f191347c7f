"""The files in ``mlflow/`` as far as they can be checked without a server."""

import re
import shutil
import stat

import pytest
import yaml
from tests_server.machine import FILES, environment, sh

ROOT = FILES.parent


@pytest.fixture
def etc(tmp_path):
    sh(FILES / "configure.sh", "mlflow.lab.example", tmp_path / "etc")
    return tmp_path / "etc"


def test_secrets_are_random_and_closed_and_kept(etc, tmp_path):
    path = etc / "secrets.env"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secrets = environment(path)
    assert set(secrets) == {"PGPASSWORD", "MLFLOW_AUTH_ADMIN_PASSWORD", "MLFLOW_FLASK_SERVER_SECRET_KEY"}
    assert len(set(secrets.values())) == 3 and all(re.fullmatch("[0-9a-f]{48}", value) for value in secrets.values())
    # Once more changes nothing, and closes what has been opened.
    path.chmod(0o644)
    assert "left as it is" in sh(FILES / "configure.sh", "other.example", etc)
    assert environment(path) == secrets and stat.S_IMODE(path.stat().st_mode) == 0o600
    sh(FILES / "configure.sh", "mlflow.lab.example", tmp_path / "second")
    assert not set(secrets.values()) & set(environment(tmp_path / "second" / "secrets.env").values())


@pytest.mark.parametrize("name", ["https://mlflow.example.org", "mlflow.example.org:5000", "a b", "$(id)", ""])
def test_what_is_no_host_name_is_refused(name, tmp_path):
    said = sh(FILES / "configure.sh", name, tmp_path / "etc", code=2)
    assert "is no host name" in said and not (tmp_path / "etc").exists()


def test_the_settings_hold_no_secret_and_are_tight(etc):
    settings = environment(etc / "server.env")
    assert settings["MLFLOW_SERVER_ALLOWED_HOSTS"] == "mlflow.lab.example"
    assert settings["MLFLOW_HOST"] == settings["PGHOST"] == "127.0.0.1"
    assert not [name for name in settings if re.search("PASSWORD|SECRET|TOKEN|_KEY", name)]
    assert "@" not in "".join(settings.values()) and "*" not in "".join(settings.values())
    written = (etc / "basic_auth.ini").read_text()
    assert "default_permission = NO_PERMISSIONS" in written and not re.search(r"(?m)^admin_", written)
    for path in etc.iterdir():
        assert "mlflow.example.org" not in path.read_text(), path


def test_the_containers_are_what_the_machine_is():
    compose = yaml.safe_load((FILES / "compose.yaml").read_text())
    server, database = compose["services"]["server"], compose["services"]["database"]
    assert server["ports"] == ["127.0.0.1:5000:5000"] and "ports" not in database
    assert server["env_file"] == ["site/server.env", "site/secrets.env"]
    assert compose["networks"]["inside"] == {"internal": True}
    # Only places differ from the settings that all share.
    assert set(server["environment"]) <= {"PGHOST", "PGPORT", "MLFLOW_HOST", "MLFLOW_PORT"}
    for volume in (*server["volumes"], *database["volumes"]):
        source = volume.partition(":")[0]
        known = source in compose["volumes"] or source.startswith("./site/") or (FILES / source).exists()
        assert known, source
    # Secrets stand in no file that is committed.
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or str(value).startswith("${")
    command = re.search(r"(?m)^CMD (.*)$", (FILES / "Dockerfile").read_text()).group(1)
    started = re.search(r"(?m)^ExecStart=/opt/mlflow/bin/(.*)$", (FILES / "mlflow.service").read_text()).group(1)
    assert yaml.safe_load(command) == started.split()
    for copied in re.findall(r"(?m)^COPY (?:--\S+ )?(.*) \S+$", (FILES / "Dockerfile").read_text()):
        assert all((ROOT / path).exists() for path in copied.split())


def test_the_server_needs_what_the_package_says():
    named = {line for line in (FILES / "requirements.txt").read_text().splitlines() if line[0] not in "#-"}
    group = re.search(r"(?m)^server = \[(.*)\]$", (ROOT / "pyproject.toml").read_text()).group(1)
    assert named == {wanted.partition(">=")[0] for wanted in re.findall('"([^"]+)"', group)}
    pinned = (ROOT / "constraints.txt").read_text().lower()
    for package in ("flask-wtf", "psycopg2-binary", "boto3"):
        assert f"\n{package}==" in pinned


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_units(tmp_path):
    for path in (*FILES.glob("*.service"), *FILES.glob("*.timer")):
        text = re.sub(r"/opt/mlflow/bin/\w+", "/bin/true", path.read_text())
        (tmp_path / path.name).write_text(text)
    assert sh("systemd-analyze", "verify", *sorted(tmp_path.iterdir())) == ""


def test_the_readme_names_every_file_and_no_other():
    said = (FILES / "README.md").read_text()
    for path in FILES.iterdir():
        if path.is_file() and path.name not in ("README.md", "secrets.env"):
            group = "mlflow-backup.*" if path.name.startswith("mlflow-backup") else path.name
            assert group in said, path.name
    assert not list(FILES.rglob("*.py"))
    for script in FILES.glob("*.sh"):
        assert script.stat().st_mode & 0o111, f"{script.name} is not executable"
