"""How a connection to SQLite is set up, and how a transaction on it begins."""

from importlib import import_module
from time import monotonic, sleep
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, event

from dashboard.config import Durability

try:
    driver: ModuleType = import_module("pysqlite3.dbapi2")
except ImportError:  # there is no wheel of it for this platform
    driver = import_module("sqlite3")

BUSY_TIMEOUT = 5_000  # milliseconds that a transaction waits for SQLite's one write lock

BUSY_SLICE = 20  # milliseconds of it that SQLite itself waits at a time: no other greenlet runs meanwhile

HARMLESS = ("locked", "interrupted")  # in SQLite's messages: errors after which the connection is as good as before


def set_up(engine: Engine, durability: Durability) -> None:
    """Give every connection of this engine its PRAGMAs, and its transactions their BEGIN.

    On a connection with `writes_until` in its info, a time of monotonic(), a transaction takes the write lock at its
    begin: one that reads first and takes the lock later fails where another one has written in between.
    """
    synchronous = "FULL" if durability is Durability.FULL else "NORMAL"

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver begins no transaction by itself; "begin" below does
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")  # first: the next line may have to wait
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA busy_timeout = {BUSY_SLICE}")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if until := connection.info.get("writes_until"):
            _begin_immediate(connection, until)
        else:
            connection.connection.cursor().execute("BEGIN")

    @event.listens_for(engine, "handle_error")
    def handle_error(context: ExceptionContext) -> None:
        # A connection that met a full disk or a read-only file does not recover: the next request gets a new one.
        error = context.original_exception
        if isinstance(error, driver.OperationalError) and not any(word in str(error) for word in HARMLESS):
            context.is_disconnect = True


def _begin_immediate(connection: Connection, until: float) -> None:
    """Take the write lock; while it waits, other greenlets run."""
    while monotonic() < until:
        try:
            connection.connection.cursor().execute("BEGIN IMMEDIATE")
        except driver.OperationalError as error:
            if "locked" not in str(error):
                break
            sleep(BUSY_SLICE / 1000)
        else:
            return
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # once more, for SQLAlchemy to raise its own exception
