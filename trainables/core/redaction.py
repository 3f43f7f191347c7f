"""What nobody should read in the text of an error: passwords, tokens and keys, blotted out as far as they can be told.

A secret is told by where it stands (``user:password@`` in a URL, ``Bearer …``, ``password=…``), by its shape (a JWT,
a private key), or because it is the value of an environment variable whose name says so. Reasons, traces and messages
go through ``redacted`` before they enter a ledger, a file or a terminal. Knows no ledger and no terminal.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import traceback
from collections.abc import Mapping
from functools import lru_cache
from types import TracebackType
from typing import Any
from urllib.parse import quote, quote_plus, unquote

BLOT = "***"

WORDS = {"KEY", "KEYS", "TOKEN", "TOKENS", "SECRET", "SECRETS", "PASSWORD", "PASSWD", "PASS", "PASSPHRASE"}
WORDS |= {"CREDENTIAL", "CREDENTIALS", "AUTH", "COOKIE", "DSN", "APIKEY", "PWD"}
"""A variable with one of these in its name is taken for a secret."""

HARMLESS = {"PATH", "FILE", "DIR", "MODE", "SOCK", "TYPE", "NAME", "PARALLELISM"}
"""Unless its name ends with one of these: what it holds says where a secret lies, or of which kind it is."""

SHORT, LONG = 6, 8
"""Shorter values are words of every text; those from ``LONG`` on are blotted out inside of words too."""

NAMED = (
    r"(?:api[_-]?key|access[_-]?key|private[_-]?key|token|passw(?:or)?d|passphrase|secret|credential|signature"
    r"|(?<![a-z])sig(?![a-z])|(?<![a-z])pwd(?![a-z]))[\w-]{0,40}"
)
PATTERNS = (
    (re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}-----|\Z)", re.DOTALL), BLOT),
    (
        # A password may hold the signs that end it; more is blotted out rather than less.
        re.compile(r"(?i)([a-z][a-z0-9+.-]{0,30}://)(?:[^\s:/@'\"<>]{0,200}:[^\s'\"<>]{0,2000}|[^/\s'\"<>]{0,2000})@"),
        rf"\1{BLOT}@",
    ),
    (re.compile(r"(?<![\w/.+-])[\w.+-]{1,64}:[^\s/@:'\"]{1,200}@(?=[\w\[])"), f"{BLOT}@"),
    (
        re.compile(r"(?i)\b((?:proxy-)?authorization\\?['\"]?\s{0,9}[:=]\s{0,9}\\?['\"]?(?:[a-z]+ )?)[^\s,;'\"\\}]+"),
        rf"\1{BLOT}",
    ),
    (re.compile(r"(?i)\b(bearer\s{1,9}|basic\s{1,9}(?=[\w+/-]{0,200}[\d+/=]))[\w.~+/=-]{8,}"), rf"\1{BLOT}"),
    # In JSON and in Python's mappings, where only text is replaced, so that what is left can still be read.
    (re.compile(rf"(?is)({NAMED}(['\"])\s{{0,9}}[:=]\s{{0,9}}(['\"]))(?:\\.|(?!\3)[^\\])+"), rf"\1{BLOT}"),
    (
        re.compile(rf"(?is)({NAMED}(\\{{1,7}}['\"])\s{{0,9}}[:=]\s{{0,9}}\2)(?:(?!\2).)+"),
        rf"\1{BLOT}",
    ),
    (re.compile(rf"(?i)({NAMED}\s{{0,9}}[:=]\s{{0,9}})(?:'[^']+'|\"[^\"]+\"|[^\s,;&\"'\\]+)"), rf"\1{BLOT}"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), BLOT),
    (re.compile(r"\b(?:gh[pousr]_|github_pat_|hf_|glpat-|sk-|xox[a-z]-)[\w-]{16,}"), BLOT),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"), BLOT),
)


def redacted(text: str) -> str:
    """``text`` without passwords, tokens and keys; the same again when it is redacted twice."""
    known = _known(tuple(os.environ.items()))
    if known is not None:
        text = known.sub(BLOT, text)
    for pattern, blotted in PATTERNS:
        text = pattern.sub(blotted, text)
    return text


def redacted_values(value: Any) -> Any:
    """The same for every text in mappings and lists; what stands under a name like ``password`` goes whole."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {
            key: BLOT if isinstance(inner, str) and inner and is_secret(str(key)) else redacted_values(inner)
            for key, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [redacted_values(inner) for inner in value]
    return value


def is_secret(name: str) -> bool:
    """Whether a variable of this name holds a secret, as far as a name tells."""
    words = [word for word in re.split(r"[^A-Z0-9]+", name.upper()) if word]
    return bool(words) and words[-1] not in HARMLESS and not WORDS.isdisjoint(words)


def trace() -> str:
    """The traceback of the exception that is being handled."""
    return redacted(traceback.format_exc())


def guard() -> None:
    """Let no exception that ends this process, or one of its threads, print a secret."""

    def hook(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        sys.stderr.write(redacted("".join(traceback.format_exception(kind, error, where))))

    def thread(given: threading.ExceptHookArgs) -> None:
        if given.exc_value is not None and given.exc_type is not SystemExit:
            hook(given.exc_type, given.exc_value, given.exc_traceback)

    sys.excepthook, threading.excepthook = hook, thread


@lru_cache(maxsize=4)
def _known(environment: tuple[tuple[str, str], ...]) -> re.Pattern[str] | None:
    """Whatever the environment holds of secrets, in every spelling in which a text may have them."""
    found: set[str] = set()
    for name, value in environment:
        if is_secret(name):
            found |= {value.strip(), *value.split("\n")}
        for password in re.findall(r"://[^/\s@:]*:([^\s]+)@", value):
            found |= {password, unquote(password)}
    found = {value for value in found if _telling(value)}
    spelt = {way for value in found for way in (value, quote(value, safe=""), quote_plus(value), *_escaped(value))}
    # The longest first: one secret may begin as another does.
    parts = [_part(value) for value in sorted(spelt, key=lambda value: (-len(value), value))]
    return re.compile("|".join(parts)) if parts else None


def _telling(value: str) -> bool:
    return len(value) >= SHORT and not (value.isdigit() and len(value) < LONG) and set(value) != {"*"}


def _escaped(value: str) -> tuple[str, str]:
    return json.dumps(value)[1:-1], repr(value)[1:-1]


def _part(value: str) -> str:
    if len(value) >= LONG and not value.isdigit():
        return re.escape(value)
    return rf"(?<![A-Za-z0-9.]){re.escape(value)}(?![A-Za-z0-9.])"
