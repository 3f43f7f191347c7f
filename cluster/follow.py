"""Follow what a job says until it ends, over connections that break and laptops that sleep."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

import aiohttp

from cluster.head import Head, HeadError, until_ended
from cluster.jobs import Job

SILENCE = 30.0
"""Seconds without a word after which it is asked whether the job still runs."""

PATIENCE = 120.0
"""Seconds for which a head that does not answer is asked again."""

RAYS_OWN = re.compile(r"\S+ \S+\tINFO job_manager\.py:|Running entrypoint for job ")
"""Lines that Ray puts before a job's own."""


def follow(head: Head, id: str, write: Callable[[str], None], *, skip: int = 0) -> Job:
    """Write a job's words as they come, without the first ``skip`` characters, until it has ended.

    Raises ``HeadError`` when the head is lost for two minutes; the job may go on. Ctrl-C leaves the job alone.
    """
    said = _Said(write, skip)
    lost: float | None = None
    while True:
        try:
            asyncio.run(_listen(head, id, said))
            job = head.job(id)
            lost = None
            if not job.live:
                break
        except (HeadError, RuntimeError, OSError, aiohttp.ClientError) as error:
            lost = lost or time.monotonic()
            if time.monotonic() - lost > PATIENCE:
                raise HeadError(f"The head at {head.url} does not answer any more.") from error
            time.sleep(2)
    said.from_start(head.logs(id))
    said.close()
    return until_ended(head, id, seconds=5)


class _Said:
    """What was written already: a new connection begins with the first word again."""

    def __init__(self, write: Callable[[str], None], skip: int) -> None:
        self._write = write
        self._done = skip
        self._seen = 0
        self._line = ""

    def begin(self) -> None:
        """A connection begins."""
        self._seen = 0

    def add(self, text: str) -> None:
        """The next words of this connection."""
        self._seen += len(text)
        new = text[max(0, len(text) - (self._seen - self._done)) :] if self._seen > self._done else ""
        self._done = max(self._done, self._seen)
        *lines, self._line = (self._line + new).split("\n")
        for line in lines:
            self._tell(line + "\n")

    def from_start(self, text: str) -> None:
        """All that was said so far."""
        self.begin()
        self.add(text)

    def close(self) -> None:
        """A last line without its end."""
        if self._line:
            self._tell(self._line + "\n")
        self._line = ""

    def _tell(self, line: str) -> None:
        if not RAYS_OWN.match(line):
            self._write(line)


def own_words(text: str) -> str:
    """A job's log without the lines that Ray puts before it."""
    return "".join(line for line in text.splitlines(keepends=True) if not RAYS_OWN.match(line))


async def _listen(head: Head, id: str, said: _Said) -> None:
    """Pass on what comes over one connection, until it closes or is silent."""
    said.begin()
    words: Any = head.tail(id)
    try:
        while True:
            said.add(await asyncio.wait_for(anext(words), SILENCE))
    except (TimeoutError, StopAsyncIteration):
        return
    finally:
        await words.aclose()
