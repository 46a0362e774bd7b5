"""Transactions: asking() and reading(); writing(), and write(), which may share a commit with other writes.

A write inside a write would wait for itself: it raises RuntimeError.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import Context, ContextVar, copy_context
from functools import partial
from typing import TypeVar, cast

from flask import Flask, current_app
from sqlalchemy import Connection

from dashboard.core.numbers import Key, Numbers
from dashboard.database.engine import WRITES, db
from dashboard.database.errors import UNAVAILABLE
from dashboard.database.group_commit import GroupCommit
from dashboard.database.own_commit import OwnCommit
from dashboard.database.pools import Kept, connect
from dashboard.database.pulse import Pulse
from dashboard.database.statement import is_listened_to

Connect = Callable[[], AbstractContextManager[Connection]]

T = TypeVar("T")


def init_app(app: Flask, written: Callable[[], None]) -> None:
    """`written` is called after each commit of this process."""
    app.extensions["written"] = written
    app.extensions["pulse"] = Pulse()
    with app.app_context():
        reads, writes = db.engine, db.engines[WRITES]
    app.extensions["is_traced"] = partial(is_listened_to, writes)
    numbers: Numbers = app.extensions["numbers"]
    if reads.dialect.name == "sqlite":
        app.extensions["writer"] = GroupCommit(writes, f"{writes.url.database}-turn", numbers)
        app.extensions["asks"] = app.extensions["reads"] = Kept(reads).connect
    else:
        app.extensions["writer"] = OwnCommit(writes, numbers)
        app.extensions["asks"] = partial(connect, reads)
        # By default each statement would see a state of its own.
        app.extensions["reads"] = partial(connect, reads.execution_options(isolation_level="REPEATABLE READ"))


@contextmanager
def reading() -> Iterator[Connection]:
    """A transaction that sees one state of the database throughout."""
    connect: Connect = current_app.extensions["reads"]
    with connect() as connection, connection.begin():
        yield connection


def asking() -> AbstractContextManager[Connection]:
    """A connection for one statement that reads: a transaction would cost more than the statement."""
    connect: Connect = current_app.extensions["asks"]
    return connect()


@contextmanager
def writing() -> Iterator[Connection]:
    """A transaction of the caller's own that may write; on SQLite it holds the one write lock from its begin.

    Raises DatabaseBusyError when it cannot begin in time: writes that wait must not hold every connection.
    """
    _refuse_inside_a_write()
    before = _is_writing.set(True)
    try:
        with _writer().transaction() as tx:
            yield tx
    finally:
        _is_writing.reset(before)


def write(
    work: Callable[[Connection], T], undone: Callable[[], None] = lambda: None, *, one_statement: bool = False
) -> T:
    """Do this work in one transaction, and return what it returns once that is committed.

    On SQLite the transaction may be shared, and the work run by another greenlet. So it runs in an empty context, where
    Flask's `request`, `session` and `current_app` raise: what it needs of them is read before. An exception undoes
    this work alone; `undone` is then called, before any other work runs. When the commit itself fails, each write that
    shared it raises a DatabaseBusyError of its own.

    `one_statement` says that the work is a single statement, which saves PostgreSQL its BEGIN and COMMIT, two round
    trips of three, and SQLite a savepoint, 4 µs. Raises DatabaseBusyError as writing() does.
    """
    _refuse_inside_a_write()
    extensions = current_app.extensions
    inside = _with_a_tracer_s_own() if extensions["is_traced"]() else _INSIDE.copy()
    pulse: Pulse = extensions["pulse"]
    pulse.begin()
    is_through = True
    try:
        done = cast(T, extensions["writer"].write(lambda tx: inside.run(work, tx), undone, one_statement))
    except UNAVAILABLE:
        is_through = False
        raise
    finally:
        pulse.end(is_through)
    extensions["written"]()
    if noted := inside.get(_noted):
        for key, number in noted[1].items():
            extensions["numbers"].add(key, number)
    return done


def note(tx: Connection, key: Key, number: int) -> None:
    """Have the work of a write() count so many, once they are committed."""
    noted = _noted.get()
    if noted is None or noted[0] is not tx:  # a write that is tried again begins anew
        noted = tx, Counter()
        _noted.set(noted)
    noted[1][key] += number


_noted: ContextVar[tuple[Connection, Counter[Key]] | None] = ContextVar("noted", default=None)

_is_writing = ContextVar("is_writing", default=False)

_INSIDE = Context()

_INSIDE.run(_is_writing.set, True)


def _with_a_tracer_s_own() -> Context:
    """An empty context, but for what others than Flask keep in it: the span that the statements are a part of."""
    inside = _INSIDE.copy()
    for variable, value in copy_context().items():
        if not variable.name.startswith("flask.") and variable not in inside:
            inside.run(variable.set, value)
    return inside


def _refuse_inside_a_write() -> None:
    if _is_writing.get():
        raise RuntimeError("A write began inside another one: use the transaction that is open")


def _writer() -> GroupCommit | OwnCommit:
    writer: GroupCommit | OwnCommit = current_app.extensions["writer"]
    return writer
