"""People before a tracking server: what each can do with Teasel, with MLflow's client, and with requests alone."""

import contextlib
import os
import sys

import pytest
import requests
from tests_server.machine import FILES, sh


class Person:
    """A user of the server with a home folder, whose credentials lie in MLflow's file or in the environment."""

    def __init__(self, site, name, password, *, in_file=False):
        self.name, self.password, self.site = name, password, site
        self.home = site.folder / "home" / name
        (self.home / ".mlflow").mkdir(parents=True, exist_ok=True)
        self.env = {
            "HOME": str(self.home),
            "OMP_NUM_THREADS": "1",
            "TEASEL_CACHE": os.environ["TEASEL_CACHE"],
            "MLFLOW_TRACKING_URI": site.uri,
            "MLFLOW_TRACKING_SERVER_CERT_PATH": str(site.certificate),
        }
        given = {"MLFLOW_TRACKING_USERNAME": name, "MLFLOW_TRACKING_PASSWORD": password}
        if in_file:
            path = self.home / ".mlflow" / "credentials"
            path.touch(mode=0o600)
            path.write_text("[mlflow]\n" + "".join(f"{key.lower()} = {value}\n" for key, value in given.items()))
        else:
            self.env |= given

    def teasel(self, *words, code=0, **env):
        """What ``teasel`` printed, on one line."""
        said = sh(sys.executable, "-m", "search", *words, env={**self.env, **env}, code=code)
        return " ".join(said.split())

    def ask(self, path, method="GET", **given):
        """A request with this person's name and password."""
        return asked(self.site, path, method, auth=(self.name, self.password), **given)

    @contextlib.contextmanager
    def client(self):
        """MLflow's client as this person has it."""
        from mlflow import MlflowClient

        given = {"MLFLOW_TRACKING_USERNAME": self.name, "MLFLOW_TRACKING_PASSWORD": self.password}
        given["MLFLOW_TRACKING_SERVER_CERT_PATH"] = str(self.site.certificate)
        with pytest.MonkeyPatch.context() as patch:
            for key, value in given.items():
                patch.setenv(key, value)
            yield MlflowClient(tracking_uri=self.site.uri, registry_uri=self.site.uri)


def asked(site, path, method="GET", **given):
    url = path if path.startswith("http") else f"{site.uri}/{path}"
    return requests.request(method, url, verify=str(site.certificate), timeout=30, **given)


def accounts(admin, *words, **given):
    return sh(FILES / "accounts.sh", *words, env=admin.env, **given)


def content(person, sweep):
    """All that a person sees of the sweep, to be compared: runs with their files, and models."""
    with person.client() as client:
        experiment = client.get_experiment_by_name(sweep)
        runs = client.search_runs([experiment.experiment_id])
        found = {run.info.run_id: (run.to_dictionary(), files(client, run.info.run_id)) for run in runs}
        versions = client.search_model_versions(f"name = '{sweep}'")
        return found, [(v.version, v.run_id, v.source, v.tags) for v in versions]


def files(client, run):
    left, found = [None], {}
    while left:
        for entry in client.list_artifacts(run, left.pop()):
            if entry.is_dir:
                left.append(entry.path)
            else:
                found[entry.path] = entry.file_size
    return found
