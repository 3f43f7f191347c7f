"""What people say in the MLflow UI: the tag ``pick`` on a run; and which run a trial is.

Knows how runs are marked (``projection``) and nothing of how a pick is trained.
"""

from __future__ import annotations

from typing import Any

from search.folder import Folder, beside
from search.ledger import read
from search.tracking.projection import PARENT, Projection
from search.tracking.publisher import sentence
from search.tracking.store import Store, environment
from search.tracking.uri import address
from trainables.core.storage import Where, place

TAG = "pick"
"""The tag that a person sets on a run; its value may say why."""


def tagged(folder: Where, uri: str | None) -> dict[int, str]:
    """What the tag ``pick`` says, by trial, on the runs of the sweep in ``folder``; empty where there is none.

    Raises ``ValueError`` when it is on the sweep's own run or, and on none of its trials, on a run of another sweep;
    and when the server cannot be asked.
    """
    store = _store(folder, uri)
    if store is None:
        return {}
    with environment():
        runs = [run for run in _asked(store, uri) if TAG in run.data.tags]
    mine, others = {}, []
    for run in runs:
        tags = run.data.tags
        if any(tags.get(key) != value for key, value in store.tags.items()):
            others.append(run)
        elif "teasel.trial" not in tags:
            raise ValueError(
                f"In MLflow the tag `{TAG}` is set on the sweep's own run, {run.info.run_name!r}; set it on the run of "
                "a trial."
            )
        else:
            mine[_number(tags["teasel.trial"])] = tags[TAG]
    if others and not mine:
        names = ", ".join(repr(run.info.run_name) for run in others[:3])
        raise ValueError(
            f"In MLflow the tag `{TAG}` is set on a run of another sweep ({names}), not on one of "
            f"{place(folder).name!r}; set it on a run of this sweep, or name the trial."
        )
    return mine


def _number(tag: str) -> int:
    """Whoever may write to the server may have set it."""
    if not (tag.isdecimal() and len(tag) < 10):
        raise ValueError(f"In MLflow a run with the tag `{TAG}` is of trial {tag[:60]!r}, which is no trial's number.")
    return int(tag)


def run_id(folder: Where, uri: str | None, trial: int) -> str | None:
    """The id of a trial's run, or None where the server does not have it.  Raises as ``tagged``."""
    store = _store(folder, uri)
    return None if store is None or trial not in store.runs else store.runs[trial].id


def _store(folder: Where, uri: str | None) -> Store | None:
    """The sweep's runs, or None where nothing has been published."""
    sweep = Folder(place(folder))
    local = beside(sweep.storage)
    server = address(uri, local)
    if uri is None and not (local / "mlflow.db").exists():
        return None
    projection = Projection()
    for row in read(sweep.ledger):
        projection.add(row)
    with environment():
        try:
            store = Store(server, local, projection.experiment, projection.tags)
        except Exception as error:
            raise ValueError(f"MLflow cannot be asked: {sentence(server, error)}") from None
    return store if PARENT in store.runs else None


def _asked(store: Store, uri: str | None) -> list[Any]:
    try:
        return store.search(f"tags.`{TAG}` LIKE '%'")
    except Exception as error:
        raise ValueError(f"MLflow cannot be asked: {sentence(uri or 'the local database', error)}") from None
