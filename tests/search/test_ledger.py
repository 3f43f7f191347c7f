"""The ledger: what is appended is read back; a torn end is dropped, any other damage is refused with its row."""

import json
import math
import multiprocessing
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.ledger import Ledger, LedgerError, Reader, pack, read, unpack


@pytest.fixture
def path(tmp_path):
    with Ledger.create(tmp_path / "sweep" / "ledger.jsonl") as ledger:
        for number in range(5):
            ledger.append("trial", trial=number, config={"γ": 6.4, "note": "zwölf\n"})
    return ledger.path


def test_rows_come_back_as_written(path):
    rows = read(path)
    assert [row["trial"] for row in rows] == [0, 1, 2, 3, 4]
    assert rows[3]["config"] == {"γ": 6.4, "note": "zwölf\n"}
    assert all(row["kind"] == "trial" and row["time"] > 0 for row in rows)


def test_appending_goes_on_after_reopening(path):
    with Ledger.open(path) as ledger:
        assert ledger.torn == 0
        ledger.append("close", reason="finished")
    assert [row["kind"] for row in read(path)] == ["trial"] * 5 + ["close"]


def test_a_row_torn_at_any_byte_is_the_only_one_lost(path):
    whole = path.read_bytes()
    last = whole.rindex(b"\n", 0, len(whole) - 1) + 1
    for length in range(last, len(whole)):
        path.write_bytes(whole[:length])
        assert len(read(path)) == 4
        with Ledger.open(path) as ledger:
            assert ledger.torn == length - last
            assert len(ledger.rows) == 4
            ledger.append("trial", trial=4)
        assert [row["trial"] for row in read(path)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("row", range(5))
def test_damage_is_refused_with_the_row(path, row):
    lines = path.read_bytes().split(b"\n")
    lines[row] = lines[row].replace(b"6.4", b"6.5")
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(LedgerError, match=f"row {row + 1} "):
        read(path)
    with pytest.raises(LedgerError, match=f"row {row + 1} "):
        Ledger.open(path)


def test_a_missing_row_and_swapped_rows_are_damage(path):
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join(lines[:1] + lines[2:]))
    with pytest.raises(LedgerError, match="row 2 "):
        read(path)
    path.write_bytes(b"\n".join([lines[0], lines[2], lines[1], *lines[3:]]))
    with pytest.raises(LedgerError, match="row 2 "):
        read(path)


def test_a_name_is_taken_once(path):
    with pytest.raises(FileExistsError):
        Ledger.create(path)


def test_no_ledger_is_said(tmp_path):
    with pytest.raises(LedgerError, match="No ledger at"):
        Ledger.open(tmp_path / "ledger.jsonl")
    with pytest.raises(LedgerError, match="No ledger at"):
        read(tmp_path / "ledger.jsonl")


def _try_to_open(path, said):
    try:
        Ledger.open(path)
    except LedgerError as error:
        said.put(str(error))
    else:
        said.put("opened")


def test_a_second_process_is_refused(path):
    context = multiprocessing.get_context("spawn")
    said = context.Queue()
    with Ledger.open(path):
        process = context.Process(target=_try_to_open, args=(path, said))
        process.start()
        assert "is running already" in said.get(timeout=60)
        process.join()


def test_a_reader_follows_the_writer(path):
    reader = Reader(path)
    assert len(list(reader.rows())) == 5
    with Ledger.open(path) as ledger:
        ledger.append("close", reason="one")
        assert [row["reason"] for row in reader.rows()] == ["one"]
        assert list(reader.rows()) == []
        ledger.append("close", reason="two")
        assert [row["reason"] for row in reader.rows()] == ["two"]


def test_a_full_disk_leaves_the_ledger_whole(path, monkeypatch):
    with Ledger.open(path) as ledger:
        real = ledger._file

        class Full:
            """A file that takes half of a row."""

            def __getattr__(self, name):
                return getattr(real, name)

            def write(self, data):
                if getattr(self, "full", False):
                    raise OSError(28, "No space left on device")
                self.full = True
                return real.write(data[: len(data) // 2])

        ledger._file = Full()
        with pytest.raises(OSError, match="No space left"):
            ledger.append("trial", trial=5)
        ledger._file = real
        ledger.append("trial", trial=5)
    assert [row["trial"] for row in read(path)] == [0, 1, 2, 3, 4, 5]


def test_every_row_is_flushed_to_the_disk(path, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    with Ledger.open(path) as ledger:
        ledger.append("close", reason="finished")
        assert len(flushed) == 1


@given(st.dictionaries(st.text(max_size=5), st.floats(), max_size=5))
def test_metrics_survive_bit_for_bit(metrics):
    back = unpack(json.loads(json.dumps(pack(metrics), allow_nan=False)))
    assert back.keys() == metrics.keys()
    for name, value in metrics.items():
        same = back[name] == value or (math.isnan(back[name]) and math.isnan(value))
        assert (same and math.copysign(1, back[name]) == math.copysign(1, value)) or math.isnan(value)
