"""The address of a sweep's page in MLflow's UI, on a local server or on a team's."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Iterable

from search.tracking import view


def link(url: str, name: str | None) -> str:
    """The page of a sweep's runs, best first; the start page where the server does not know it.

    For a server that asks for no password; it is asked without MLflow's client, which takes seconds to import.
    """
    if name is None:
        return url
    query = urllib.parse.urlencode({"experiment_name": name})
    try:
        with urllib.request.urlopen(f"{url}/api/2.0/mlflow/experiments/get-by-name?{query}", timeout=10) as answer:
            found = json.load(answer)["experiment"]
            experiment = found["experiment_id"]
    except (OSError, ValueError, KeyError):
        return url
    return page(url, experiment, [tag["key"] for tag in found.get("tags", ())])


def on_server(url: str, name: str | None) -> str:
    """``link`` on a server that may ask for a password.  Raises ``ValueError`` where it refuses or lacks the sweep."""
    from search.tracking.publisher import sentence
    from search.tracking.store import environment
    from search.tracking.uri import check_uri

    check_uri(url)
    if not url.startswith("http"):
        raise ValueError(f"{url} is a database and no server; `teasel ui` shows the one in the storage, or a server's.")
    with environment():
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=url, registry_uri=url)
        try:
            if name is None:
                client.search_experiments(max_results=1)
                return url
            found = client.get_experiment_by_name(name)
        except Exception as error:
            raise ValueError(f"MLflow cannot be asked: {sentence(url, error)}.") from None
    if found is None:
        raise ValueError(f"{url} has no sweep {name!r}; `teasel publish {name}` brings it there.")
    return page(url.rstrip("/"), found.experiment_id, found.tags)


def page(url: str, experiment: str, tags: Iterable[str]) -> str:
    """The page of an experiment's runs, in the columns that the publisher chose where it has them."""
    shown = {"orderByKey": "metrics.`rank`", "orderByAsc": "true"}
    if view.TAG in tags:
        # An address that says how to sort as well would be shown without the view.
        shown = {"viewStateShareKey": view.KEY}
    parts = urllib.parse.urlencode({"workflowType": "machine_learning", **shown})
    return f"{url}/#/experiments/{experiment}/runs?{parts}"
