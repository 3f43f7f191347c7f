"""The tracking server for a team, whole: PostgreSQL, MLflow with accounts, and nginx, from the files in ``mlflow/``.

One server for all tests, which build on one another in their order: accounts, a sweep, who sees it, restart, restore.
"""

import contextlib
import secrets
import shutil
import sys
import threading
from pathlib import Path

import pytest
from tests_server.machine import FILES, NAME, machine, sh
from tests_server.people import Person, accounts, asked, content

pytestmark = pytest.mark.timeout(600)

SWEEP = "team_sweep"
TINY = ("--data", "digits", "--set", "data.size=16", "--set", "network=mlp", "--set", "hidden=32", "--steps", "40")
IMAGE = FILES.parent / "tests" / "pictures" / "traversal.png"


@pytest.fixture(scope="module")
def site():
    with machine() as made:
        yield made


@pytest.fixture(scope="module")
def people(site):
    """An administrator and three users, made with ``accounts.sh``."""
    admin = Person(site, "admin", site.secrets["MLFLOW_AUTH_ADMIN_PASSWORD"])
    made = {"admin": admin}
    for name in ("alice", "bob", "carol"):
        # With what a shell, JSON and curl's configuration each read in their own way.
        made[name] = Person(site, name, secrets.token_urlsafe(12) + "\"\\' $x", in_file=name == "alice")
        accounts(admin, "add", name, said=made[name].password + "\n")
    return made


@pytest.fixture(scope="module")
def seen(site, people):
    """Command lines of any process that held a secret, from the first sweep to the last test."""
    wanted = [person.password for person in people.values()] + list(site.secrets.values())
    found, over = set(), threading.Event()

    def watch():
        while not over.wait(0.1):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    line = path.read_bytes().decode(errors="replace")
                    found.update(line.split("\0")[0] for secret in wanted if secret in line)

    thread = threading.Thread(target=watch)
    thread.start()
    yield found
    over.set()
    thread.join()


@pytest.fixture(scope="module")
def storage(site, people, seen):
    """The storage of alice's sweep, run and published through the command line."""
    where = people["alice"].home / "results"
    words = ["--objective", "val/elbo", "--trials", "2", "--schedule", "none", "--name", SWEEP, "--storage", where]
    said = people["alice"].teasel("run", "beta_vae", *TINY, *words)
    assert site.uri in said and "rows" not in said.partition("MLflow:")[0]
    return where


def test_only_the_proxy_can_be_reached_from_outside(site):
    listening = set()
    for table, loopback in (("tcp", "0100007F"), ("tcp6", "0" * 24 + "01000000")):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            place, state = line.split()[1], line.split()[3]
            address, port = place.split(":")
            if state == "0A" and int(port, 16) in site.ports.values():
                listening.add(int(port, 16))
                assert address == loopback, f"{table} {place}"
    assert listening == set(site.ports.values())


def test_strangers_are_refused(site, people):
    search = "api/2.0/mlflow/experiments/search?max_results=5"
    paths = (search, "", "graphql", "api/2.0/mlflow/users/list", "api/2.0/mlflow-artifacts/artifacts", "signup")
    for path in paths:
        assert asked(site, path).status_code == 401, path
    # What MLflow shipped as the administrator's once, what is often tried, and a user without a password.
    for password in ("password1234", "password", "admin", "mlflow", ""):
        assert asked(site, search, auth=("admin", password)).status_code == 401, password
    assert asked(site, search, auth=("alice", "wrong")).status_code == 401
    assert people["admin"].ask(search).status_code == 200
    assert people["alice"].ask("api/2.0/mlflow/users/create", "POST", json={}).status_code == 403
    plain = f"http://{NAME}:{site.ports['http']}/"
    assert asked(site, plain, allow_redirects=False).headers["Location"].startswith("https://")


