"""The winner of a ready-made sweep, which is run first where it has not been."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import lru_cache
from typing import Any

from search.reproduction.core.experiment import Plan


@lru_cache(maxsize=8)
def winner(sweep: str, plan: Plan) -> dict[str, Any]:
    """The configuration that the sweep ``sweep`` ranks first on validation data.

    It is run in ``plan.storage``, or gone on with, or read when it has ended. Raises ``RuntimeError`` when that fails
    or no trial completed.
    """
    from search.folder import existing
    from search.history import COMPLETE
    from search.standings import ranking

    where = ["--storage", str(plan.storage), "--mlflow", "none"]
    where += ["--data-root", plan.data_root] if plan.data_root else []
    begun = (plan.storage / sweep).exists()
    # A process of its own: Ray and its workers end with it.
    words = [sys.executable, "-m", "search", *(("resume",) if begun else ("run",)), sweep, *where]
    ran = subprocess.run(words, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False)
    best = ranking(existing(plan.storage, sweep).history())[:1]
    if ran.returncode or not best or best[0].state != COMPLETE:
        raise RuntimeError(f"The sweep {sweep} in {plan.storage} ended with {ran.returncode} and no complete trial.")
    return dict(best[0].config)
