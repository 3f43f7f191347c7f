"""MLflow's model registry: a model folder becomes a version whose lineage is its run, and is fetched again by name.

``register`` may be repeated: the same model of the same run is one version. Everything goes through a client of an
explicit address, and MLflow's own global state is left alone. Knows nothing of sweeps, ledgers or how to choose.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.tracking.publisher import sentence
from search.tracking.store import environment
from search.tracking.uri import address
from search.tracking.words import text
from trainables.core.registry import nearest
from trainables.core.storage import Where, place

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from trainables.core.model import Model

NAME = r"[^/:@'\"]+"
SHA256 = "teasel.sha256"
"""The tag that tells which model a version is."""


class RegistryError(ValueError):
    """No such model, or a server that refuses or does not answer; one line says which."""


@dataclass(frozen=True)
class Named:
    """``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``."""

    name: str
    alias: str | None = None
    version: str | None = None

    @classmethod
    def of(cls, model: str) -> Named:
        """Raises ``RegistryError`` for anything else."""
        found = re.fullmatch(rf"models:/({NAME})(?:@({NAME})|/(\d+))", model)
        if found is None:
            raise RegistryError(f"{model!r} is no registered model; write models:/NAME@pick or models:/NAME/3.")
        return cls(*found.groups())


def register(
    folder: Where,
    *,
    uri: str | None,
    storage: Path,
    name: str,
    run_id: str,
    alias: str = "pick",
    tags: Mapping[str, str] | None = None,
    description: str = "",
) -> int:
    """Make the model in ``folder`` a version of the registered model ``name``, called ``alias``; its number.

    Its files become artifacts of the run, in a folder named by the weights, and the version names run and folder. The
    same model of the same run keeps its version, and its tags and description are brought up to date. ``uri`` is the
    tracking server's, by default the database in ``storage``. Raises ``ModelError`` for a folder that cannot be
    loaded, ``ValueError`` for a URI that cannot be used, and ``RegistryError``.
    """
    from trainables.core import model_file

    if not re.fullmatch(NAME, name) or not name.strip(" ."):
        raise RegistryError(f"{name!r} cannot name a model: it must be text without / : @ and quotes.")
    model = model_file.load(folder)
    told = {
        SHA256: model.sha256,
        "teasel.method": model.name,
        "teasel.version": str(model.card.get("teasel", "")),
        **(tags or {}),
    }
    with _client(uri, storage) as client:
        run = client.get_run(run_id)
        path = f"model-{model.sha256[:12]}"
        version = _registered(client, name, run_id, model.sha256)
        if version is None:
            _upload(client, model, folder, run, path)
            _ensure(client, name)
            version = client.create_model_version(
                name,
                source=f"{run.info.artifact_uri.rstrip('/')}/{path}",
                run_id=run_id,
                tags={key: text(value) for key, value in told.items()},
                description=text(description, lines=True) or None,
            )
        else:
            for key, value in told.items():
                if version.tags.get(key) != text(value):
                    client.set_model_version_tag(name, version.version, key, text(value))
            if description and version.description != text(description, lines=True):
                client.update_model_version(name, version.version, text(description, lines=True))
        client.set_registered_model_alias(name, alias, version.version)
        return int(version.version)


def fetch(model: str, into: Path, *, uri: str | None, storage: Path) -> Path:
    """Download ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION`` into the folder ``into``; where its files lie.

    Raises ``RegistryError``, which names what there is instead, and ``ValueError`` for a URI that cannot be used.
    """
    named = Named.of(model)
    with _client(uri, storage) as client:
        from mlflow.artifacts import download_artifacts

        version = _version(client, named)
        found = client.get_model_version_download_uri(named.name, version)
        server = client.tracking_uri
        return Path(download_artifacts(found, dst_path=str(into), tracking_uri=server, registry_uri=server))


def load_model(model: str, *, uri: str | None = None, storage: Path = Path("results")) -> Model:
    """A registered model, as ``mlflow.pytorch.load_model`` would give it and without pickle.

    Its ``modules`` are the torch modules. Raises as ``fetch``, and ``ModelError`` where it is not one of Teasel's, or
    did not arrive whole.
    """
    from trainables.core import model_file

    with tempfile.TemporaryDirectory(prefix="teasel-") as scratch:
        return model_file.load(fetch(model, Path(scratch), uri=uri, storage=storage))


@contextmanager
def _client(uri: str | None, storage: Path) -> Iterator[MlflowClient]:
    server = address(uri, storage)
    if uri is None and not (storage / "mlflow.db").exists():
        # MLflow would make an empty one.
        raise RegistryError(f"No MLflow database in {storage.absolute()}, so no model is registered there.")
    with environment():
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
        from requests import RequestException

        try:
            yield MlflowClient(tracking_uri=server, registry_uri=server)
        except (MlflowException, RequestException) as error:
            raise RegistryError(sentence(server, error)) from None


def _registered(client: MlflowClient, name: str, run_id: str, sha256: str) -> Any:
    """The version that is this model of this run, or ``None``."""
    found = [
        version
        for version in client.search_model_versions(f"run_id = '{run_id}'")
        if version.name == name and version.tags.get(SHA256) == sha256
    ]
    return min(found, key=lambda version: int(version.version), default=None)


def _upload(client: MlflowClient, model: Model, folder: Where, run: Any, path: str) -> None:
    from search.tracking import flavors
    from trainables.core.checkpoint import MANIFEST
    from trainables.core.model_file import CARD, WEIGHTS

    with tempfile.TemporaryDirectory(prefix="teasel-") as scratch:
        flavors.write(model, Path(scratch), run_id=run.info.run_id, path=path, time=run.info.start_time)
        for file in (WEIGHTS, CARD, MANIFEST):
            Path(scratch, file).write_bytes((place(folder) / file).read())
        client.log_artifacts(run.info.run_id, scratch, path)


def _ensure(client: MlflowClient, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _version(client: MlflowClient, named: Named) -> str:
    """The number of the version that is meant.  Raises ``RegistryError`` with what there is."""
    from mlflow.exceptions import MlflowException

    known = sorted(model.name for model in client.search_registered_models(max_results=1000))
    if named.name not in known:
        there = f"models are {', '.join(known)}" if known else "there is none yet"
        raise RegistryError(f"No registered model {named.name!r}{nearest(named.name, known)}; {there}.")
    if named.version is not None:
        try:
            return str(client.get_model_version(named.name, named.version).version)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
        versions = sorted(int(v.version) for v in client.search_model_versions(f"name = '{named.name}'"))
        raise RegistryError(
            f"{named.name} has no version {named.version}; versions are {', '.join(map(str, versions))}."
        )
    aliases = client.get_registered_model(named.name).aliases
    if named.alias not in aliases:
        there = f"aliases are {', '.join(sorted(aliases))}" if aliases else "it has no alias"
        raise RegistryError(f"{named.name} has no alias {named.alias!r}{nearest(named.alias, aliases)}; {there}.")
    return str(aliases[named.alias])