def test_a_wrong_host_and_another_sites_page_are_refused(site, people):
    search = "api/2.0/mlflow/experiments/search?max_results=5"
    for url in (f"{site.uri}/{search}", f"{site.local}/{search}"):
        answer = people["admin"].ask(url, headers={"Host": "evil.example.net"})
        assert (answer.status_code, "Invalid Host" in answer.text) == (403, True)
    # Even on the machine itself only the name counts.
    assert people["admin"].ask(f"{site.local}/{search}").status_code == 403
    create = "api/2.0/mlflow/experiments/create"
    foreign = people["admin"].ask(create, "POST", json={"name": "x"}, headers={"Origin": "https://evil.example.net"})
    assert foreign.status_code == 403


def test_a_sweep_is_published_and_its_model_registered(site, people, storage):
    alice = people["alice"]
    assert f"{site.uri}/#/experiments/" in alice.teasel("ui", SWEEP)
    assert "all" in alice.teasel("publish", SWEEP, "--storage", storage)
    said = alice.teasel("pick", SWEEP, "1", "--seeds", "1", "--storage", storage)
    assert f"models:/{SWEEP}@pick" in said
    alice.teasel(
        "encode", f"models:/{SWEEP}@pick", IMAGE, "--resize", "-o", alice.home / "codes.parquet", "--storage", storage
    )
    runs, versions = content(alice, SWEEP)
    # The sweep with its two trials, and the final training with its one.
    assert len(runs) == 5 and all(there for _, there in runs.values())
    assert len(versions) == 1
    # Files lie where the server keeps them, not at the client.
    sizes = {size for _, there in runs.values() for size in there.values()}
    assert sizes == {path.stat().st_size for path in site.artifacts.rglob("*") if path.is_file()}


def test_another_user_sees_nothing_of_it(site, people, storage, tmp_path):
    with people["alice"].client() as client:
        experiment = client.get_experiment_by_name(SWEEP)
        named = f"attributes.run_name = '{SWEEP}'"
        run = client.search_runs([experiment.experiment_id], named)[0].info
        version = client.search_model_versions(f"name = '{SWEEP}'")[0]
    inside = run.artifact_uri.partition(":/")[2].lstrip("/")
    model = version.source.partition(":/")[2].lstrip("/")
    api, proxy = "api/2.0/mlflow", "api/2.0/mlflow-artifacts/artifacts"
    closed = (
        f"{api}/experiments/get?experiment_id={experiment.experiment_id}",
        f"{api}/experiments/get-by-name?experiment_name={SWEEP}",
        f"{api}/runs/get?run_id={run.run_id}",
        f"{api}/metrics/get-history?run_id={run.run_id}&metric_key=rank",
        f"{api}/artifacts/list?run_id={run.run_id}",
        f"{proxy}?path={inside}",
        f"{proxy}/{inside}/description.md",
        f"{proxy}/{model}/MLmodel",
        f"get-artifact?path=description.md&run_uuid={run.run_id}",
        f"{api}/registered-models/get?name={SWEEP}",
        f"{api}/model-versions/get?name={SWEEP}&version=1",
        f"{api}/model-versions/get-download-uri?name={SWEEP}&version=1",
        f"{api}/registered-models/alias?name={SWEEP}&alias=pick",
    )
    for path in closed:
        assert people["bob"].ask(path).status_code == 403, path
        assert people["alice"].ask(path).status_code == 200, path
    with people["bob"].client() as client:
        assert [found.name for found in client.search_experiments()] == []
        assert client.search_registered_models() == [] and client.search_model_versions() == []
        with pytest.raises(Exception, match="403"):
            client.set_tag(run.run_id, "pick", "mine")
    searched = people["bob"].ask(
        f"{api}/runs/search", "POST", json={"experiment_ids": [experiment.experiment_id], "max_results": 10}
    )
    assert searched.status_code == 403 or not searched.json().get("runs")
    query = {"query": f'query {{ mlflowGetRun(input: {{runId: "{run.run_id}"}}) {{ run {{ info {{ runName }} }} }} }}'}
    answer = people["bob"].ask("graphql", "POST", json=query)
    assert (run.run_name or "?") not in answer.text
    # Through Teasel: one clear line each, and nothing changed.
    shutil.copytree(storage / SWEEP, tmp_path / SWEEP)
    said = people["bob"].teasel("publish", SWEEP, "--storage", tmp_path, code=1)
    assert "no permission (403)" in said and "Traceback" not in said
    assert "no permission (403)" in people["bob"].teasel("ui", SWEEP, code=2)
    assert "No registered model" in people["bob"].teasel("encode", f"models:/{SWEEP}@pick", IMAGE, code=2)


