"""MLflow for the tests: an empty database to copy, and one real server for the session."""

import os
import shutil

import pytest


@pytest.fixture(scope="session")
def _quiet_mlflow():
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory, _quiet_mlflow):
    """MLflow takes nine seconds to make a database; made once, also for the faults, it is copied."""
    from tests_chaos import tries

    return tries.empty_database(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture
def storage(tmp_path, empty_database):
    """A storage with an empty MLflow database."""
    folder = tmp_path / "storage"
    folder.mkdir()
    shutil.copy(empty_database, folder / "mlflow.db")
    return folder


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory, _quiet_mlflow):
    """The address of a real MLflow server on 127.0.0.1, ended with the session."""
    from search.tracking.server import free_port, server

    with server(tmp_path_factory.mktemp("server"), free_port(5600)) as uri:
        yield uri
