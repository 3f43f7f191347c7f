"""The MLflow side: one experiment for a sweep's name, its runs looked up by tag before any is created.

Everything here may be repeated: what is there already is left as it is. Raises MLflow's and requests' own exceptions.
Knows the ledger only through ``search.tracking.projection``.
"""

from __future__ import annotations

import io
import os
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search.tracking.projection import PARENT, Face, Picture, Point
from trainables.core.storage import Place, Where, place

POINTS, PARAMS = 1000, 100
"""MLflow's limits of one batch; a batch's points, parameters and tags together are at most ``POINTS``."""

ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT": "60",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""MLflow's own retries sleep for minutes, and repeat a ``create_run`` whose answer was lost."""

KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Makes MLflow's UI open on the runs and not on traces of language models."""

BIGGEST = 50 * 2**20
"""Bytes of a picture at most."""
PIXELS = 20_000_000
"""Pixels of a picture at most: a small file may hold more than memory does."""


@contextmanager
def environment() -> Iterator[None]:
    """MLflow with short calls, no telemetry and a quiet log; what the user has set counts."""
    import logging

    added = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(added)
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic", "urllib3")]
    levels = [logger.level for logger in loggers]
    try:
        from mlflow import MlflowClient  # noqa: F401  (it sets its loggers' levels when it is imported)

        for logger in loggers:
            # What fails is told in a sentence; MLflow would print its traceback.
            logger.setLevel(logging.CRITICAL)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        for name in added:
            os.environ.pop(name, None)


@dataclass(kw_only=True)
class Known:
    """A run as the server has it."""

    id: str
    name: str
    status: str
    end: int | None
    params: Mapping[str, str]
    tags: dict[str, str]
    latest: Mapping[str, float] = field(default_factory=dict)


