"""A connection stays ready between two uses, and nobody finds on it what somebody else left."""

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, text

from dashboard.connections import Connections, DatabaseBusyError
from dashboard.models import db


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
