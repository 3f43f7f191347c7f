"""Addresses of tracking servers and credentials for them: what is refused, and that refusing repeats no secret."""

import pytest

from search.tracking import check_uri, credentials


@pytest.mark.parametrize(
    "bad",
    [
        *("http://me:CANARY@host:5000", "https://CANARY@host", "postgresql://u:CANARY@db/x", "http://h/?token=CANARY"),
        *("me:CANARY@host:5000", "me@host:CANARY", "postgresql+psycopg2://db/x?user=me&password=CANARY"),
        *("file:///tmp/mlruns", "/tmp/mlruns", "mlruns", "databricks", "http://", "ftp://host/x", "http://[bad"),
    ],
)
def test_addresses_that_are_refused(bad):
    with pytest.raises(ValueError, match=r"MLflow") as refused:
        check_uri(bad)
    assert "CANARY" not in str(refused.value)


@pytest.mark.parametrize("good", [None, "http://127.0.0.1:5000", "https://host/mlflow", "sqlite:////tmp/a.db"])
def test_addresses_that_are_taken(good):
    check_uri(good)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (*credentials.NAMES, credentials.CERTIFICATE, "MLFLOW_TRACKING_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_a_file_of_credentials_that_others_can_read_is_refused(home):
    path = home / ".mlflow" / "credentials"
    path.parent.mkdir()
    path.write_text("[mlflow]\nmlflow_tracking_username = me\nmlflow_tracking_password = CANARY\n")
    for mode in (0o644, 0o640, 0o606):
        path.chmod(mode)
        with pytest.raises(ValueError, match=f"`chmod 600 {path}` mends it") as refused:
            check_uri("https://host")
        assert "CANARY" not in str(refused.value)
        check_uri("sqlite:////tmp/a.db")
    path.chmod(0o600)
    check_uri("https://host")


def test_half_credentials_are_refused(home, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    with pytest.raises(ValueError, match="MLFLOW_TRACKING_PASSWORD is not"):
        check_uri("https://host")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "CANARY")
    check_uri("https://host")
    # MLflow's client would take no certificate for any certificate.
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", "")
    with pytest.raises(ValueError, match="set to nothing"):
        check_uri("https://host")


def test_a_refusal_is_one_clear_line(home, monkeypatch):
    said = "API request to endpoint /api/2.0/mlflow/x failed with error code {} != 200. Response body: 'You are not'"
    assert "wants a user name and password" in credentials.refusal(said.format(401))
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "CANARY")
    assert credentials.refusal(said.format(401)) == "wrong user name or password (401)"
    assert credentials.refusal("401 Client Error: UNAUTHORIZED for url: x") == "wrong user name or password (401)"
    assert "teasel share" in credentials.refusal(said.format(403))
    assert "MLFLOW_SERVER_ALLOWED_HOSTS" in credentials.refusal(said.format(403) + "Invalid Host header - possible")
    assert credentials.refusal(said.format(500)) is None
