"""Where a tracking server is: which addresses can be published to, and where results lie that name none."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit


def check_uri(uri: str | None) -> None:
    """Refuse, with a ``ValueError``, a tracking URI that cannot be published to."""
    address(uri, Path())


def address(uri: str | None, storage: Path) -> str:
    """The tracking URI, by default a database in ``storage``.

    Raises ``ValueError`` for one that holds credentials (and does not repeat them) or that MLflow cannot write to.
    """
    if uri is None:
        return f"sqlite:///{storage.absolute() / 'mlflow.db'}"
    try:
        parts = urlsplit(uri)
        secret = "@" in parts.netloc or bool(parts.query and parts.scheme in ("http", "https"))
    except ValueError:
        raise ValueError("The MLflow URI cannot be read; write it as http://host:5000.") from None
    if secret:
        raise ValueError(
            "The MLflow URI holds a user name, password or token, which would be seen in logs and process lists. "
            "Leave them out and set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
        )
    known = ("http", "https", "sqlite", "postgresql", "mysql", "mssql")
    if parts.scheme.partition("+")[0] not in known or (parts.scheme[:4] == "http" and not parts.netloc):
        raise ValueError(
            f"{uri[:200]!r} is no MLflow server; write http://host:5000, sqlite:////folder/mlflow.db, "
            "or leave --mlflow out for a database beside the results."
        )
    return uri
