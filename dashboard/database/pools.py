"""What is added to SQLAlchemy's connection pools, by their events.

A connection that its server has closed is replaced before it is used, which `pool_pre_ping` does for a round trip at
each use. A connection is rolled back after each use, which `pool_reset_on_return` leaves out after a failed commit.
"""

from collections.abc import Collection
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


def set_up(engines: Collection[Engine]) -> None:
    """Add this to the pools of these engines, which have `pool_reset_on_return=None`."""
    failures = _Failures(engines)
    for engine in engines:
        event.listen(engine, "reset", _roll_back)
        event.listen(engine, "connect", failures.note_age)
        event.listen(engine, "invalidate", failures.close_idle)
        event.listen(engine, "checkin", failures.close_old)
        if engine.dialect.name == "postgresql":
            event.listen(engine, "checkout", _check_socket)


def _roll_back(driver: Any, _entry: object, _state: object) -> None:
    driver.rollback()


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

    def close_old(self, driver: object, entry: ConnectionPoolEntry) -> None:
        if driver and self._is_old(entry):
            entry.close()

    def _is_old(self, entry: ConnectionPoolEntry) -> bool:
        return bool(entry.info["failures"] != self._count)


def _check_socket(driver: Any, _entry: object, _proxy: object) -> None:
    """A PostgreSQL server sends nothing between two statements but the end of the connection."""
    incoming = _poll()
    incoming.register(driver.pgconn.socket, POLLIN)
    if incoming.poll(0):
        raise exc.DisconnectionError("The server has closed the connection")
