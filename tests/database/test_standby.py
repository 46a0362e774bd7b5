"""A PostgreSQL with a standby: a commit that no standby has confirmed, a server that takes no writes, a promotion."""

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection, text
from werkzeug.test import TestResponse

from dashboard.database import pulse
from dashboard.database.transactions import asking, write, writing
from tests.support.app import MakeApp
from tests.support.factory import EXAMPLE
from tests.support.postgres import Postgres, wait_for_a_standby
from tests.support.waiting import eventually

pytestmark = pytest.mark.postgres


class Pair(NamedTuple):
    primary: Postgres
    standby: Postgres


@pytest.fixture
def pair() -> Iterator[Pair]:
    base = Path(os.environ.get("TMPDIR", "/tmp")) / f"jobs-pair-{os.getpid()}"
    base.mkdir()
    base.chmod(0o755)
    try:
        with Postgres(base / "1") as primary:
            primary.create("jobs")
            with Postgres(base / "2", primary=primary) as standby:
                yield Pair(primary, standby)
    finally:
        shutil.rmtree(base)


def has_all(pair: Pair) -> bool:
    """Whether the standby shows what the primary has committed."""
    with pair.primary.connect() as connection:
        lag = "SELECT replay_lsn >= pg_current_wal_lsn() FROM pg_stat_replication"
        return connection.execute(lag).fetchall() == [(True,)]


def waiting_commits(server: Postgres) -> list[int]:
    with server.connect() as connection:
        found = connection.execute("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'").fetchall()
    return [int(str(pid)) for (pid,) in found]


def first_refusal(client: FlaskClient, line: str, body: Any) -> TestResponse:
    """The first answer that is not 201: a new setting of the server takes effect with a delay."""
    while (answer := client.post(line, json=body)).status_code == 201:
        pass
    return answer


@pytest.mark.parametrize("line", ["/jobs", "/jobs/batch"])
def test_a_commit_whose_wait_for_the_standby_is_cancelled_is_503(pair: Pair, make_app: MakeApp, line: str) -> None:
    app = make_app(pair.primary.url("jobs"))
    pair.standby.stop()
    wait_for_a_standby(pair.primary)
    with ThreadPoolExecutor(1) as pool:
        body = [EXAMPLE] if line.endswith("batch") else EXAMPLE
        asked = pool.submit(first_refusal, app.test_client(), line, body)
        eventually(lambda: waiting_commits(pair.primary), "the commit waits")
        with pair.primary.connect() as connection:
            connection.execute("SELECT pg_cancel_backend(%s)", waiting_commits(pair.primary))
        answer = asked.result()
    assert answer.status_code == 503
    assert "Look whether it was done" in answer.get_json()["detail"]
    with pair.primary.connect() as connection:  # later commits no longer wait for a standby
        connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
        connection.execute("SELECT pg_reload_conf()")
    assert app.test_client().post("/jobs", json=EXAMPLE).status_code == 201


def test_readyz_notices_that_no_write_gets_through(
    pair: Pair, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "STUCK_AFTER", 0.2)
    app = make_app(pair.primary.url("jobs"))
    client = app.test_client()
    assert client.get("/readyz").status_code == 200
    pair.standby.stop()
    wait_for_a_standby(pair.primary)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(first_refusal, app.test_client(), "/jobs", EXAMPLE)
        eventually(lambda: client.get("/readyz").status_code == 503, "it is not ready")
        assert "No write has got through" in client.get("/readyz").get_json()["detail"]
        assert client.get("/jobs").status_code == 200
        with pair.primary.connect() as connection:
            connection.execute("SELECT pg_cancel_backend(%s)", waiting_commits(pair.primary))
        assert asked.result().status_code == 503
    pair.standby.start()
    assert client.post("/jobs", json=EXAMPLE).status_code == 201
    assert client.get("/readyz").status_code == 200


def test_a_standby_is_not_ready_and_takes_writes_when_it_is_promoted(pair: Pair, make_app: MakeApp) -> None:
    made = make_app(pair.primary.url("jobs")).test_client().post("/jobs", json=EXAMPLE).get_json()
    eventually(lambda: has_all(pair), "the standby has it")
    client = make_app(pair.standby.url("jobs")).test_client()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()["detail"]) == (
        503,
        "The database is read-only: a standby, or made so",
    )
    assert client.get(f"/jobs/{made['id']}").get_json() == made
    assert client.post("/jobs", json=EXAMPLE).status_code == 503
    pair.primary.kill()
    with pair.standby.connect() as connection:
        connection.execute("SELECT pg_promote()")
    eventually(lambda: client.get("/readyz").status_code == 200, "it is ready")
    assert client.post("/jobs", json=EXAMPLE).status_code == 201


def test_after_a_refusal_by_a_read_only_server_the_connection_is_another_one(
    postgres_url: str, make_app: MakeApp
) -> None:
    app = make_app(postgres_url)

    def backend() -> int:
        with writing() as tx:
            return int(tx.execute(text("SELECT pg_backend_pid()")).scalar_one())

    with app.app_context():
        before = backend()
        assert backend() == before
        with writing() as tx:
            tx.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
        client = app.test_client()
        assert client.post("/jobs", json=EXAMPLE).status_code == 503
        assert client.post("/jobs", json=EXAMPLE).status_code == 201
        assert backend() != before


@pytest.mark.parametrize(
    ("operator", "durability", "used"),
    [
        ("remote_apply", "full", "remote_apply"),
        ("off", "full", "on"),
        ("local", "full", "on"),
        ("remote_apply", "relaxed", "off"),
    ],
)
def test_full_durability_takes_nothing_from_what_the_operator_has_set(
    postgres_url: str, make_app: MakeApp, operator: str, durability: str, used: str
) -> None:
    app = make_app(f"{postgres_url}&options=-csynchronous_commit%3D{operator}", DURABILITY=durability)
    with app.app_context(), asking() as tx:
        assert tx.execute(text("SHOW synchronous_commit")).scalar_one() == used


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_a_write_that_the_server_has_undone_for_others_is_done_again(
    postgres_url: str, make_app: MakeApp, state: str
) -> None:
    tries: list[int] = []

    def work(tx: Connection) -> int:
        tries.append(len(tries))
        if len(tries) < 3:
            tx.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'undone' USING ERRCODE = '{state}'; END $$"))
        return int(tx.execute(text("SELECT 7")).scalar_one())

    with make_app(postgres_url).app_context():
        assert write(work) == 7
    assert tries == [0, 1, 2]
