"""Transactions: asking() and reading(); writing(), and write(), which may share one with others who write."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar, cast

from flask import Flask, current_app
from sqlalchemy import Connection

from dashboard.connections import Connections
from dashboard.models import ASKERS, POOL_TIMEOUT, READERS, db
from dashboard.writers import OneWriter, Writers

T = TypeVar("T")


def init_app(app: Flask) -> None:
    with app.app_context():
        engine = db.engine
    if engine.dialect.name == "sqlite":
        writers: Writers = OneWriter(engine, f"{engine.url.database}-turn")
        readers = Connections(engine, READERS, POOL_TIMEOUT)
    else:
        writers = Writers(engine)  # and by default each statement would see a state of its own
        readers = Connections(engine, READERS, POOL_TIMEOUT, isolation_level="REPEATABLE READ")
    app.extensions |= {"writers": writers, "readers": readers, "askers": Connections(engine, ASKERS, POOL_TIMEOUT)}


@contextmanager
def reading() -> Iterator[Connection]:
    """A transaction that sees one state of the database throughout."""
    readers: Connections = current_app.extensions["readers"]
    with readers.use() as connection, connection.begin():
        yield connection


def asking() -> AbstractContextManager[Connection]:
    """A connection for one question: a transaction around it would cost more than the answer."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    askers: Connections = app.extensions["askers"]
    return askers.use()


@contextmanager
def writing() -> Iterator[Connection]:
    """A transaction of one's own that may write; on SQLite it holds the one write lock from its first moment.

    Raises DatabaseBusyError when there is no getting it: waiting writers must not hold every connection.
    """
    with _writers().transaction() as tx:
        yield tx


def write(work: Callable[[Connection], T], undone: Callable[[], None] = lambda: None) -> T:
    """Do this work in a transaction, and return what it returns, once that is committed.

    On SQLite others' work may be done in the same transaction: an exception undoes the work alone that had not written
    yet, and otherwise the whole transaction. On PostgreSQL every statement is a transaction. `undone` is called when
    the work is not kept, before anybody else has a turn. Raises DatabaseBusyError as writing() does.
    """
    return cast(T, _writers().write(work, undone))


def _writers() -> Writers:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    writers: Writers = app.extensions["writers"]
    return writers
