"""What is added to SQLAlchemy's connection pools, by their events.

A connection that its server has closed is replaced before it is used, which `pool_pre_ping` does for a round trip at
each use. A connection is rolled back after each use, which `pool_reset_on_return` leaves out after a failed commit.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from select import POLLIN
from typing import Any

from gevent import monkey
from sqlalchemy import Connection, Engine, event, exc
from sqlalchemy.pool import ConnectionPoolEntry

from dashboard.database.errors import DatabaseBusyError

_poll = monkey.get_original("select", "poll")  # it does not wait, so no other greenlet needs to run meanwhile


def connect(engine: Engine) -> Connection:
    """A connection for `with`, which rolls back at its end.

    Raises DatabaseBusyError where none is free in time, or where the server closes each new one at once.
    """
    try:
        return engine.connect()
    except (exc.TimeoutError, exc.InvalidRequestError) as error:
        raise DatabaseBusyError(str(error)) from None


KEPT = 4  # of the connections of a pool; the others are for what uses the pool itself, such as db.session


class Kept:
    """Connections to SQLite that are not returned to the pool between two uses.

    A checkout with its events, a new Connection and the return take 25 µs, and all else of a poll that is answered by
    304 takes 48. A connection that was left in a transaction, or failed, is returned, which puts it in order. All are
    closed with the engine's own.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idle: list[Connection] = []
        event.listen(engine, "engine_disposed", self._close_idle)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """As connect() of this module."""
        idle = self._idle
        try:
            connection = idle.pop()
        except IndexError:
            connection = connect(self._engine)
        is_kept = False
        try:
            yield connection
            is_kept = idle is self._idle and len(idle) < KEPT and not _is_in_transaction(connection)
        finally:
            if is_kept:
                idle.append(connection)
            else:
                connection.close()

    def _close_idle(self, _engine: Engine) -> None:
        closed, self._idle = self._idle, []  # those in use see that it is another list
        for connection in closed:
            connection.detach()  # from a pool that is no more
            connection.close()


def _is_in_transaction(connection: Connection) -> bool:
    """As SQLAlchemy knows, or as the driver alone does."""
    driver: Any = connection.connection.dbapi_connection
    return connection.get_transaction() is not None or driver.in_transaction


def set_up(engines: Collection[Engine]) -> None:
    """Add this to the pools of these engines, which have `pool_reset_on_return=None`."""
    failures = _Failures(engines)
    for engine in engines:
        event.listen(engine, "reset", failures.roll_back)
        event.listen(engine, "connect", failures.note_age)
        event.listen(engine, "invalidate", failures.close_idle)
        if engine.dialect.name == "postgresql":
            event.listen(engine, "checkout", _check_socket)


class _Failures:
    """Closes all connections of these engines after the failure of one: the idle ones at once, the others after use.

    After a full disk, a read-only file or a lost network all of them have the same fault. SQLite even gives it to new
    connections while an old one is open, because the connections of a process share their view of the WAL's index.
    """

    def __init__(self, engines: Collection[Engine]) -> None:
        self._engines = engines
        self._count = 0

    def note_age(self, _driver: object, entry: ConnectionPoolEntry) -> None:
        entry.info["failures"] = self._count

    def close_idle(self, _driver: object, entry: ConnectionPoolEntry, exception: BaseException | None) -> None:
        if isinstance(exception, exc.DisconnectionError) or self._is_old(entry):  # replaced here, or known already
            return
        self._count += 1
        for engine in self._engines:
            engine.dispose()

    def roll_back(self, driver: Any, entry: ConnectionPoolEntry | None, _state: object) -> None:
        if entry is not None and self._is_old(entry):  # None: it is detached, and closed next
            entry.close()
        else:
            driver.rollback()

    def _is_old(self, entry: ConnectionPoolEntry) -> bool:
        return bool(entry.info["failures"] != self._count)


def _check_socket(driver: Any, _entry: object, _proxy: object) -> None:
    """A PostgreSQL server sends nothing between two statements but the end of the connection."""
    incoming = _poll()
    incoming.register(driver.pgconn.socket, POLLIN)
    if incoming.poll(0):
        raise exc.DisconnectionError("The server has closed the connection")
