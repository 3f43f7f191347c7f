"""What holds of every ledger, as a file and as segments on a real S3 server; and of the one writer of segments."""

import multiprocessing
import secrets

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search import ledger_segments
from search.ledger import Ledger, LedgerError, Reader, read
from search.ledger_segments import ROWS, Segment, segments
from trainables.core.storage import Entry, place


@pytest.fixture(params=["file", "segments"])
def where(request, tmp_path):
    if request.param == "file":
        return place(tmp_path / "sweep" / "ledger.jsonl")
    return place(request.getfixturevalue("s3")) / "sweep/ledger"


@pytest.fixture
def stored(s3):
    return place(s3) / "sweep/ledger"


def written(where, numbers, make=Ledger.create):
    with make(where) as ledger:
        for number in numbers:
            ledger.append("trial", trial=number, config={"γ": 6.4, "note": "zwölf\n"})


def numbers(where):
    return [row["trial"] for row in read(where)]


def last_object(where):
    return where if where.local else where / segments(where.entries())[-1].name


# -- every ledger -------------------------------------------------------------------------------------------------


def test_rows_come_back_in_order_after_each_opening(where):
    written(where, range(5))
    assert read(where)[3]["config"] == {"γ": 6.4, "note": "zwölf\n"}
    written(where, range(5, 8), Ledger.open)
    with Ledger.open(where) as ledger:
        assert ledger.torn == 0 and [row["trial"] for row in ledger.rows] == list(range(8))
    assert numbers(where) == list(range(8))


def test_a_name_is_taken_once_and_a_missing_one_said(where):
    with pytest.raises(LedgerError, match="No ledger at"):
        Ledger.open(where)
    with pytest.raises(LedgerError, match="No ledger at"):
        read(where)
    written(where, [])
    assert read(where) == []
    with pytest.raises(FileExistsError):
        Ledger.create(where)


def test_a_torn_row_is_the_only_one_lost(where):
    written(where, range(4))
    content = last_object(where).read()
    last_object(where).write(content[:-9])
    assert numbers(where) == [0, 1, 2]
    with Ledger.open(where) as ledger:
        assert ledger.torn == len(content[:-9]) - content.rindex(b"\n", 0, -1) - 1
        ledger.append("trial", trial=3)
    assert numbers(where) == [0, 1, 2, 3]


def test_damage_is_refused_with_the_row(where):
    written(where, range(4))
    lines = last_object(where).read().split(b"\n")
    for damaged in (
        [lines[0], lines[1].replace(b"6.4", b"6.5"), *lines[2:]],
        [lines[0], *lines[2:]],
        [lines[0], lines[2], lines[1], *lines[3:]],
    ):
        last_object(where).write(b"\n".join(damaged))
        for use in (read, Ledger.open):
            with pytest.raises(LedgerError, match="row 2 "):
                use(where)


def test_a_reader_follows_the_writer(where):
    written(where, range(3))
    reader = Reader(where)
    assert len(list(reader.rows())) == 3 and not reader.driven()
    with Ledger.open(where) as ledger:
        assert reader.driven()
        for number in range(2 * ROWS):
            ledger.append("trial", trial=number)
            if number % 17 == 0:
                list(reader.rows())
        list(reader.rows())
        assert list(reader.rows()) == [] and reader.chain.count == 3 + 2 * ROWS
    assert not reader.driven()


def _try_to_open(where, said):
    try:
        Ledger.open(where)
    except LedgerError as error:
        said.put(str(error))
    else:
        said.put("opened")


def test_a_second_process_is_refused(where):
    written(where, range(3))
    context = multiprocessing.get_context("spawn")
    said = context.Queue()
    with Ledger.open(where):
        process = context.Process(target=_try_to_open, args=(where, said))
        process.start()
        assert "is running already" in said.get(timeout=60)
        process.join()


# -- segments -----------------------------------------------------------------------------------------------------


def test_segments_in_googles_store(gs):
    stored = place(gs) / "sweep/ledger"
    written(stored, range(ROWS + 3))
    with Ledger.open(stored) as ledger, pytest.raises(LedgerError, match="is running already"):
        assert len(ledger.rows) == ROWS + 3
        Ledger.open(stored)
    assert numbers(stored) == list(range(ROWS + 3))


def test_segments_stay_small(stored, monkeypatch):
    written(stored, range(2 * ROWS + 1))
    assert [s.first for s in segments(stored.entries())] == [0, ROWS, 2 * ROWS]
    monkeypatch.setattr(ledger_segments, "BYTES", 1000)
    written(stored, range(2 * ROWS + 1, 3 * ROWS), Ledger.open)
    assert max(e.size for e in stored.entries() if Segment.of(e.name).writer == 2) <= 1000
    assert numbers(stored) == list(range(3 * ROWS))


def test_a_missing_segment_is_damage(stored):
    written(stored, range(2 * ROWS + 1))
    (stored / Segment(1, ROWS).name).remove()
    with pytest.raises(LedgerError, match=f"ends with row {ROWS}, and the next segment begins with row {2 * ROWS + 1}"):
        read(stored)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(0, 9), min_size=1, max_size=4), rows=st.integers(1, 4), late=st.integers(0, 3))
def test_any_division_into_segments_and_writers_reads_the_same(stored, monkeypatch, sizes, rows, late):
    """``late`` rows of each writer but the last arrive after its successor began, and are no part of the ledger."""
    there = stored.parent / secrets.token_hex(4)
    with monkeypatch.context() as patch:
        patch.setattr(ledger_segments, "ROWS", rows)
        count, strays = 0, []
        for number, size in enumerate(sizes):
            ledger = (Ledger.open if number else Ledger.create)(there)
            assert len(ledger.rows) == count
            for _ in range(size):
                ledger.append("trial", trial=count)
                count += 1
            ledger.close()
            line, _ = ledger._chain.line({"kind": "trial", "trial": -1})
            strays.append((ledger._segment, ledger._content + line * late))
        for segment, content in strays[:-1]:
            (there / segment.name).write(content)
        assert numbers(there) == list(range(count))


@given(st.sets(st.tuples(st.integers(1, 4), st.integers(0, 20)), min_size=1))
def test_segments_are_in_order_and_the_latest_writer_decides(found):
    names = [Entry(name=Segment(*one).name, size=1, modified=1.0) for one in found]
    kept = segments(names)
    assert [s.first for s in kept] == sorted({s.first for s in kept})
    assert [s.writer for s in kept] == sorted(s.writer for s in kept)
    latest = max(writer for writer, _ in found)
    assert {(latest, first) for writer, first in found if writer == latest} <= {(s.writer, s.first) for s in kept}


def test_a_reader_that_read_what_was_cut_off_says_so(stored):
    written(stored, range(3))
    reader = Reader(stored)
    first = last_object(stored)
    whole = first.read()
    list(reader.rows())
    # The successor had read two rows only: the third had not arrived.
    first.write(whole[: whole.rindex(b"\n", 0, -1) + 1])
    written(stored, ["other"], Ledger.open)
    first.write(whole)
    assert numbers(stored) == [0, 1, "other"]
    with pytest.raises(LedgerError, match=r"took .* over after row 2"):
        list(reader.rows())
