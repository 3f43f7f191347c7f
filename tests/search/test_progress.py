"""How a sweep stands, from its ledger, in words and as JSON."""

import json

from tests_search.command import teasel
from tests_search.ledgers import Builder, small

from search.folder import existing
from search.progress import progress


def test_a_sweep_under_way(tmp_path):
    made = Builder(tmp_path / "look", pictures=False)

    def told():
        return progress(existing(tmp_path, "look").history())

    found = told()
    assert (found.trials, found.ended, found.running, found.best, found.closed) == (8, 0, 0, None, None)
    made.trial(0)
    made.report(0, 10)
    assert told().best["trial"] == 0, "before any is complete, the best that was reported"
    made.whole(1)
    made.whole(2, 20)
    found = told()
    assert (found.ended, found.complete, found.running, found.best["trial"]) == (2, 1, 1, 1)
    made.close("interrupted")
    made.ledger.close()
    assert told().closed == "interrupted"


def test_status_without_a_cluster_reads_the_storage(tmp_path):
    small(tmp_path / "look")
    said = teasel("status", "look", "--storage", tmp_path)
    assert "8 of 8 ended, 5 of them complete; 0 begun" in said
    assert "Best: trial 004 with score/mig 0.5714" in said
    found = json.loads(teasel("status", "look", "--storage", tmp_path, "--json"))
    assert found["best"]["objectives"]["score/mig"] == 5 * 80 / 700
    assert found["id"] == "0123456789ab"
    assert "No sweep named 'lok'" in teasel("status", "lok", "--storage", tmp_path, code=2)
    assert "Name the sweep" in teasel("status", "--storage", tmp_path, code=2)
