"""A sweep in MLflow: a projection of its ledger, which may be made beside the sweep or days later.

``publish`` reads the ledger and writes runs; ``start`` and ``wait`` have it done by a process of its own beside a
sweep; ``serve`` opens MLflow's UI on the local store. No other folder imports mlflow, and this one only when it is
used. See ``projection`` for what a run holds, ``store`` for how it gets there.
"""

from search.tracking.process import start, wait
from search.tracking.publisher import Outcome, publish
from search.tracking.server import serve
from search.tracking.store import check_uri

__all__ = ["Outcome", "check_uri", "publish", "serve", "start", "wait"]
