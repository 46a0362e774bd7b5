"""A connection stays open between two uses, and each use finds it in order; reads and writes have their own."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, event, func, select, text
from sqlalchemy.exc import OperationalError

from dashboard.core.job import Job, JobStatus
from dashboard.database import engine, sqlite, statement
from dashboard.database.engine import READERS, WRITERS, WRITES, db
from dashboard.database.errors import DatabaseBusyError
from dashboard.database.statement import Compiled
from dashboard.database.transactions import asking, reading, write, writing
from dashboard.services import jobs as job_service
from dashboard.store import counts, listing
from dashboard.store import jobs as job_store
from tests.support.app import MakeApp
from tests.support.database import query
from tests.support.factory import make_job
from tests.support.waiting import eventually

Block = Callable[[], AbstractContextManager[Connection]]

BLOCKS: tuple[Block, ...] = (asking, reading, writing)
each_block = pytest.mark.parametrize("block", BLOCKS)

INSERT = text("INSERT INTO jobs (id, type, priority, status, created_at) VALUES ('1', 't', 0, 'PENDING', '2026-01-01')")


def used(block: Block) -> Any:
    """The driver's connection that a block gets."""
    with block() as tx:
        return tx.connection.dbapi_connection


@each_block
def test_a_connection_is_used_again(app: Flask, block: Block) -> None:
    assert used(block) is used(block)


@pytest.mark.parametrize("block", [asking, reading])
def test_where_no_connection_is_free_in_time_the_database_is_busy(
    make_app: MakeApp, database_url: str, block: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "READ_TIMEOUT", 0.01)
    with make_app(database_url).app_context():
        with ExitStack() as stack:
            for _ in range(READERS):
                stack.enter_context(block())
            with pytest.raises(DatabaseBusyError), block():
                pass
            make_job()  # a write does not need them
        used(block)


def test_writes_that_hold_all_their_connections_leave_reads_theirs(
    make_app: MakeApp, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "TURN_TIMEOUT", 0.01)
    app = make_app(postgres_url)
    with app.app_context():
        job = make_job()
        with db.engines[WRITES].connect(), ExitStack() as stack:
            for _ in range(WRITERS - 1):
                stack.enter_context(db.engines[WRITES].connect())
            with pytest.raises(DatabaseBusyError):
                job_service.create("t", None, 0)
            with pytest.raises(DatabaseBusyError), writing():
                pass
            with asking() as tx:
                assert job_store.get(tx, job.id) == job
            with reading() as tx:
                assert counts.counts(tx).pending == 1
        make_job()


@pytest.mark.parametrize("block", [reading, writing])
def test_what_was_not_committed_is_undone(app: Flask, block: Block) -> None:
    def go_half_way() -> None:
        with block() as tx:
            tx.execute(INSERT)
            raise ValueError("half-way")

    with pytest.raises(ValueError, match="half-way"):
        go_half_way()
    for again in BLOCKS:
        with again() as tx:
            assert counts.counts(tx).pending == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_transaction_that_sqlalchemy_does_not_know_of_is_undone(app: Flask) -> None:
    with asking() as tx:
        found: Any = tx.connection.dbapi_connection
        found.execute("BEGIN IMMEDIATE")
    assert not found.in_transaction
    assert used(asking) is found


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_connection_that_stays_checked_out_is_closed_with_the_others(app: Flask) -> None:
    found = used(asking)
    engine.dispose()
    with pytest.raises(sqlite.driver.ProgrammingError, match="closed"):
        found.execute("SELECT 1")
    assert used(asking) is used(reading) is not found


@pytest.mark.parametrize("block", [asking, reading])
def test_after_many_reads_at_once_the_session_finds_a_connection(
    make_app: MakeApp, database_url: str, block: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "READ_TIMEOUT", 0.01)
    with make_app(database_url).app_context():
        with ExitStack() as stack:
            for _ in range(READERS):
                stack.enter_context(block())
        assert db.session.execute(text("SELECT count(*) FROM jobs")).scalar() == 0
        db.session.remove()


