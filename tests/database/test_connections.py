"""A connection stays ready between two uses, and nobody finds on it what somebody else left."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier, Event
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, event, func, select, text
from sqlalchemy.exc import OperationalError

from dashboard.core.job import Job, JobStatus
from dashboard.database import group_commit, statement
from dashboard.database.connections import Connections
from dashboard.database.engine import OTHERS, db
from dashboard.database.errors import DatabaseBusyError
from dashboard.database.statement import Compiled
from dashboard.database.transactions import asking, reading, writing
from dashboard.services import jobs as job_service
from dashboard.store import counts, listing
from dashboard.store import jobs as job_store
from tests.conftest import MakeApp
from tests.support.factory import make_job


@pytest.fixture
def engine(app: Flask) -> Engine:
    return db.engine


def one(engine: Engine, **options: str) -> Connections:
    return Connections(engine, at_most=1, timeout=0.01, **options)


def used(connections: Connections) -> Connection:
    with connections.use() as connection:
        return connection


def jobs(connections: Connections) -> int:
    with connections.use() as connection:
        return connection.execute(text("SELECT count(*) FROM jobs")).scalar_one()


INSERT = text("INSERT INTO jobs (id, type, priority, status, created_at) VALUES ('1', 't', 0, 'PENDING', '2026-01-01')")


def test_the_same_one_is_used_again(engine: Engine) -> None:
    connections = one(engine)
    assert used(connections) is used(connections)


def test_who_finds_none_free_is_told_that_the_database_is_busy(engine: Engine) -> None:
    connections = one(engine)
    with connections.use(), pytest.raises(DatabaseBusyError), connections.use():
        pass
    used(connections)


def test_what_was_not_committed_is_undone(engine: Engine) -> None:
    def go_half_way() -> None:
        with connections.use() as connection, connection.begin():
            connection.execute(INSERT)
            raise ValueError("half-way")

    connections = one(engine, isolation_level="SERIALIZABLE")
    with pytest.raises(ValueError, match="half-way"):
        go_half_way()
    assert jobs(connections) == 0
    with connections.use() as connection:
        connection.execute(INSERT)
    assert jobs(connections) == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_transaction_that_sqlalchemy_does_not_know_of_is_undone(engine: Engine) -> None:
    def go_half_way() -> None:
        with connections.use() as connection:
            connection.connection.cursor().execute("BEGIN IMMEDIATE")
            raise ValueError("half-way")

    connections = one(engine)
    with pytest.raises(ValueError, match="half-way"):
        go_half_way()
    with connections.use() as connection:
        assert not connection.connection.dbapi_connection.in_transaction  # type: ignore[union-attr]


def test_one_that_cannot_be_put_in_order_is_not_used_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down() -> None:
        with connections.use() as connection:
            patched.setattr(connection.connection, "rollback", refuse)
            raise ValueError("at first")

    def refuse() -> None:
        raise OSError("and then this")

    connections = one(engine)
    found = used(connections)
    with monkeypatch.context() as patched, pytest.raises(OSError, match="and then this"):
        break_down()
    assert used(connections) is not found


def test_one_that_cannot_be_opened_takes_nobody_s_place(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError("no")

    connections = one(engine)
    with monkeypatch.context() as patched:
        patched.setattr(engine, "connect", refuse)
        with pytest.raises(OSError, match="no"), connections.use():
            pass
    used(connections)


def test_what_one_has_met_the_others_are_not_made_to_meet(engine: Engine) -> None:
    connections, others = one(engine), one(engine)
    found, other = used(connections), used(others)
    with connections.use() as connection:
        connection.invalidate()
    assert used(connections) is not found
    assert used(others) is not other


def test_who_writes_several_statements_leaves_the_others_their_connections(
    make_app: MakeApp, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hold() -> None:
        with app.app_context(), writing():
            all_there.wait()
            all_may_go.wait()

    monkeypatch.setattr(group_commit, "TURN_TIMEOUT", 0.01)
    app = make_app(postgres_url)
    all_there, all_may_go = Barrier(OTHERS + 1, timeout=10), Event()
    with app.app_context(), ThreadPoolExecutor(OTHERS) as pool, ExitStack() as stack:
        stack.callback(all_may_go.set)
        for _ in range(OTHERS):
            pool.submit(hold)
        all_there.wait()
        with pytest.raises(DatabaseBusyError), writing():
            pass
        job = job_service.create("t", None, 0)
        with asking() as tx:
            assert job_store.get(tx, job.id) == job
        with reading() as tx:
            assert counts.counts(tx).pending == 1


def test_a_statement_that_took_too_long_costs_nobody_his_connection(make_app: MakeApp, postgres_url: str) -> None:
    sleep = Compiled(select(func.pg_sleep(60)))

    def take_too_long() -> None:
        with connections.use() as connection:
            connection.exec_driver_sql("SET statement_timeout = 1")
            sleep.rows(connection)

    with make_app(postgres_url).app_context():
        connections = one(db.engine)
        found = used(connections)
        with pytest.raises(OperationalError):
            take_too_long()
        assert used(connections) is found


def test_what_a_long_list_has_read_is_not_kept(app: Flask) -> None:
    for _ in range(20):
        make_job()
    with asking() as tx:
        counts.counts(tx)
        assert "cursor" in tx.connection.info
        assert len(listing.newest(tx, None, 20)) == 20
        assert "cursor" not in tx.connection.info


@pytest.mark.parametrize(
    ("path", "answered"),
    [("claim", "FAILED"), ("{}/process", "COMPLETED"), ("{}/complete", "FAILED"), ("{}/fail", "COMPLETED")],
)
def test_an_answer_that_cannot_be_is_not_sent_and_its_connection_is_dropped(
    app: Flask, path: str, answered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a pooler had run the statement of another client."""

    def answer(tx: Connection, form: Any, values: Any) -> list[tuple[Any, ...]]:
        rows = run(tx, form, values)
        changed = form.sql.startswith("UPDATE jobs")
        return [Job._make(row)._replace(status=answered) for row in rows] if changed else rows

    client, run = app.test_client(), statement.run
    job = make_job(JobStatus.RUNNING if path == "{}/complete" else JobStatus.PENDING)
    dropped: list[object] = []
    event.listen(db.engine, "invalidate", lambda *_: dropped.append(None))
    with monkeypatch.context() as patched:
        patched.setattr(statement, "run", answer)
        refused = client.post(f"/jobs/{path.format(job.id)}")
    assert (refused.status_code, list(refused.json)) == (500, ["detail"])
    assert dropped
    assert client.get(f"/jobs/{job.id}").json["status"] != answered
    assert client.post("/jobs", json={"type": "t"}).status_code == 201
