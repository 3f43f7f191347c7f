"""Where a tracking server is: which addresses can be published to, and where results lie that name none."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from search.tracking import credentials

KNOWN = ("http", "https", "sqlite", "postgresql", "mysql", "mssql")


def check_uri(uri: str | None) -> None:
    """Refuse, with a ``ValueError``, a tracking URI that cannot be published to."""
    address(uri, Path())


def address(uri: str | None, storage: Path) -> str:
    """The tracking URI, by default a database in ``storage``.

    Raises ``ValueError`` for one that holds credentials (and does not repeat them) or that MLflow cannot write to, and
    where the credentials for a server can be read by others.
    """
    if uri is None:
        return f"sqlite:///{storage.absolute() / 'mlflow.db'}"
    try:
        parts = urlsplit(uri)
        kind = parts.scheme.partition("+")[0]
        # A query of a database's address may hold a password too; without a scheme anything may.
        query = parts.query and (kind[:4] == "http" or "pass" in parts.query.lower())
        secret = "@" in parts.netloc or bool(query) or (kind not in KNOWN and "@" in uri)
    except ValueError:
        raise ValueError("The MLflow URI cannot be read; write it as http://host:5000.") from None
    if secret:
        raise ValueError(
            "The MLflow URI holds a user name, password or token, which would be seen in logs and process lists. "
            "Leave them out and set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or write them into "
            "~/.mlflow/credentials; a token goes into MLFLOW_TRACKING_TOKEN."
        )
    if kind not in KNOWN or (kind[:4] == "http" and not parts.netloc):
        raise ValueError(
            f"{uri[:200]!r} is no MLflow server; write http://host:5000, sqlite:////folder/mlflow.db, "
            "or leave --mlflow out for a database beside the results."
        )
    if kind[:4] == "http":
        credentials.check()
    return uri
