"""Transactions: asking() and reading(); writing(), and write(), which may share one with others who write."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar, cast

from flask import Flask
from sqlalchemy import Connection

from dashboard.connections import Connections
from dashboard.current import this_app
from dashboard.models import ASKERS, POOL_TIMEOUT, READERS, db
from dashboard.writers import OneWriter, Writers

T = TypeVar("T")


def init_app(app: Flask) -> None:
    with app.app_context():
        engine = db.engine
    if engine.dialect.name == "sqlite":
        app.extensions["writers"] = OneWriter(engine, f"{engine.url.database}-turn")
        app.extensions["readers"] = Connections(engine, READERS, POOL_TIMEOUT)
    else:
        app.extensions["writers"] = Writers(engine)
        # By default each statement would see a state of its own.
        app.extensions["readers"] = Connections(engine, READERS, POOL_TIMEOUT, isolation_level="REPEATABLE READ")
    app.extensions["askers"] = Connections(engine, ASKERS, POOL_TIMEOUT)


@contextmanager
def reading() -> Iterator[Connection]:
    """A transaction that sees one state of the database throughout."""
    readers: Connections = this_app().extensions["readers"]
    with readers.use() as connection, connection.begin():
        yield connection


def asking() -> AbstractContextManager[Connection]:
    """A connection for one question: a transaction around it would cost more than the answer."""
    askers: Connections = this_app().extensions["askers"]
    return askers.use()


def writing() -> AbstractContextManager[Connection]:
    """A transaction of one's own that may write; on SQLite it holds the one write lock from its first moment.

    Raises DatabaseBusyError when there is no getting it: waiting writers must not hold every connection.
    """
    return _writers().transaction()


def write(work: Callable[[Connection], T], undone: Callable[[], None] = lambda: None) -> T:
    """Do this work in a transaction, and return what it returns, once that is committed.

    On SQLite others' work may be done in the same transaction: an exception undoes the work alone that had not written
    yet, and otherwise the whole transaction. On PostgreSQL every statement is a transaction. `undone` is called when
    the work is not kept, before anybody else has a turn. Raises DatabaseBusyError as writing() does.
    """
    return cast(T, _writers().write(work, undone))


def _writers() -> Writers | OneWriter:
    writers: Writers | OneWriter = this_app().extensions["writers"]
    return writers
