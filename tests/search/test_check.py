"""``teasel check`` as a user types it, and the round trip through a tracking server that is not well."""

import pytest
from rich.console import Console
from tests_search.command import teasel

from cluster.check.facts import Asked, Facts, Files, Gpu, Node, Problem
from search.command_line.check_tables import show
from search.tracking.check import Tracking, begin, end


def test_this_machine_is_ready(tmp_path):
    said = teasel("check", "first_look", "--storage", tmp_path / "results", "--address", "local")
    assert "cores" in said and "torch 2" in said and "sprites" in said and "This machine is ready" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nosuch"], "no sweep file 'nosuch'; ready-made sweeps are"),
        (["--storage", "s3://key:secret@bucket/x"], "The URI of the storage holds a user name, password"),
        (["--mlflow", "http://a:b@host"], "The MLflow URI holds a user name, password"),
    ],
)
def test_refused(words, said):
    refused = teasel("check", *words, "--address", "local", code=2)
    assert said in refused and "secret" not in refused.replace("secrets", "")


def test_a_server_that_wants_a_name():
    uri = "http://host:5000"
    (problem,) = Tracking(uri=uri, fault=f"{uri}: wrong user name or password (401)").problems()
    assert problem.error and "wrong user name or password (401)" in problem.what and "accounts.sh add" in problem.mend


def test_a_server_that_is_not_there():
    uri = "http://127.0.0.1:9"
    (problem,) = end(begin(uri), uri).problems()
    assert problem.error and "no server there (connection refused)" in str(problem)
    assert f"`curl {uri}/health`" in problem.mend


def test_what_a_tracking_server_lacks_is_a_sentence_each():
    found = Tracking(uri="http://host:5000", artifact="http://host:5000: no place", open="http://host:5000")
    artifact, anybody = found.problems()
    assert artifact.error and "an artifact does not come back from MLflow (http://host:5000: no place)" in str(artifact)
    assert not anybody.error and "`mlflow server --app-name basic-auth`" in anybody.mend


@pytest.mark.parametrize("width", [80, 200])
def test_a_table_of_nodes(width):
    here = Node(name="here", python="3.11.7", ray="2.60.0", torch="2.15.0", teasel="0.1.0", code="aa")
    well = Node(
        name="head",
        address="10.0.0.1",
        driver=True,
        python="3.11.7",
        ray="2.60.0",
        torch="2.15.0",
        teasel="0.1.0",
        code="aa",
        cpus=8,
        offered=2,
        memory=64 * 10**9,
        disk={"/cache": 10**12},
        gpus=(Gpu(name="H100", capability="9.0", memory=80 * 10**9),) * 2,
        files=Files(reads=True, writes=True, returned=True),
        clock=0.001,
    )
    odd = Node(name="w1", address="10.0.0.2", torch="2.14.0", files=Files(reads=False, writes=True), clock=-3.0)
    sick = Node(name="w2", address="10.0.0.3", silent="no answer within 60 s")
    console = Console(width=width, record=True)
    facts = Facts(asked=Asked(storage="/r"), here=here, nodes=(well, odd, sick), cluster=True)
    problems = (Problem(what="this is wrong", mend="`do that`"), Problem(what="this may be", error=False))
    show(facts, problems, Tracking(uri="http://host:5000"), console)
    said = " ".join(console.export_text().split())
    assert "✗ this is wrong: `do that`. ! this may be. Not ready: 1 error, 1 warning." in said
    assert "an artifact came back" in said
    if width == 200:
        assert "head (here) 10.0.0.1 as here 8 64 GB 2 × H100 (9.0, 80 GB) reads, writes" in said
        assert "torch 2.14.0" in said and "a folder of its own" in said and "w2 10.0.0.3 no answer" in said
