"""Transactions: asking() and reading(); writing(), and write(), which may share one with others who write.

A write inside a write would wait for itself: it raises RuntimeError.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import Context, ContextVar
from typing import TypeVar, cast

from flask import Flask
from sqlalchemy import Connection

from dashboard.current import this_app
from dashboard.database.connections import Connections
from dashboard.database.engine import ASKERS, POOL_TIMEOUT, READERS, db
from dashboard.database.group_commit import OneWriter, Writers

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


@contextmanager
def writing() -> Iterator[Connection]:
    """A transaction of one's own that may write; on SQLite it holds the one write lock from its first moment.

    Raises DatabaseBusyError when there is no getting it: waiting writers must not hold every connection.
    """
    _refuse_inside_a_write()
    before = _is_writing.set(True)
    try:
        with _writers().transaction() as tx:
            yield tx
    finally:
        _is_writing.reset(before)


def write(
    work: Callable[[Connection], T], undone: Callable[[], None] = lambda: None, *, one_statement: bool = False
) -> T:
    """Do this work in one transaction, and return what it returns, once that is committed.

    On SQLite the transaction may be shared, and the work run by another request's greenlet. So it runs in an empty
    context, where Flask's `request`, `session` and `current_app` raise: what it needs of them is taken before. An
    exception undoes the work alone that had not written yet, and otherwise the whole transaction; those who shared it
    then get a DatabaseBusyError each, whose cause is that exception. `undone` is called when the work is not kept.

    Work of one statement says so: on PostgreSQL that needs no BEGIN and no COMMIT, which would halve what 8 clients
    get done. Raises DatabaseBusyError as writing() does.
    """
    _refuse_inside_a_write()
    inside = _INSIDE.copy()
    return cast(T, _writers().write(lambda tx: inside.run(work, tx), undone, one_statement))


_is_writing = ContextVar("is_writing", default=False)

_INSIDE = Context()

_INSIDE.run(_is_writing.set, True)


def _refuse_inside_a_write() -> None:
    if _is_writing.get():
        raise RuntimeError("A write began inside another one: use the transaction that is open")


def _writers() -> Writers | OneWriter:
    writers: Writers | OneWriter = this_app().extensions["writers"]
    return writers
