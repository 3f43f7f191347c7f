"""Of several writers of a ledger in an object store one writes: claims, sleepers, the killed; on a real S3 server."""

import multiprocessing
import os
import signal
import time

import pytest

from search.lease import Lease, Watch
from search.ledger import Ledger, LedgerError, read
from search.ledger_segments import SegmentLedger
from trainables.core.storage import place


@pytest.fixture
def stored(s3):
    return place(s3) / "sweep/ledger"


def written(where, rows, make=Ledger.create):
    with make(where) as ledger:
        for row in rows:
            ledger.append("trial", trial=row)


def numbers(where):
    return [row["trial"] for row in read(where)]


def _write_until_stopped(where, seconds, said):
    ledger = SegmentLedger.create_segments(where, seconds=seconds, patience=1)
    ledger.append("trial", trial=0)
    said.put("ready")
    number = 0
    try:
        while True:
            time.sleep(0.05)
            number += 1
            ledger.append("trial", trial=number)
    except OSError as error:
        said.put(f"{error.strerror} after {number}")


def test_a_writer_that_slept_through_its_claim_is_fenced_off(stored):
    context = multiprocessing.get_context("spawn")
    said = context.Queue()
    sleeper = context.Process(target=_write_until_stopped, args=(stored, 3.0, said))
    sleeper.start()
    assert said.get(timeout=60) == "ready"
    with pytest.raises(LedgerError, match="is running already, on "):
        SegmentLedger.open_segments(stored, seconds=3.0)
    os.kill(sleeper.pid, signal.SIGSTOP)
    try:
        for _ in range(100):
            try:
                taken = SegmentLedger.open_segments(stored, seconds=3.0)
                break
            except LedgerError as error:
                assert "its claim ends in" in str(error)
                time.sleep(0.2)
        before = len(taken.rows)
        taken.append("trial", trial="mine")
    finally:
        os.kill(sleeper.pid, signal.SIGCONT)
    assert "has taken this sweep over" in said.get(timeout=60)
    sleeper.join(60)
    with taken:
        taken.append("trial", trial="mine too")
    found = numbers(stored)
    assert found == [*range(before), "mine", "mine too"]
    written(stored, ["next"], Ledger.open)
    assert numbers(stored) == [*found, "next"]


def test_a_killed_writer_of_this_machine_is_seen_at_once(stored):
    context = multiprocessing.get_context("spawn")
    said = context.Queue()
    writer = context.Process(target=_write_until_stopped, args=(stored, 60.0, said))
    writer.start()
    assert said.get(timeout=60) == "ready"
    watch = Watch(stored)
    assert watch.driven()
    writer.kill()
    writer.join()
    assert not watch.driven()
    written(stored, ["next"], Ledger.open)
    assert numbers(stored)[-1] == "next"


def test_of_several_at_once_one_writes(stored):
    written(stored, range(1))
    leases, refused = [], []
    context = multiprocessing.get_context("spawn")
    said = context.Queue()
    contenders = [context.Process(target=_contend, args=(stored, said)) for _ in range(3)]
    for process in contenders:
        process.start()
    for _ in contenders:
        (leases if said.get(timeout=60) == "mine" else refused).append(1)
    for process in contenders:
        process.kill()
        process.join()
    assert len(leases) == 1 and len(refused) == 2


def _contend(where, said):
    try:
        Lease.take(where)
    except LedgerError:
        return said.put("refused")
    said.put("mine")
    time.sleep(60)


def test_a_store_that_does_not_answer_ends_writing_and_loses_nothing(stored, monkeypatch):
    ledger = SegmentLedger.create_segments(stored, patience=0.1)
    ledger.append("trial", trial=0)
    with monkeypatch.context() as gone:
        gone.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        with pytest.raises(OSError, match="nobody answers"):
            ledger.append("trial", trial=1)
    with pytest.raises(OSError, match="nobody answers"):
        ledger.append("trial", trial=1)
    ledger.close()
    assert numbers(stored) == [0]
    written(stored, [1], Ledger.open)
    assert numbers(stored) == [0, 1]