@each_block
def test_a_connection_that_cannot_be_put_in_order_is_not_used_again(app: Flask, block: Block) -> None:
    def close() -> None:
        with block() as tx:
            found.append(tx.connection.dbapi_connection)
            found[0].close()
            raise ValueError("closed")

    found: list[Any] = []
    with pytest.raises(Exception, match="closed"):
        close()
    assert used(block) is not found[0]


def test_a_connection_that_cannot_be_opened_takes_no_place_in_the_pool(app: Flask) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no")

    engine.dispose()
    event.listen(db.engine, "do_connect", refuse)
    for _ in range(READERS + 1):
        with pytest.raises(OSError, match="no"), asking():
            pass
    event.remove(db.engine, "do_connect", refuse)
    used(asking)


def test_after_the_failure_of_one_connection_all_are_closed_and_replaced(app: Flask) -> None:
    closed: list[object] = []
    for each in db.engines.values():
        event.listen(each, "close", lambda driver, _entry: closed.append(driver))
    with asking() as one, asking() as other:
        in_use = [one.connection.dbapi_connection, other.connection.dbapi_connection]
        idle = used(writing)
        one.invalidate()
        assert set(closed) == {in_use[0], idle}
    assert set(closed) == {*in_use, idle}
    assert used(asking) is used(reading)
    assert used(writing) is used(writing)
    assert len(closed) == 3


def test_connections_that_the_server_has_closed_are_replaced_before_a_request_meets_them(
    make_app: MakeApp, postgres_url: str
) -> None:
    others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
    client = make_app(postgres_url).test_client()
    for number in range(1, 4):
        assert client.post("/jobs", json={"type": "t"}).status_code == 201
        assert client.get("/jobs/summary").get_json()["pending"] == number
        assert client.get("/jobs/queue").headers["X-Total-Count"] == str(number)
        query(postgres_url, f"SELECT pg_terminate_backend(pid) {others}")
        eventually(lambda: not query(postgres_url, f"SELECT 1 {others}"), "the connections are closed")


def test_a_statement_that_took_too_long_leaves_its_connection(make_app: MakeApp, postgres_url: str) -> None:
    sleep = Compiled(select(func.pg_sleep(60)))

    def take_too_long() -> None:
        with asking() as tx:
            tx.exec_driver_sql("SET statement_timeout = 1")
            sleep.rows(tx)

    with make_app(postgres_url).app_context():
        found = used(asking)
        with pytest.raises(OperationalError):
            take_too_long()
        assert used(asking) is found


def test_the_rows_of_a_long_list_are_not_kept(app: Flask) -> None:
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
def test_an_impossible_answer_is_not_sent_and_its_connection_is_dropped(
    app: Flask, path: str, answered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a pooler had run the statement of another client."""

    def answer(tx: Connection, form: Any, values: Any, run: Callable[..., Any]) -> list[tuple[Any, ...]]:
        rows = run(tx, form, values)
        changed = "UPDATE jobs SET status" in form.sql
        place = Job._fields.index("status")
        return [(*row[:place], answered, *row[place + 1 :]) for row in rows] if changed else rows

    client = app.test_client()
    job = make_job(JobStatus.RUNNING if path == "{}/complete" else JobStatus.PENDING)
    dropped: list[object] = []
    event.listen(db.engines[WRITES], "invalidate", lambda *_: dropped.append(None))
    with monkeypatch.context() as patched:
        for name in ("run", "run_each"):
            patched.setattr(statement, name, partial(answer, run=getattr(statement, name)))
        refused = client.post(f"/jobs/{path.format(job.id)}")
    assert (refused.status_code, list(refused.get_json())) == (500, ["detail"])
    assert dropped
    assert client.get(f"/jobs/{job.id}").get_json()["status"] != answered
    assert client.post("/jobs", json={"type": "t"}).status_code == 201


def test_the_session_of_flask_sqlalchemy_reads_what_was_written(app: Flask) -> None:
    job = make_job()
    assert db.session.execute(text("SELECT id FROM jobs")).scalars().all() == [job.id]
    db.session.remove()
    write(lambda tx: tx.execute(INSERT))
    assert len(db.session.execute(text("SELECT id FROM jobs")).all()) == 2
    db.session.remove()
