"""A sweep in MLflow: a projection of its ledger, which may be made beside the sweep or days later.

``publish`` reads the ledger and writes runs; ``start`` and ``wait`` have it done by a process of its own beside a
sweep; ``serve`` opens MLflow's UI on the local store, ``on_server`` links to a sweep on a team's, ``share`` shows it to
somebody else there; ``register`` puts a model into MLflow's registry, ``fetch`` and
``load_model`` get it out. No other folder imports mlflow, and this one only when it is used. See ``projection`` for
what a run holds, ``store`` for how it gets there, ``flavors`` for what MLflow sees of a model.
"""

from search.tracking.link import on_server
from search.tracking.picking import run_id, tagged
from search.tracking.process import start, wait
from search.tracking.publisher import Outcome, publish
from search.tracking.registry import RegistryError, fetch, load_model, register
from search.tracking.server import serve
from search.tracking.sharing import share
from search.tracking.uri import check_uri

__all__ = [
    "Outcome",
    "RegistryError",
    "check_uri",
    "fetch",
    "load_model",
    "on_server",
    "publish",
    "register",
    "run_id",
    "serve",
    "share",
    "start",
    "tagged",
    "wait",
]
