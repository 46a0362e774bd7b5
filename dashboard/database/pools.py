"""What is added to SQLAlchemy's connection pools, by their events.

A stale connection is replaced before it is used, which `pool_pre_ping` does for a round trip at each use. A connection
is rolled back after each use, which `pool_reset_on_return` leaves out after a failed commit.
"""

from collections.abc import Iterable
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


def set_up(engines: Iterable[Engine]) -> None:
    """Add this to the pools of these engines, which have `pool_reset_on_return=None`."""
    failures = _Failures()
    for engine in engines:
        event.listen(engine, "reset", _roll_back)
        event.listen(engine, "connect", failures.note_age)
        event.listen(engine, "invalidate", failures.note)
        event.listen(engine, "checkout", failures.check_age)
        if engine.dialect.name == "postgresql":
            event.listen(engine, "checkout", _check_socket)


def _roll_back(driver: Any, _entry: object, _state: object) -> None:
    driver.rollback()


class _Failures:
    """Replaces, when it is next used, each connection that is older than the last failure of any of these engines.

    After a full disk, a read-only file or a lost network all connections have the same fault: one request meets it.
    """

    def __init__(self) -> None:
        self._count = 0

    def note_age(self, _driver: object, entry: ConnectionPoolEntry) -> None:
        entry.info["failures"] = self._count

    def note(self, _driver: object, _entry: object, exception: BaseException | None) -> None:
        if not isinstance(exception, exc.DisconnectionError):  # it is a replacement by the checks below
            self._count += 1

    def check_age(self, _driver: object, entry: ConnectionPoolEntry, _proxy: object) -> None:
        if entry.info["failures"] != self._count:
            raise exc.DisconnectionError("Another connection has failed since this one was opened")


def _check_socket(driver: Any, _entry: object, _proxy: object) -> None:
    """A PostgreSQL server sends nothing between two statements but the end of the connection."""
    incoming = _poll()
    incoming.register(driver.pgconn.socket, POLLIN)
    if incoming.poll(0):
        raise exc.DisconnectionError("The server has closed the connection")
