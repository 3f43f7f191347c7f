"""``teasel`` as a user runs it: a process of its own."""

import subprocess
import sys


def teasel(*words, code=0):
    """Run ``teasel`` to its end, which must be with exit ``code``; what it printed, on one line."""
    command = [sys.executable, "-m", "search", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    return " ".join(said.split())
