"""What is blotted out of errors, and that what is left can still be read."""

import json
import os
import subprocess
import sys
import time
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from trainables.core import redaction
from trainables.core.redaction import BLOT, redacted, redacted_values

PRINTABLE = st.characters(min_codepoint=33, max_codepoint=0x2FF)
SECRET = st.text(PRINTABLE, min_size=6, max_size=60).filter(lambda s: redaction._telling(s) and not s.isdigit())
PLAIN = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="*"), max_size=80)


@pytest.fixture
def variable(monkeypatch):
    for name in list(os.environ):
        if redaction.is_secret(name):
            monkeypatch.delenv(name)
    return monkeypatch.setenv


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=SECRET, before=PLAIN, after=PLAIN)
@example(secret="pa\"s\\s'wörd", before="", after="")
@example(secret="\n".join(["-----BEGIN THING-----", "abcdefgh", "ijklmnop"]), before="x", after="y")
def test_a_secret_variable_is_nowhere(variable, secret, before, after):
    variable("MY_SERVICE_TOKEN", secret)
    spellings = [secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret, safe="")]
    for spelt in spellings:
        shown = redacted(f"{before} {spelt} {after}")
        assert not any(other in shown for other in spellings)
        assert BLOT in shown


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=PLAIN)
def test_twice_is_once_and_plain_words_stay(variable, said):
    variable("MY_SERVICE_TOKEN", "correct horse battery staple")
    once = redacted(said)
    assert redacted(once) == once
    assert once == said or any(sign in said for sign in ":=@")


@given(
    user=st.text("abcXYZ09._~-", max_size=8),
    password=st.text("abcXYZ09._~!$&()*+,;=:@/?%-", min_size=1, max_size=30).map(lambda s: f"CANARY{s}CANARY"),
    scheme=st.sampled_from(["https", "postgresql+psycopg2", "s3", "redis"]),
)
def test_a_password_in_an_address_is_blotted_out_and_its_host_stays(user, password, scheme):
    shown = redacted(f"Max retries exceeded with url: {scheme}://{user}:{password}@host.example:5000/path (refused)")
    assert "CANARY" not in shown
    assert f"{scheme}://{BLOT}@host.example:5000/path (refused)" in shown


@pytest.mark.parametrize(
    "said",
    [
        "Authorization: Bearer CANARY.CANARY-1",
        "{'Authorization': 'Basic bWU6Q0FOQVJZ', 'Host': 'x'}",
        "got a 401 for bearer CANARY12345",
        "s3://b/x?X-Amz-Credential=CANARY%2F2026&X-Amz-Signature=CANARY",
        "https://h/x?sig=CANARY&se=2027",
        "{'password': 'CANARY, with \"quotes\"'}",
        json.dumps({"api_key": 'CANARY "quoted" CANARY', "x": 1}),
        json.dumps(json.dumps({"client_secret": "CANARY here"})),
        "aws_secret_access_key = CANARY",
        "No Ray cluster answers at 'me:CANARY@10.0.0.1:6379'",
        "passwd=CANARY;user=me",
        "hf_CANARYCANARYCANARYCANARY",
        "AKIACANARYCANARY0000",
        "eyJhbGciCANARY.eyJzdWIiCANARY.CANARY_-",
        "-----BEGIN RSA PRIVATE KEY-----\nCANARY\nCANARY\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_secret_is_blotted_out(said):
    shown = redacted(said)
    assert "CANARY" not in shown and "Q0FOQVJZ" not in shown and BLOT in shown, shown


@pytest.mark.parametrize(
    "said",
    [
        "ValueError: Digits are drawn at 8×8; factor_vae takes 16 and more.",
        "the loss of 'vae' is nan at step 120; last finite at step 110: 31.4",
        "[Errno 28] No space left on device: '/data/results/a@b/trials/003'",
        "No Ray cluster answers at '10.0.0.1:6379' ([Errno 111] Connection refused)",
        "sqlite:////data/a@b/mlflow.db: the database is locked by another process",
        "http://127.0.0.1:5000/api/2.0/mlflow/runs/search?max_results=5: 500 (see basic statistics)",
        "KeyError: 'mean_BZ'",
    ],
)
def test_what_people_need_stays(variable, said):
    variable("RAY_AUTH_MODE", "token")
    variable("AWS_WEB_IDENTITY_TOKEN_FILE", "/data/results")
    variable("TOKENIZERS_PARALLELISM", "Digits")
    variable("MAX_TOKENS", "120")
    variable("SOME_SECRET", "nan")
    assert redacted(said) == said


@given(st.recursive(st.none() | st.floats(allow_nan=False) | PLAIN, lambda inner: st.lists(inner, max_size=3)))
def test_values_keep_their_shape(value):
    assert len(json.dumps(redacted_values({"x": value, "token_dim": 5}))) > 0
    assert redacted_values({"my_token": "CANARY", "token_dim": 5}) == {"my_token": BLOT, "token_dim": 5}


@pytest.mark.parametrize("said", ["a" * 50_000, "a-" * 50_000, "http://" * 5_000, "token=" * 10_000, "eyJ" * 30_000])
def test_long_texts_take_no_time(said):
    begun = time.monotonic()
    redacted(said)
    assert time.monotonic() - begun < 5


def test_an_unhandled_error_prints_no_secret():
    code = (
        "import os, threading; from trainables.core.redaction import guard; guard()\n"
        "def fail(): raise OSError('thread https://me:CANARY@host')\n"
        "thread = threading.Thread(target=fail); thread.start(); thread.join()\n"
        "try: fail()\n"
        "except OSError as error: raise ValueError(f'with password=CANARY and {os.environ}') from error\n"
    )
    environment = {**os.environ, "GITHUB_TOKEN": "CANARY-in-the-environment"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == 1 and "CANARY" not in done.stdout + done.stderr
    assert done.stderr.count("Traceback") == 3 and "ValueError: with password=***" in done.stderr
