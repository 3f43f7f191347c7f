"""What stands in texts from elsewhere stays text; a Ray that is started here is closed."""

import io
import os

import pytest

from cluster.address import LOCAL
from search.command_line.drive import authenticate
from search.command_line.plain import LONGEST, PlainConsole, message, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("α ± 0.1 “quoted” ★\n\tnext", "α ± 0.1 “quoted” ★\n\tnext"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b]0;x\x07", "\\x1b[2J\\x1b]0;x\\x07"),
        ("a\rb\x08\x9bc\u202ed\u2066", "a\\rb\\x08\\x9bc\\u202ed\\u2066"),
        ("half \ud800", "half \\ud800"),
    ],
)
def test_control_characters_are_shown(text, shown):
    assert plain(text) == shown
    assert plain(shown) == shown


def test_a_message_is_cut():
    assert len(message("x" * 3 * LONGEST)) < LONGEST + 100


def test_a_console_prints_text_and_its_own_colours():
    file = io.StringIO()
    console = PlainConsole(file=file, force_terminal=True, color_system="standard", width=80)
    console.print("[bold]a\x1b[2Jb[/x]", style="red", highlight=False)
    assert file.getvalue() == "\x1b[31m[bold]a\\x1b[2Jb[/x]\x1b[0m\n"


@pytest.mark.parametrize(
    ("address", "environment", "closed"),
    [
        (None, {}, True),
        (LOCAL, {}, True),
        (None, {"RAY_ADDRESS": "http://127.0.0.1:8265"}, True),
        (None, {"RAY_ADDRESS": "10.0.0.1:6379"}, False),
        ("10.0.0.1:6379", {}, False),
        ("auto", {}, False),
    ],
)
def test_a_ray_of_its_own_has_a_token_and_loopback(address, environment, closed, monkeypatch, tmp_path):
    names = (
        "RAY_AUTH_MODE",
        "RAY_AUTH_TOKEN",
        "RAY_AUTH_TOKEN_PATH",
        "RAY_ADDRESS",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER",
    )
    for name in names:
        # Set first, so that what is set meanwhile is taken back.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    authenticate(address)
    assert (os.environ.get("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER") == "0") is closed
    assert (len(os.environ.get("RAY_AUTH_TOKEN", "")) == 64) is closed
