"""Ray's words for a death, as one line that names the machine."""

import pytest

from search.last_words import last_words

DIED = """Failure # 1 (occurred at 2026-11-25_04-51-42)
The actor died unexpectedly before finishing this task.
\tclass_name: SweepTrial
\tactor_id: 4aede8a0d1e468e71cc060b109000000
\tpid: 812
\tip: 10.77.0.12
"""
NODE = (
    "The actor died because its node has died. Node Id: 0a1b\n\tthe actor's node was terminated unexpectedly: no word"
)
PROCESS = (
    "The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit detail: Worker "
    "unexpectedly exits with a connection error code 2. End of file."
)
AWAY = (
    "Failure # 1 (occurred at 2026-11-25_04-50-39)\nThe actor 4aede8a0 is unavailable: The actor is temporarily "
    "unavailable: RpcError: RPC error: Socket closed rpc_code: 14. The task may or may not have been executed."
)


@pytest.mark.parametrize(
    ("said", "host", "expected"),
    [
        (DIED + NODE, "worker-2", "its node worker-2 died, or was cut off the network"),
        (DIED + NODE, "", "its node 10.77.0.12 died, or was cut off the network"),
        (AWAY, "worker-1", "its process on worker-1 cannot be reached: it died, or its node did"),
        (AWAY, "", "its process cannot be reached: it died, or its node did"),
        ("", "worker-1", "its process on worker-1 died"),
        (
            DIED + PROCESS,
            "head",
            "its process on head died (Worker unexpectedly exits with a connection error code 2. End of file)",
        ),
        (DIED, "", "its process on 10.77.0.12 died (The actor died unexpectedly before finishing this task)"),
    ],
)
def test_one_line_that_names_the_machine(said, host, expected):
    assert last_words(said, host) == expected


def test_secrets_and_length():
    said = last_words(DIED + "Worker exit detail: could not write s3://KEY:HIDDEN@bucket " + "x" * 500)
    assert "HIDDEN" not in said and "\n" not in said and len(said) < 320