def test_wrong_credentials_cost_a_sweep_nothing(people, tmp_path):
    bob = people["bob"]
    words = ["--name", "bobs", "--storage", tmp_path, "--set", "latents=4", "--set", "beta=2", "--set", "lr=1e-3"]
    wrong = {"MLFLOW_TRACKING_PASSWORD": "not-the-password"}
    said = bob.teasel("train", "beta_vae", *TINY, *words, **wrong)
    assert "COMPLETE" in said or "complete" in said
    assert "wrong user name or password (401)" in said and "teasel publish bobs" in said
    again = bob.teasel("publish", "bobs", "--storage", tmp_path, code=1, **wrong)
    assert again.count("401") == 1 and "Traceback" not in again and wrong["MLFLOW_TRACKING_PASSWORD"] not in again
    nobody = {"MLFLOW_TRACKING_USERNAME": "", "MLFLOW_TRACKING_PASSWORD": ""}
    assert "wants a user name and password" in bob.teasel("publish", "bobs", "--storage", tmp_path, code=1, **nobody)
    assert "MLflow has all" in bob.teasel("publish", "bobs", "--storage", tmp_path)


def test_what_is_shared_is_seen(people, storage):
    alice, bob, carol = (people[name] for name in ("alice", "bob", "carol"))
    assert "somebody else's" in bob.teasel("share", SWEEP, "carol", code=2)
    assert "no user 'nobody'" in alice.teasel("share", SWEEP, "nobody", code=2)
    assert "bob has READ" in alice.teasel("share", SWEEP, "bob")
    assert content(bob, SWEEP) == content(alice, SWEEP)
    with bob.client() as client, pytest.raises(Exception, match="403"):
        experiment = client.get_experiment_by_name(SWEEP)
        client.set_experiment_tag(experiment.experiment_id, "mine", "yes")
    assert "bob has EDIT" in alice.teasel("share", SWEEP, "bob", "--level", "EDIT")
    with bob.client() as client:
        client.set_experiment_tag(experiment.experiment_id, "ours", "yes")
    assert "bob lost" in alice.teasel("share", SWEEP, "bob", "--level", "NONE")
    assert bob.ask(f"api/2.0/mlflow/experiments/get?experiment_id={experiment.experiment_id}").status_code == 403
    # A team sees everything, and changes nothing of others'.
    for _ in range(2):
        assert "carol is in team lab" in accounts(people["admin"], "team", "lab", "carol")
    assert "carol lab" in accounts(people["admin"], "list")
    assert content(carol, SWEEP) == content(alice, SWEEP)
    with carol.client() as client, pytest.raises(Exception, match="403"):
        client.set_experiment_tag(experiment.experiment_id, "mine", "yes")