class Store:
    """One sweep's runs on one tracking server."""

    def __init__(self, uri: str, storage: Path, name: str, tags: Mapping[str, str]) -> None:
        from mlflow import MlflowClient

        self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        self.tags = dict(tags)
        self.experiment = self._experiment(uri, storage, name)
        self.runs: dict[int, Known] = {}
        self.refresh()

    def _experiment(self, uri: str, storage: Path, name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(name)
        if found is None:
            # A server decides where its artifacts lie; without one they lie beside the results.
            place = None if uri.startswith("http") else (storage.absolute() / "mlartifacts" / name).as_uri()
            try:
                return self._client.create_experiment(name, artifact_location=place, tags=KIND)
            except MlflowException:
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        return found.experiment_id

    # -- finding and creating ---------------------------------------------------------------------------------------

    def refresh(self, trials: Iterable[int] | None = None) -> None:
        """Ask the server which runs of this sweep it has: all, or those of a few trials.

        Of several for one trial, the one with the smallest id stays and the others are marked and deleted.
        """
        asked = [{}] if trials is None else [_key(trial) for trial in trials]
        found: dict[int, list[Any]] = {}
        for more in asked:
            for run in self._search({**self.tags, **more}):
                if "teasel.duplicate" not in run.data.tags:
                    trial = run.data.tags.get("teasel.trial", str(PARENT))
                    # Others may write to the server too.
                    if trial == str(PARENT) or (trial.isdecimal() and len(trial) < 10):
                        found.setdefault(int(trial), []).append(run)
        for trial, runs in found.items():
            if trial == PARENT and trials is not None and PARENT not in trials:
                continue
            first, *others = sorted(runs, key=lambda run: (_deleted(run), run.info.run_id))
            for other in others:
                if _deleted(other):
                    continue
                self._client.set_tag(other.info.run_id, "teasel.duplicate", first.info.run_id)
                self._client.delete_run(other.info.run_id)
            if _deleted(first):
                self._client.restore_run(first.info.run_id)
            self.runs[trial] = _known(first)

    def search(self, wanted: str) -> list[Any]:
        """The experiment's active runs that MLflow's filter ``wanted`` lets through, whatever sweep they are of."""
        return [run for run in self._pages(wanted) if not _deleted(run)]

    def _search(self, tags: Mapping[str, str]) -> Iterator[Any]:
        return self._pages(" and ".join(f"tags.`{k}` = '{v}'" for k, v in tags.items()))

    def _pages(self, wanted: str) -> Iterator[Any]:
        from mlflow.entities import ViewType

        token = None
        while True:
            page = self._client.search_runs([self.experiment], wanted, ViewType.ALL, max_results=500, page_token=token)
            yield from page
            if not (token := page.token):
                return

    def ensure(self, faces: Mapping[int, Face]) -> None:
        """Create the runs that the server lacks; ``faces`` are of all runs that are wanted, the parent among them."""
        if missing := [key for key in faces if key not in self.runs]:
            self._refresh(missing)
        if missing := [key for key in faces if key not in self.runs]:
            for key in sorted(missing):
                self._create(key, faces[key])
            # Another publisher may have created the same ones meanwhile, and an answer may have been lost.
            self._refresh(missing)

    def _refresh(self, missing: Sequence[int]) -> None:
        self.refresh(missing if len(missing) <= 5 and PARENT not in missing else None)

    def _create(self, key: int, face: Face) -> None:
        tags = {**face.tags, **({} if key == PARENT else self._child())}
        run = self._client.create_run(self.experiment, face.start, tags, face.name)
        self.runs[key] = _known(run)

    def _child(self) -> dict[str, str]:
        return {"mlflow.parentRunId": self.runs[PARENT].id}

    # -- writing ----------------------------------------------------------------------------------------------------

    def write(self, key: int, face: Face, points: Sequence[Point]) -> None:
        """Bring a run's points, parameters, tags, name and status up to what they should be."""
        from mlflow.entities import Metric, Param, RunTag

        known = self.runs[key]
        tags = {**face.tags, **({} if key == PARENT else self._child())}
        params = [Param(k, v) for k, v in face.params.items() if k not in known.params]
        fresh = [RunTag(k, v) for k, v in tags.items() if known.tags.get(k) != v]
        metrics = [Metric(p.name, p.value, p.time, p.step) for p in points]
        room = POINTS - 2 * PARAMS
        while params or fresh or metrics:
            self._client.log_batch(known.id, metrics[:room], params[:PARAMS], fresh[:PARAMS])
            metrics, params, fresh = metrics[room:], params[PARAMS:], fresh[PARAMS:]
        known.tags.update(tags)
        known.params = {**face.params, **known.params}
        if known.name != face.name:
            self._client.update_run(known.id, name=face.name)
            known.name = face.name
        if known.status != face.status or (face.end is not None and known.end != face.end):
            if face.end is None:
                self._client.update_run(known.id, status=face.status)
            else:
                self._client.set_terminated(known.id, face.status, face.end)
            known.status, known.end = face.status, face.end or known.end

    def mark(self, tags: Mapping[str, str]) -> None:
        """Set tags of the experiment."""
        for key, value in tags.items():
            self._client.set_experiment_tag(self.experiment, key, value)

    def files(self, key: int, contents: Mapping[str, bytes]) -> None:
        """Write artifacts, over what is there under the same names."""
        with tempfile.TemporaryDirectory(prefix="teasel-") as scratch:
            for name, content in contents.items():
                path = Path(scratch, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            self._client.log_artifacts(self.runs[key].id, scratch)

    def pictures(self, key: int, folder: Where, pictures: Sequence[Picture]) -> None:
        """Write pictures twice: under a name to read, and as MLflow's image grid wants them.

        ``MlflowClient.log_image`` would name the latter by a random number, so that a repetition doubled them; here
        the number comes from what the picture is.
        """
        with tempfile.TemporaryDirectory(prefix="teasel-") as scratch:
            staged = [_stage(Path(scratch), folder, p, f"{self.tags}/{key}") for p in pictures]
            if any(staged):
                self._client.log_artifacts(self.runs[key].id, scratch)
                if "mlflow.loggedImages" not in self.runs[key].tags:
                    self._client.set_tag(self.runs[key].id, "mlflow.loggedImages", "True")
                    self.runs[key].tags["mlflow.loggedImages"] = "True"


def picture_file(folder: Where, path: str) -> Place | None:
    """A picture that the ledger names, or ``None`` if it is gone, huge, or not below the sweep's folder."""
    source = place(folder).within(path)
    size = None if source is None else source.size()
    return source if size is not None and size <= BIGGEST else None


def _stage(scratch: Path, folder: Where, picture: Picture, identity: str) -> bool:
    from PIL import Image

    if (source := picture_file(folder, picture.path)) is None:
        return False
    content = source.read()
    plain = Path(source.name).stem
    stem = "".join(c if (c.isalnum() and c.isascii()) or c in "-_" else "_" for c in plain)
    grid, named = scratch / "images", scratch / "pictures" / stem
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as file:
            if file.width * file.height > PIXELS:
                return False
            small = file.convert("RGB")
        small.thumbnail((256, 256))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
    grid.mkdir(exist_ok=True)
    named.mkdir(parents=True, exist_ok=True)
    number = uuid.uuid5(uuid.NAMESPACE_URL, f"{identity}/{picture.step}/{stem}")
    name = f"{stem}+step+{picture.step}+timestamp+{picture.time}+{number}"
    small.save(grid / f"{name}+compressed.webp")
    (grid / f"{name}.png").write_bytes(content)
    (named / f"step-{picture.step:06d}.png").write_bytes(content)
    return True


def _key(trial: int) -> dict[str, str]:
    return {} if trial == PARENT else {"teasel.trial": str(trial)}


def _deleted(run: Any) -> bool:
    return bool(run.info.lifecycle_stage == "deleted")


def _known(run: Any) -> Known:
    return Known(
        id=run.info.run_id,
        name=run.info.run_name,
        status=run.info.status,
        end=run.info.end_time,
        params=dict(run.data.params),
        tags=dict(run.data.tags),
        latest=dict(run.data.metrics),
    )
