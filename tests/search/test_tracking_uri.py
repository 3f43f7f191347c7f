"""Addresses of tracking servers: what is refused, and that refusing repeats no secret."""

import pytest

from search.tracking import check_uri


@pytest.mark.parametrize(
    "bad",
    [
        *("http://me:CANARY@host:5000", "https://CANARY@host", "postgresql://u:CANARY@db/x", "http://h/?token=CANARY"),
        *("file:///tmp/mlruns", "/tmp/mlruns", "mlruns", "databricks", "http://", "ftp://host/x", "http://[bad"),
    ],
)
def test_addresses_that_are_refused(bad):
    with pytest.raises(ValueError, match=r"MLflow") as refused:
        check_uri(bad)
    assert "CANARY" not in str(refused.value)


@pytest.mark.parametrize("good", [None, "http://127.0.0.1:5000", "https://host/mlflow", "sqlite:////tmp/a.db"])
def test_addresses_that_are_taken(good):
    check_uri(good)
