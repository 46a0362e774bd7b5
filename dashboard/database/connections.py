"""Connections that stay open and ready between two uses.

SQLAlchemy's pools put a Connection together anew each time, which costs several times what most questions cost.
"""

from contextlib import suppress
from queue import Empty, SimpleQueue
from select import POLLIN

from gevent import monkey
from sqlalchemy import Connection, Engine, event

from dashboard.database.errors import DatabaseBusyError

_poll = monkey.get_original("select", "poll")  # it will not wait, so no other greenlet needs to be let run


class Connections:
    """So many at most; who finds none waits for so many seconds, and then gets a DatabaseBusyError.

    They have these execution options.
    """

    def __init__(self, engine: Engine, at_most: int, timeout: float, **options: str) -> None:
        self._engine = engine
        self._options = options
        self._timeout = timeout
        self._may_end = engine.dialect.name == "postgresql"
        self._idle: list[Connection] = []
        self._places: SimpleQueue[None] = SimpleQueue()  # cheaper than a semaphore, which is written in Python
        for _ in range(at_most):
            self._places.put(None)
        event.listen(engine, "engine_disposed", self._close_idle)
        event.listen(engine, "invalidate", self._close_idle)  # what one has met, the others have met or will

    def use(self) -> "_Use":
        """One of them, to be used by `with`; its end undoes what has not been committed."""
        return _Use(self)

    def take(self) -> Connection:
        try:
            self._places.get(timeout=self._timeout)
        except Empty:
            raise DatabaseBusyError from None
        try:
            return self._ready() or self._engine.connect().execution_options(**self._options)
        except BaseException:
            self._places.put(None)
            raise

    def give_back(self, connection: Connection, failed: bool) -> None:
        try:
            if transaction := connection.get_transaction():
                transaction.close()
            if connection.invalidated:
                connection.close()
                return
            if failed:
                connection.connection.rollback()  # the transaction may have ended for SQLAlchemy alone
            self._idle.append(connection)
        except BaseException:
            connection.invalidate()
            raise
        finally:
            self._places.put(None)

    def _ready(self) -> Connection | None:
        with suppress(IndexError):  # none, or another thread was faster
            while True:
                connection = self._idle.pop()  # the last one used: what it has read is still at hand
                if not (self._may_end and _has_ended(connection)):
                    return connection
                connection.invalidate()
                connection.close()
        return None

    def _close_idle(self, *_: object) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().close()


class _Use:
    """What a generator with @contextmanager would be, for a third of its cost."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def __enter__(self) -> Connection:
        self._connection = self._connections.take()
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._connections.give_back(self._connection, kind is not None)


def _has_ended(connection: Connection) -> bool:
    """Whether PostgreSQL has closed this connection meanwhile; it is then replaced.

    To ask it would be a round trip at every use. But a server says nothing unasked, unless it is its last word.
    """
    incoming = _poll()
    incoming.register(connection.connection.dbapi_connection.pgconn.socket, POLLIN)  # type: ignore[union-attr]
    return bool(incoming.poll(0))