def test_passwords_change_and_accounts_end(people, site):
    admin = people["admin"]
    first, second = secrets.token_hex(8), secrets.token_hex(8)
    assert "12 characters" in accounts(admin, "add", "dave", said="short\n", code=1)
    accounts(admin, "add", "dave", said=first + "\n")
    assert "already exists" in accounts(admin, "add", "dave", said=first + "\n", code=1)
    accounts(admin, "password", "dave", said=second + "\n")
    # Not asked with the first password before: what was right is remembered for a minute.
    current = "api/2.0/mlflow/users/current"
    assert asked(site, current, auth=("dave", first)).status_code == 401
    assert asked(site, current, auth=("dave", second)).status_code == 200
    accounts(admin, "remove", "dave")
    assert "dave" not in accounts(admin, "list")
    assert asked(site, current, auth=("dave", second)).status_code == 401
    assert "Only an administrator" in sh(
        *(FILES / "accounts.sh", "password", "bob"), env=people["carol"].env, said=first + "\n", code=1
    )


def test_no_secret_is_written_down(people, site, storage):
    wanted = {person.password for person in people.values()} | set(site.secrets.values())
    assert len(wanted) == len(people) + len(site.secrets) - 1
    dumps = [sh("pg_dump", "--no-password", name, env=site.environment) for name in ("mlflow", "mlflow_auth")]
    for secret in wanted:
        assert not any(secret in dump for dump in dumps)
    written = [path for root in (storage, site.artifacts) for path in root.rglob("*") if path.is_file()]
    written += [path for path in (*site.folder.glob("*.log"), site.postgres.folder / "log", *site.etc.glob("*"))]
    assert len(written) > 20
    for path in written:
        if path.name not in ("secrets.env",):
            read = path.read_bytes()
            assert not any(secret.encode() in read for secret in wanted), path


def test_a_restart_keeps_everything(site, people):
    before = content(people["alice"], SWEEP)
    # The database alone: the server goes on when it is back.
    site.stop("postgres")
    site.start()
    assert content(people["alice"], SWEEP) == before
    site.stop("server", "postgres")
    path = site.etc / "secrets.env"
    # Needed once; and the account stays.
    path.write_text("".join(f"{line}\n" for line in path.read_text().splitlines() if "ADMIN_PASSWORD" not in line))
    site.start()
    site.serve()
    assert content(people["alice"], SWEEP) == before
    assert people["admin"].ask("api/2.0/mlflow/users/list").status_code == 200
    assert people["bob"].ask(f"api/2.0/mlflow/registered-models/get?name={SWEEP}").status_code == 403


def test_a_backup_restores_into_an_empty_database(site, people):
    before = content(people["alice"], SWEEP)
    backups = site.folder / "backups"
    made = Path(sh(FILES / "backup.sh", backups, env=site.environment).strip())
    assert {path.stat().st_mode & 0o077 for path in made.iterdir()} == {0}
    site.stop("server")
    refused = sh(FILES / "restore.sh", made, env=site.environment, code=1)
    assert "into an empty one only" in refused
    site.stop("postgres")
    site.artifacts.rename(site.folder / "artifacts_old")
    site.start(empty=True)
    torn = site.folder / "torn"
    shutil.copytree(made, torn)
    with (torn / "mlflow.dump").open("r+b") as file:
        file.seek(1000)
        file.write(b"torn")
    assert "mlflow.dump: FAILED" in sh(FILES / "restore.sh", torn, env=site.environment, code=1)
    sh(FILES / "restore.sh", made, env=site.environment)
    for module, words in (
        ("mlflow", ["db", "upgrade", "postgresql+psycopg2:///mlflow"]),
        ("mlflow.server.auth", ["db", "upgrade", "--url", "postgresql+psycopg2:///mlflow_auth"]),
    ):
        sh(sys.executable, "-m", module, *words, env=site.environment)
    site.serve()
    assert content(people["alice"], SWEEP) == before
    assert people["bob"].ask(f"api/2.0/mlflow/registered-models/get?name={SWEEP}").status_code == 403
    assert people["alice"].ask(f"api/2.0/mlflow/registered-models/get?name={SWEEP}").status_code == 200
    assert "lab" in accounts(people["admin"], "list")


def test_no_command_line_held_a_secret(seen):
    assert seen == set()
