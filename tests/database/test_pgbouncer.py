"""Behind pgbouncer, in either of its modes, every answer is true and every setting holds."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from dashboard.database import postgresql
from dashboard.database.transactions import asking, reading, write, writing
from tests.support import faults
from tests.support.app import MakeApp
from tests.support.database import query
from tests.support.pgbouncer import MODES, Pgbouncer
from tests.support.postgres import Postgres
from tests.support.server import StartServer
from tests.support.waiting import eventually


@pytest.fixture(scope="module", params=MODES)
def pgbouncer(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[Pgbouncer]:
    folder = postgres.folder / "pgbouncer"
    pooler = Pgbouncer(postgres, folder, request.param)
    yield pooler.start()
    pooler.stop()
    shutil.rmtree(folder)


@pytest.fixture
def pooled_url(pgbouncer: Pgbouncer, postgres_url: str) -> str:
    """The emptied database by way of the pooler."""
    return pgbouncer.url("migrated")


def test_every_answer_to_16_clients_of_2_servers_is_true(
    pooled_url: str, postgres_url: str, start_server: StartServer
) -> None:
    servers = [start_server(pooled_url) for _ in range(2)]
    assert faults.share_a_pooler(servers, postgres_url, rounds=1).creates


SHOW = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'), "
SHOW += "current_setting('idle_in_transaction_session_timeout'), current_setting('synchronous_commit')"


def test_each_transaction_has_the_settings_and_leaves_the_server_s_own(
    pooled_url: str, postgres_url: str, make_app: MakeApp
) -> None:
    show: Callable[[Any], Any] = lambda tx: tuple(tx.exec_driver_sql(SHOW).one())  # noqa: E731
    [before] = query(pooled_url, SHOW)
    with make_app(pooled_url, DURABILITY="relaxed").app_context():
        expected = ("30s", "5s", "10s", "off")
        for _ in range(3):
            for block in (asking, reading, writing):
                with block() as tx:
                    assert (show(tx), show(tx)) == (expected, expected)
            assert write(show) == expected
        assert query(pooled_url, SHOW) == [before]


def test_a_statement_that_takes_too_long_is_given_up(
    pooled_url: str, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgresql.SETTINGS, "statement_timeout", "1s")
    with make_app(pooled_url).app_context():
        for block in (asking, writing):
            with pytest.raises(OperationalError, match="statement timeout"), block() as tx:
                tx.exec_driver_sql("SELECT pg_sleep(60)")
            with block() as tx:
                assert tx.exec_driver_sql("SELECT 1").scalar_one() == 1


def test_a_text_is_stored_as_it_was_sent(pooled_url: str, make_app: MakeApp) -> None:
    client = make_app(pooled_url).test_client()
    payload = {"text": 'it\'s 100 % \\ "quoted" \u20ac \U0001f600 $1 %s %(key)s :key ;--\n'}
    created = client.post("/jobs", json={"type": "O'Neil \\' %", "payload": payload}).get_json()
    shown = client.get(f"/jobs/{created['id']}").get_json()
    assert (shown["type"], shown["payload"]) == ("O'Neil \\' %", payload)
    client.post("/jobs/claim")
    ended = client.post(f"/jobs/{created['id']}/complete", json={"result": payload})
    assert (ended.status_code, ended.get_json()["result"]) == (200, payload)


def test_a_database_is_migrated_through_it(pgbouncer: Pgbouncer, postgres: Postgres, make_app: MakeApp) -> None:
    postgres.create("pooled")
    client = make_app(pgbouncer.url("pooled")).test_client()
    assert client.get("/readyz").status_code == 200
    assert client.post("/jobs", json={"type": "t"}).status_code == 201
    postgres.drop("pooled")


def test_the_pooler_may_replace_its_server_connections_between_two_uses(
    pgbouncer: Pgbouncer, pooled_url: str, postgres_url: str, make_app: MakeApp
) -> None:
    others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
    with make_app(pooled_url).app_context():
        with asking() as tx:
            first = tx.connection.dbapi_connection
            tx.exec_driver_sql("SELECT 1")
        query(postgres_url, f"SELECT pg_terminate_backend(pid) {others}")
        eventually(lambda: not query(postgres_url, f"SELECT 1 {others}"), "the servers are gone")
        with asking() as tx:
            second = tx.connection.dbapi_connection
            assert tx.exec_driver_sql("SELECT 1").scalar_one() == 1
        assert (second is first) == (pgbouncer.pool_mode == "transaction")


def test_a_restart_of_the_pooler_between_two_requests_is_not_noticed(
    pgbouncer: Pgbouncer, pooled_url: str, make_app: MakeApp
) -> None:
    client = make_app(pooled_url).test_client()
    for number in range(1, 4):
        assert client.post("/jobs", json={"type": "t"}).status_code == 201
        assert client.get("/jobs/summary").get_json()["pending"] == number
        pgbouncer.stop()
        pgbouncer.start()
