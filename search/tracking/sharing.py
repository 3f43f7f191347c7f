"""Who else may see a sweep on a server with accounts: the experiment with its runs and files, and its picked model.

On such a server what a user publishes is that user's alone. Knows MLflow's permissions and no passwords.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from search.tracking.publisher import sentence
from search.tracking.store import environment
from search.tracking.uri import check_uri

LEVELS = ("READ", "EDIT", "MANAGE", "NONE")
"""See it; publish into it too; share and delete it too; none of that any longer."""


def share(uri: str, name: str, user: str, level: str) -> list[str]:
    """Give ``user`` a permission on sweep ``name``; what it was given on.

    Raises ``ValueError`` where the server has no such sweep or user, knows no permissions, or refuses.
    """
    check_uri(uri)
    if not uri.startswith("http"):
        raise ValueError(f"{uri} is a database, which knows no users; a sweep is shared on a server with accounts.")
    if level not in LEVELS:
        raise ValueError(f"{level!r} is no permission; permissions are {', '.join(LEVELS)}.")
    with environment():
        from mlflow.utils.credentials import read_mlflow_creds

        if user == read_mlflow_creds().username:
            raise ValueError(f"You are {user}; give it to somebody else.")
        try:
            given = _shared(uri, name, user, level)
        except Exception as error:
            raise ValueError(_why(uri, user, error)) from None
    if not given:
        raise ValueError(f"{uri} has no sweep {name!r}; `teasel publish {name}` brings it there.")
    return given


def _shared(uri: str, name: str, user: str, level: str) -> list[str]:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    found = client.get_experiment_by_name(name)
    if found is None:
        return []
    _change(uri, "experiment", found.experiment_id, user, level)
    # Asked for by its name, a model that is not there would be refused like somebody else's.
    if not client.search_registered_models(f"name = '{name}'"):
        return [f"experiment {name}"]
    _change(uri, "registered_model", name, user, level)
    return [f"experiment {name}", f"model {name}"]


def _change(uri: str, kind: str, identity: str, user: str, level: str) -> None:
    """Take back what ``user`` was given before, which the server would not change, and give ``level``."""
    what = {"username": user, "resource_type": kind, "resource_id": identity}
    try:
        _ask(uri, "revoke", what)
    except Exception as error:
        if not re.search("Permission for user.* not found", str(error)):
            raise
    if level != "NONE":
        _ask(uri, "grant", {**what, "permission": level})


def _ask(uri: str, verb: str, what: Mapping[str, str]) -> None:
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request, verify_rest_response

    endpoint = f"/api/3.0/mlflow/users/permissions/{verb}"
    answer = http_request(get_default_host_creds(uri), endpoint, "POST", json=what)
    verify_rest_response(answer, endpoint, expected_status=200)


def _why(uri: str, user: str, error: Exception) -> str:
    said = str(error)
    if "User with username" in said:
        return f"{uri} has no user {user!r}."
    if "permissions/" in said and "error code 404" in said:
        return f"{uri} has no accounts, so everybody who reaches it sees the sweep."
    return f"Not shared: {sentence(uri, error)}."
