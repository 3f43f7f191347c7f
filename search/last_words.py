"""What became of a trial's process, from Ray's words for it, in one line for a person.  Knows no Ray."""

from __future__ import annotations

import re

from trainables.core.redaction import redacted

ADDRESS = re.compile(r"^\s*ip: (\S+)", re.MULTILINE)
DETAIL = re.compile(r"Worker exit detail: (.+)")


def last_words(said: str, host: str = "") -> str:
    """``said`` in short; ``host`` is the machine from which the trial last reported, where that is known."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith("Failure #")]
    address = ADDRESS.search(said)
    where = host or (address[1] if address else "")
    on = f" on {where}" if where else ""
    if "its node has died" in said:
        return f"its node{f' {where}' if where else ''} died, or was cut off the network"
    if lines and re.match(r"The actor \w+ is unavailable", lines[0]):
        return f"its process{on} cannot be reached: it died, or its node did"
    if detail := DETAIL.search(said):
        # Cut afterwards: half a secret would not be known for one.
        return f"its process{on} died ({redacted(detail[1].strip().rstrip('.'))[:250]})"
    return f"its process{on} died" + (f" ({redacted(lines[0].rstrip('.'))[:250]})" if lines else "")
