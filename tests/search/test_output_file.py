"""Files that commands write: whole or not at all, and never in the place of what is no file."""

import os
import stat
import threading

import pytest

from search.output_file import write_whole


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"

    def half(unfinished):
        unfinished.write_text("half")
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        write_whole(path, half)
    assert path.read_bytes() == b"new" and os.listdir(tmp_path) == ["table.csv"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "file").write_text("old")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("content", [b"said", lambda path: path.write_bytes(b"said")])
def test_a_pipe_is_written_to_and_not_replaced(tmp_path, content):
    """Nor would ``/dev/null`` be, which root could replace."""
    pipe, heard = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: heard.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, content)
    reader.join(5)
    assert heard == [b"said"] and stat.S_ISFIFO(pipe.stat().st_mode)
